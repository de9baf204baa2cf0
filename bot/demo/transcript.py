"""What is said in a workspace, as it is said: new messages, and cards whose first line changes."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.playground.visitor import Visitor

_PERSON = re.compile(r"<@(?P<id>[UW][A-Z0-9]+)(?:\|[^>]*)?>")
_LINK = re.compile(r"<(?P<url>https?://[^>|]+)(?:\|(?P<words>[^>]*))?>")
CHANNELS = {"C0PRODUCT": "product", "C0CUSTOMERS": "customers", "C0NOTES": "notes"}
_NAMES = {"U0WAGGLE": "waggle", "U0ANA": "ana", "U0BEN": "ben", "U0SUPPORT": "support"}


@dataclass(frozen=True)
class Line:
    """One thing that was said.

    Attributes:
        at: when, ISO 8601.
        thread: the message that it answers; empty at the top of a channel.
        edit: it is the new text of a message that was there before.
    """

    at: str
    channel: str
    thread: str
    author: str
    text: str
    edit: bool = False

    def as_json(self) -> dict[str, str]:
        return {"at": self.at, "channel": self.channel, "thread": self.thread, "author": self.author, "text": self.text}


class Transcript:
    """Follows the channel where the work is talked about.

    Parameters:
        tell: called with each line as it appears.
    """

    def __init__(self, visitor: Visitor, channel: str, tell: Callable[[Line], None]) -> None:
        self._visitor = visitor
        self._channel = channel
        self._tell = tell
        self._texts: dict[str, str] = {}
        self.lines: list[Line] = []

    async def begin(self) -> None:
        """Take what is there already as known: the sample world's own talk."""
        for message in await self._visitor.messages(self._channel):
            self._texts[str(message["ts"])] = _text(message)

    async def look(self) -> None:
        """Take in what is new."""
        for message in await self._visitor.messages(self._channel):
            self._take(message, "")
            if message.get("reply_count") and not self._is_old(message):
                for reply in (await self._visitor.thread(self._channel, str(message["ts"])))[1:]:
                    self._take(reply, str(message["ts"]))

    def _is_old(self, message: dict[str, Any]) -> bool:
        return not any(line.thread == message["ts"] or line.at == _at(message) for line in self.lines)

    def _take(self, message: dict[str, Any], thread: str) -> None:
        ts, text = str(message["ts"]), _text(message)
        before = self._texts.get(ts)
        if before == text:
            return
        self._texts[ts] = text
        line = Line(
            at=_at(message) if before is None else datetime.now(UTC).isoformat(timespec="seconds"),
            channel=CHANNELS.get(self._channel, self._channel),
            thread=thread,
            author=_NAMES.get(str(message.get("user", "")), str(message.get("user") or message.get("bot_id", ""))),
            text=text,
            edit=before is not None,
        )
        self.lines.append(line)
        self._tell(line)


def _text(message: dict[str, Any]) -> str:
    """A message's words as people read them: names for people, the words of links."""
    text = _PERSON.sub(lambda found: f"@{_NAMES.get(found['id'], found['id'])}", str(message.get("text", "")))
    return html.unescape(_LINK.sub(lambda found: found["words"] or found["url"], text))


def _at(message: dict[str, Any]) -> str:
    return datetime.fromtimestamp(float(message["ts"]), UTC).isoformat(timespec="seconds")
