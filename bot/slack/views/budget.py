"""Slack's limits, and how a message is brought within them.

A message with too much text is refused as a whole, buttons and all, so it is cut here. Sources: docs.slack.dev
(sections 3,000 characters, header 150, 50 blocks); the total of about 13,200 characters is undocumented
(slackapi/bolt-js#2509).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SECTION = 3000
HEADER = 150
CONTEXT = 2000
BUTTON = 75
BLOCKS = 50
TOTAL = 13_000
NOTIFICATION = 3000
ELEMENTS = 25  #: of an actions block

Block = dict[str, Any]

_SHORTEST = 120
_OPEN_ENTITY = re.compile(r"&[a-z]{0,4}$")
_OPEN_FENCE = re.compile(r"(?<!`)`{1,2}$")


@dataclass(frozen=True)
class Message:
    """What is sent: the text for notifications and for readers without blocks, and the blocks."""

    text: str
    blocks: tuple[Block, ...] = ()


def clip(raw: str, limit: int) -> str:
    """Plain text of at most `limit` characters."""
    return raw if len(raw) <= limit else raw[: limit - 1].rstrip() + "…"


def clip_mrkdwn(raw: str, limit: int) -> str:
    """Escaped text of at most `limit` characters: no entity, token or code fence is cut in half."""
    if len(raw) <= limit:
        return raw
    cut = raw[: limit - 5]
    opened = cut.rfind("<")
    if opened > cut.rfind(">"):
        cut = cut[:opened]
    cut = _OPEN_ENTITY.sub("", cut)
    last_line = cut.rfind("\n")
    if last_line > len(cut) * 0.8:
        cut = cut[:last_line]
    cut = _OPEN_FENCE.sub("", cut.rstrip()).rstrip()
    return cut + ("…\n```" if cut.count("```") % 2 else "…")


def fit(text: str, blocks: Sequence[Block]) -> Message:
    """A message that Slack accepts: the longest texts are cut until the whole fits."""
    kept = list(blocks)
    while len(kept) > BLOCKS:
        kept.pop(_least_needed(kept))
    while _size(kept) > TOTAL:
        longest = max(range(len(kept)), key=lambda n: len(_mrkdwn(kept[n])))
        body = _mrkdwn(kept[longest])
        if len(body) > _SHORTEST:
            kept[longest] = {
                **kept[longest],
                "text": {**kept[longest]["text"], "text": clip_mrkdwn(body, max(_SHORTEST, len(body) * 2 // 3))},
            }
        else:
            kept.pop(_least_needed(kept))
    return Message(clip_mrkdwn(text, NOTIFICATION), tuple(kept))


def _mrkdwn(block: Block) -> str:
    return str(block["text"]["text"]) if block["type"] == "section" else ""


def _size(blocks: Sequence[Block]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False))


def _least_needed(blocks: Sequence[Block]) -> int:
    """The last block that is neither a heading nor buttons."""
    for n in range(len(blocks) - 1, -1, -1):
        if blocks[n]["type"] not in {"header", "actions"}:
            return n
    return len(blocks) - 1
