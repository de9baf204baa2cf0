"""Messages with everything around them: threads, reactions, files, parents."""

from __future__ import annotations

from integrations.playground.slack.files import Files
from integrations.playground.slack.messages import Message, Messages
from integrations.playground.slack.shapes import file_json, message_json
from integrations.playground.slack.store import Json


class Reading:
    """Parameters: `url` is the playground's address, which files are given with."""

    def __init__(self, messages: Messages, files: Files, url: str) -> None:
        self._messages = messages
        self._files = files
        self._url = url

    def one(self, message: Message, *, with_metadata: bool = False) -> Json:
        parent = self._messages.get(message.channel, message.thread_ts) if message.thread_ts else None
        return message_json(
            message,
            self._messages.thread(message.channel, message.ts),
            self._messages.reactions(message.channel, message.ts),
            [file_json(file, self._url) for file in self._files.many(message.files)],
            parent.user if parent else "",
            with_metadata=with_metadata,
        )

    def history(
        self,
        channel: str,
        *,
        newer: str = "0",
        older: str = "9",
        inclusive: bool = False,
        with_metadata: bool = False,
    ) -> list[Json]:
        """What stands in the channel itself, newest first."""
        found = self._messages.history(channel, newer=newer, older=older, inclusive=inclusive)
        return [self.one(message, with_metadata=with_metadata) for message in found]

    def thread(self, channel: str, ts: str, *, newer: str = "", with_metadata: bool = False) -> list[Json]:
        """The root, or the tombstone of a deleted one, and the replies. Empty when there is no such message."""
        root = self._messages.get(channel, ts)
        replies = self._messages.replies(channel, ts)
        if root is None and not replies:
            return []
        first = [self.one(root, with_metadata=with_metadata)] if root else [_tombstone(ts)]
        later = [message for message in replies if not newer or message.ts > newer]
        return first + [self.one(message, with_metadata=with_metadata) for message in later]


def _tombstone(ts: str) -> Json:
    return {
        "type": "message",
        "subtype": "tombstone",
        "text": "This message was deleted.",
        "user": "USLACKBOT",
        "hidden": True,
        "ts": ts,
        "thread_ts": ts,
    }
