"""What is said in channels, as context: the door for whoever listens there.

A listener knows its own chat system and nothing of sources and passages; here its words become plain text with a
channel's name and a date.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from bot.context.messages import ChatMessage
from bot.context.search import SearchResult
from bot.context.store import ContextStore


class ChannelContext:
    """Takes in messages of channels.

    Parameters:
        channel_name: what people call a channel, without `#`.
        plain: a message as the chat system writes it, as plain text.
    """

    def __init__(
        self,
        store: ContextStore,
        channel_name: Callable[[str], str] = lambda channel: channel,
        plain: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._store = store
        self._channel_name = channel_name
        self._plain = plain

    async def take_message(
        self,
        channel: str,
        ts: str,
        user: str,
        text: str,
        permalink: str,
        kind: str,
        deleted: bool = False,
        edited: bool = False,
    ) -> None:
        """Take in a message, its new words, or its deletion.

        Parameters:
            ts: seconds since the epoch with a fraction, which is also the message's id in its channel.
            kind: what the channel holds: `feedback` are customers' words, anything else the team's own.
            edited: its words changed; taking the message in again does the same.
        """
        if deleted:
            await self._store.forget_message(channel, ts, actor=user or "waggle")
            return
        meaning: Literal["feedback", "notes"] = "feedback" if kind == "feedback" else "notes"
        at = datetime.fromtimestamp(float(ts), UTC)
        message = ChatMessage(channel, self._channel_name(channel), ts, user, self._plain(text), meaning, at, permalink)
        if message.text.strip():
            await self._store.take_message(message)

    async def search(self, text: str, limit: int) -> Sequence[SearchResult]:
        """The best passages for `text`, best first."""
        return await self._store.search(text, limit)
