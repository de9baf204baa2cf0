"""What a person does with a form: fill it in and send it, press something in it, close it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.playground.slack import interactions
from integrations.playground.slack.blocks import check_view
from integrations.playground.slack.deliveries import Kind
from integrations.playground.slack.forms import Forms, View
from integrations.playground.slack.live import Live
from integrations.playground.slack.posting import Posting
from integrations.playground.slack.pressing import Impossible, action_of, element_in, options_of
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.socket_mode import SocketMode
from integrations.playground.slack.store import Json
from integrations.playground.slack.triggers import Triggers

Filled = Mapping[str, object]
"""What was entered: by block id, a text or, for checkboxes, a list of values."""


@dataclass(frozen=True)
class Sent:
    """What came of sending a form: whether it is done, and what is wrong with which block."""

    done: bool
    errors: dict[str, str] = field(default_factory=dict)


class Filling:
    def __init__(self, forms: Forms, posting: Posting, sockets: SocketMode, triggers: Triggers, live: Live) -> None:
        self._forms = forms
        self._posting = posting
        self._sockets = sockets
        self._triggers = triggers
        self._live = live

    async def submit(self, user: str, view_id: str, filled: Filled) -> Sent:
        """Send a form.

        Raises:
            Impossible: the form is gone, or Waggle answered with a form that Slack would refuse.
            NotDelivered: Waggle did not answer.
        """
        view = self._view(user, view_id)
        missing = _missing(view, filled)
        if missing:
            return Sent(False, missing)
        values = values_of(view, filled)
        payload = interactions.submission(user, view, values, trigger=self._triggers.issue(user))
        answer = await self._sockets.ask(self._sockets.deliver(Kind.INTERACTIVE, payload))
        action = answer.get("response_action")
        if action == "errors":
            return Sent(False, {str(block): str(what) for block, what in answer.get("errors", {}).items()})
        if action in ("update", "push"):
            self._follow(view, answer, push=action == "push")
        else:
            for one in self._forms.stack(user) if action == "clear" else [view]:
                self._forms.close(one)
        self._live.tell({"type": "view", "user": user, "kind": "modal"})
        return Sent(action not in ("update", "push"))

    async def press(self, user: str, view_id: str, action_id: str, filled: Filled, choice: str = "") -> None:
        """Press a button in a form or on the Home tab.

        Raises:
            Impossible: there is no such thing.
            NotDelivered: Waggle did not answer.
        """
        view = self._view(user, view_id)
        block, element = element_in(view.body["blocks"], action_id)
        action = action_of(block, element, choice, self._posting.stamps.next())
        values = values_of(view, filled)
        payload = interactions.view_click(action, user, view, values, trigger=self._triggers.issue(user))
        await self._sockets.ask(self._sockets.deliver(Kind.INTERACTIVE, payload))

    async def close(self, user: str, view_id: str) -> None:
        """Close a form without sending it.

        Raises:
            NotDelivered: Waggle asked to be told, and did not answer.
        """
        view = self._view(user, view_id)
        self._forms.close(view)
        self._live.tell({"type": "view", "user": user, "kind": "modal"})
        if view.body.get("notify_on_close"):
            payload = interactions.closed(user, view, cleared=False)
            await self._sockets.ask(self._sockets.deliver(Kind.INTERACTIVE, payload))

    def _follow(self, view: View, answer: Json, *, push: bool) -> None:
        try:
            check_view(answer.get("view"), "modal")
        except Refused as refused:
            raise Impossible(f"Waggle answered with a form that Slack refuses: {'; '.join(refused.messages)}") from None
        if push:
            self._forms.open(view.user, answer["view"], view)
        else:
            self._forms.change(view, answer["view"])

    def _view(self, user: str, view_id: str) -> View:
        view = self._forms.get(view_id)
        if view is None or view.user != user:
            raise Impossible("This form is not open any more.")
        return view


def values_of(view: View, filled: Filled) -> Json:
    """`state.values` of a view. Pure."""
    values: Json = {}
    for block in view.body["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            values[block["block_id"]] = {element["action_id"]: _value(element, filled.get(block["block_id"]))}
    return values


def _value(element: Json, entered: object) -> Json:
    kind = element["type"]
    if kind in ("plain_text_input", "number_input"):
        return {"type": kind, "value": str(entered) if entered not in (None, "") else None}
    if kind == "checkboxes":
        chosen = entered if isinstance(entered, list) else []
        return {"type": kind, "selected_options": [one for one in options_of(element) if one["value"] in chosen]}
    if kind in ("static_select", "radio_buttons"):
        option = next((one for one in options_of(element) if one["value"] == entered), None)
        return {"type": kind, "selected_option": option}
    names = {
        "users_select": "selected_user",
        "channels_select": "selected_channel",
        "conversations_select": "selected_conversation",
        "datepicker": "selected_date",
    }
    return {"type": kind, names[kind]: entered or None}


def _missing(view: View, filled: Filled) -> dict[str, str]:
    return {
        block["block_id"]: "Please complete this required field."
        for block in view.body["blocks"]
        if block["type"] == "input" and not block.get("optional") and filled.get(block["block_id"]) in (None, "", [])
    }
