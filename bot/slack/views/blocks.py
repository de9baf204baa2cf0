"""The few kinds of blocks that Waggle uses, each within its own limit. Text in, escaped before it comes here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.slack.buttons import LINK, PREFIX, Token, action_id
from bot.slack.views import escape
from bot.slack.views.budget import BUTTON, CONTEXT, ELEMENTS, HEADER, SECTION, Block, clip, clip_mrkdwn

_CONFIRM = 30  #: Slack's limit for what a dialog's button says


@dataclass(frozen=True)
class Button:
    """A button before it has a place.

    Attributes:
        verb: what it does, see `bot.slack.buttons`; empty for a link.
        option: which of several answers it gives.
        url: what a link opens.
        confirm: what Slack asks before it counts; empty: nothing.
    """

    label: str
    verb: str = ""
    style: str = ""
    option: int | None = None
    url: str = ""
    confirm: str = ""


def header(raw: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": clip(escape.plain(raw), HEADER) or "…"}}


def section(mrkdwn: str) -> Block:
    """Paragraphs of escaped text. `verbatim`: addresses in others' words are not made links."""
    text = clip_mrkdwn(mrkdwn, SECTION) or "…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def context(mrkdwn: str) -> Block:
    element = {"type": "mrkdwn", "text": clip_mrkdwn(mrkdwn, CONTEXT) or "…", "verbatim": True}
    return {"type": "context", "elements": [element]}


def divider() -> Block:
    return {"type": "divider"}


def actions(buttons: Iterable[Button], token: Token) -> list[Block]:
    """A row of buttons, or nothing when there are none."""
    elements = [_button(one, token, n) for n, one in enumerate(buttons)][:ELEMENTS]
    return [{"type": "actions", "elements": elements}] if elements else []


def _button(one: Button, token: Token, n: int) -> Block:
    block: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": clip(escape.plain(one.label), BUTTON) or "…"},
    }
    if one.style:
        block["style"] = one.style
    if one.confirm:
        block["confirm"] = {
            "title": {"type": "plain_text", "text": clip(escape.plain(f"{one.label}?"), BUTTON)},
            "text": {"type": "plain_text", "text": escape.plain(one.confirm)},
            "confirm": {"type": "plain_text", "text": clip(escape.plain(one.label), _CONFIRM)},
            "deny": {"type": "plain_text", "text": "Not now"},
        }
    if one.url:
        return {**block, "action_id": f"{PREFIX}{LINK}.{n}", "url": one.url}
    return {**block, "action_id": action_id(one.verb, one.option), "value": str(token)}
