"""Whether Slack would take these blocks, or this view.

What Slack takes and the playground's page cannot show (`markdown`, tables, videos, `plan`, `task_card`) is refused
too, as an older Slack refuses it: what was accepted is then what people see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import Any

from integrations.playground.slack.block_elements import (
    ACCESSORY,
    CONTEXT,
    ID,
    INPUT,
    INTERACTIVE,
    SLACK_FILE,
    either,
    plain,
)
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.rich_text import RICH_TEXT
from integrations.playground.slack.schema import (
    Findings,
    Rule,
    anything,
    by_type,
    flag,
    items,
    one_of,
    record,
    string,
    web_address,
)
from integrations.playground.slack.store import Json


class Surface(Enum):
    """Where blocks are shown."""

    MESSAGE = "message"
    MODAL = "modal"
    HOME = "home"


_MOST = {Surface.MESSAGE: 50, Surface.MODAL: 100, Surface.HOME: 100}
_KIND: dict[str, Rule] = {"type": anything}
_BLOCK_ID: dict[str, Rule] = {"block_id": ID}
_KINDS: dict[str, Rule] = {
    "header": record(_KIND | {"text": plain(150)}, _BLOCK_ID),
    "divider": record(_KIND, _BLOCK_ID),
    "section": record(
        _KIND,
        {**_BLOCK_ID, "text": either(3000), "fields": items(either(2000), 10), "accessory": ACCESSORY, "expand": flag},
    ),
    "context": record(_KIND | {"elements": items(CONTEXT, 10)}, _BLOCK_ID),
    "actions": record(_KIND | {"elements": items(INTERACTIVE, 25)}, _BLOCK_ID),
    "image": record(
        _KIND | {"alt_text": string(2000)},
        {**_BLOCK_ID, "image_url": web_address, "slack_file": SLACK_FILE, "title": plain(2000)},
    ),
    "rich_text": RICH_TEXT,
    "input": record(
        _KIND | {"label": plain(2000), "element": INPUT},
        {**_BLOCK_ID, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
}
_VIEW: dict[str, Rule] = {
    "private_metadata": string(3000),
    "callback_id": ID,
    "external_id": ID,
    "clear_on_close": flag,
    "notify_on_close": flag,
    "submit_disabled": flag,
    "title": plain(24),
    "submit": plain(24),
    "close": plain(24),
}


def check_blocks(blocks: Any, surface: Surface) -> None:
    """Raises: Refused `invalid_blocks`, with every mistake and where it is."""
    findings = Findings()
    _blocks(surface)(findings, blocks, "/blocks")
    if findings.messages:
        raise Refused("invalid_blocks", messages=tuple(findings.messages))


def completed(blocks: list[Json]) -> list[Json]:
    """The blocks with the ids that Slack gives where the app gave none."""
    done: list[Json] = []
    for position, given in enumerate(blocks):
        block: Json = {"block_id": f"b{position}"} | given
        if block["type"] == "actions":
            block["elements"] = [
                {"action_id": f"{block['block_id']}a{number}"} | element
                for number, element in enumerate(block["elements"])
            ]
        for part in ("accessory", "element"):
            if part in block and block[part]["type"] != "image":
                block[part] = {"action_id": f"{block['block_id']}a0"} | block[part]
        done.append(block)
    return done


def check_view(view: Any, kind: str) -> None:
    """`kind` is `modal` or `home`. Raises: Refused `invalid_arguments`, with every mistake and where it is."""
    findings = Findings()
    blocks = _blocks(Surface.MODAL if kind == "modal" else Surface.HOME)
    needed: dict[str, Rule] = {"type": one_of(kind), "blocks": blocks}
    if kind == "modal":
        needed["title"] = _VIEW["title"]
    if findings.fields(view, "/view", needed, _VIEW) and kind == "modal" and not view.get("submit"):
        listed = view.get("blocks")
        if isinstance(listed, list) and any(isinstance(one, Mapping) and one.get("type") == "input" for one in listed):
            findings.add("`submit` is required when an `input` is present", "/view")
    if findings.messages:
        raise Refused("invalid_arguments", messages=tuple(findings.messages))


def _blocks(surface: Surface) -> Rule:
    listed = items(by_type(_KINDS), _MOST[surface], 0)

    def check(findings: Findings, value: Any, pointer: str) -> None:
        listed(findings, value, pointer)
        if not isinstance(value, list):
            return
        seen: Counter[str] = Counter()
        for position, block in enumerate(value):
            if isinstance(block, Mapping):
                here = f"{pointer}/{position}"
                seen[str(block.get("block_id") or "")] += 1
                _together(findings, block, here)
        for block_id, times in seen.items():
            if block_id and times > 1:
                findings.add(f"`block_id` {block_id} already exists", pointer)

    return check


def _together(findings: Findings, block: Mapping[str, Any], pointer: str) -> None:
    """What no field says alone."""
    kind = block.get("type")
    if kind == "section" and not block.get("text") and not block.get("fields"):
        findings.add("must define either `text` or `fields`", pointer)
    if kind == "image" and bool(block.get("image_url")) == bool(block.get("slack_file")):
        findings.add("must define either `image_url` or `slack_file`", pointer)
    elements = block.get("elements") if kind == "actions" else [block.get("accessory"), block.get("element")]
    named: Counter[str] = Counter()
    for element in elements if isinstance(elements, list) else []:
        if not isinstance(element, Mapping):
            continue
        named[str(element.get("action_id") or "")] += 1
        if element.get("type") == "static_select" and bool(element.get("options")) == bool(
            element.get("option_groups")
        ):
            findings.add("must define either `options` or `option_groups`", pointer)
    for action_id, times in named.items():
        if action_id and times > 1:
            findings.add(f"`action_id` {action_id} already exists for this block", pointer)
