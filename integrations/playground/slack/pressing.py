"""Finding what was pressed, and what Slack tells the app about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from integrations.playground.slack.store import Json


class Impossible(Exception):
    """A person tried something that cannot be done; the message says why, as a sentence."""


_CHOICES = {
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
}
_SENT = ("text", "value", "style", "url", "placeholder", "confirm", "initial_option", "initial_date")


def element_in(blocks: Sequence[Json], action_id: str, block_id: str = "") -> tuple[Json, Json]:
    """The block and the element with this action id.

    Raises:
        Impossible: there is none; the sentence names those that are there.
    """
    found = [(block, element) for block in blocks for element in _elements(block)]
    for block, element in found:
        if element.get("action_id") == action_id and block_id in ("", block.get("block_id")):
            return block, element
    there = ", ".join(str(element.get("action_id")) for _, element in found) or "nothing"
    raise Impossible(f"There is no {action_id} to press in this message; there is {there}.")


def action_of(block: Json, element: Json, choice: str, action_ts: str) -> Json:
    """The entry of `actions` in a `block_actions` payload.

    Raises:
        Impossible: the menu has no such choice.
    """
    kind = str(element["type"])
    action: Json = {
        "action_id": element.get("action_id", ""),
        "block_id": block.get("block_id", ""),
        "type": kind,
        "action_ts": action_ts,
    }
    action |= {name: element[name] for name in _SENT if name in element}
    if kind in ("static_select", "radio_buttons", "overflow"):
        action["selected_option"] = _option(element, choice)
    elif kind in _CHOICES:
        action[_CHOICES[kind]] = choice
    return action


def options_of(element: Json) -> list[Json]:
    groups: list[Json] = element.get("option_groups") or []
    return [*(element.get("options") or []), *(option for group in groups for option in group["options"])]


def _option(element: Json, choice: str) -> Json:
    for option in options_of(element):
        if option["value"] == choice:
            return {name: option[name] for name in ("text", "value") if name in option}
    raise Impossible(f"There is no choice {choice!r}.")


def _elements(block: Json) -> Iterator[Json]:
    if block["type"] == "actions":
        yield from block["elements"]
    accessory = block.get("accessory")
    if accessory is not None and accessory["type"] != "image":
        yield accessory
