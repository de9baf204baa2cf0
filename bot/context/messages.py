"""A chat message as a source: who said it, for which customer, and the words. Pure; knows no chat system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.context.passages import PassageDraft, cut, paragraphs

#: `Northwind Logistics (Priya, by mail): "We need …"`, as support people pass words on.
_RELAYED = re.compile(
    r"(?P<customer>[A-Z][^():\n\"“]{1,60}?)\s*\((?P<who>[^(),\n]{1,40})(?:,[^()\n]{0,60})?\):\s*(?P<said>\S.*)",
    re.DOTALL,
)
#: `Northwind Logistics: "We need …"`
_QUOTED = re.compile(r"(?P<customer>[A-Z][^():\n\"“]{1,60}?):\s*(?P<said>[\"“].+)", re.DOTALL)


@dataclass(frozen=True)
class ChatMessage:
    """One message of a channel that Waggle listens to for context.

    Attributes:
        channel, ts: its place; together they identify it for ever.
        channel_name: for its title, without `#`.
        text: plain text; mentions and links are already words.
        meaning: what the channel holds: `feedback` are customers' words, `notes` are the team's own.
        at: when it was written (UTC).
    """

    channel: str
    channel_name: str
    ts: str
    author: str
    text: str
    meaning: Literal["feedback", "notes"]
    at: datetime
    url: str = ""


@dataclass(frozen=True)
class MessageDocument:
    """A message, ready to be stored."""

    title: str
    customer: str
    passages: tuple[PassageDraft, ...]


def message_key(channel: str, ts: str) -> str:
    """What identifies a message among all sources."""
    return f"slack:{channel}:{ts}"


def read_message(message: ChatMessage) -> MessageDocument:
    """Title, customer and passages of a message."""
    text = message.text.strip()
    relayed = _RELAYED.fullmatch(text) or _QUOTED.fullmatch(text)
    customer = relayed["customer"].strip() if relayed and message.meaning == "feedback" else ""
    speaker = relayed.groupdict().get("who") or "" if relayed and customer else message.author
    drafts = cut(paragraphs(text))
    passages = tuple(PassageDraft(one.text, speaker.strip(), customer) for one in drafts)
    source = f"{customer} in #{message.channel_name}" if customer else f"#{message.channel_name}"
    return MessageDocument(f"{source}, {message.at.date().isoformat()}", customer, passages)
