"""What happens when something is posted, changed, deleted or reacted to, whoever does it.

Each act is one transaction: the change, and the events for the app. Open pages are told afterwards.
"""

from __future__ import annotations

from dataclasses import replace

from integrations.playground.slack import events
from integrations.playground.slack.channels import Channel, Channels
from integrations.playground.slack.deliveries import Kind
from integrations.playground.slack.files import Files
from integrations.playground.slack.live import Live
from integrations.playground.slack.messages import Ephemeral, Message, Messages, Timestamps
from integrations.playground.slack.people import BOT_USER
from integrations.playground.slack.shapes import file_json
from integrations.playground.slack.socket_mode import SocketMode
from integrations.playground.slack.store import Json, Store


class Posting:
    """Parameters: `url` is the playground's address, which files are given with."""

    def __init__(
        self,
        store: Store,
        channels: Channels,
        messages: Messages,
        files: Files,
        stamps: Timestamps,
        sockets: SocketMode,
        live: Live,
        url: str,
    ) -> None:
        self._store = store
        self._channels = channels
        self._messages = messages
        self._files = files
        self.stamps = stamps
        self._sockets = sockets
        self._live = live
        self._url = url

    def post(self, message: Message) -> None:
        """A new message. Waggle hears of it when it is in the channel; a mention arrives twice, as in Slack."""
        channel = self._channel(message.channel)
        parent = self._messages.get(channel.id, message.thread_ts) if message.thread_ts else None
        files = [file_json(file, self._url) for file in self._files.many(message.files)]
        mention = f"<@{BOT_USER}" in message.text and not channel.is_im and message.user != BOT_USER
        with self._store.together():
            self._messages.put(message)
            if mention:
                self._tell(channel, message.ts, events.mentioned(message, channel))
            self._tell(channel, message.ts, events.said(message, channel, parent.user if parent else "", files))
        self._announce({"type": "message", "channel": channel.id, "ts": message.ts, "thread_ts": message.thread_ts})

    def change(self, message: Message, previous: Message) -> None:
        """An edit; Waggle hears of its own edits too."""
        channel, ts = self._channel(message.channel), self.stamps.next()
        with self._store.together():
            self._messages.put(message)
            self._tell(channel, ts, events.changed(message, previous, channel, ts))
        self._announce({"type": "message", "channel": channel.id, "ts": message.ts, "thread_ts": message.thread_ts})

    def delete(self, message: Message) -> None:
        channel, ts = self._channel(message.channel), self.stamps.next()
        with self._store.together():
            self._messages.put(replace(message, deleted=True))
            self._tell(channel, ts, events.deleted(message, channel, ts))
        self._announce({"type": "deleted", "channel": channel.id, "ts": message.ts, "thread_ts": message.thread_ts})

    def whisper(self, message: Ephemeral) -> None:
        """A message for one person. No event tells of it."""
        self._messages.whisper(message)
        self._announce({"type": "whisper", "channel": message.channel, "user": message.user, "ts": message.ts})

    def forget_whisper(self, message: Ephemeral) -> None:
        self._messages.forget_whisper(message.ts)
        self._announce({"type": "whisper", "channel": message.channel, "user": message.user, "ts": message.ts})

    def react(self, message: Message, name: str, user: str) -> bool:
        """False when this person reacted with it before."""
        with self._store.together():
            fresh = self._messages.react(message.channel, message.ts, name, user)
            if fresh:
                self._reacted("reaction_added", message, name, user)
        if fresh:
            self._announce({"type": "message", "channel": message.channel, "ts": message.ts})
        return fresh

    def unreact(self, message: Message, name: str, user: str) -> bool:
        with self._store.together():
            was = self._messages.unreact(message.channel, message.ts, name, user)
            if was:
                self._reacted("reaction_removed", message, name, user)
        if was:
            self._announce({"type": "message", "channel": message.channel, "ts": message.ts})
        return was

    def join(self, channel: Channel, user: str, inviter: str = "") -> bool:
        ts = self.stamps.next()
        with self._store.together():
            fresh = self._channels.join(channel.id, user)
            if fresh:
                self._tell(channel, ts, events.joined(user, channel.id, inviter, ts))
        self._announce({"type": "channel", "channel": channel.id})
        return fresh

    def remove_waggle(self, channel: Channel) -> None:
        ts = self.stamps.next()
        with self._store.together():
            self._tell(channel, ts, events.left(channel.id, ts))
            self._channels.leave(channel.id, BOT_USER)
        self._announce({"type": "channel", "channel": channel.id})

    def archive(self, channel: Channel, archived: bool, user: str) -> None:
        ts = self.stamps.next()
        kind = "channel_archive" if archived else "channel_unarchive"
        with self._store.together():
            self._channels.set_archived(channel.id, archived)
            self._tell(channel, ts, events.archived(kind, channel.id, user, ts))
        self._announce({"type": "channel", "channel": channel.id})

    def open_home(self, user: str, channel: Channel, tab: str) -> None:
        ts = self.stamps.next()
        self._tell(channel, ts, events.home_opened(user, channel.id, tab, ts))
        self._sockets.ring()

    def _reacted(self, kind: str, message: Message, name: str, user: str) -> None:
        ts = self.stamps.next()
        self._tell(self._channel(message.channel), ts, events.reacted(kind, user, name, message, ts))

    def _tell(self, channel: Channel, ts: str, event: Json) -> None:
        if self._channels.has(channel.id, BOT_USER):
            self._sockets.deliver(Kind.EVENT, events.callback(event, float(ts)))

    def _announce(self, change: Json) -> None:
        self._live.tell(change)
        self._sockets.ring()

    def _channel(self, channel_id: str) -> Channel:
        channel = self._channels.get(channel_id)
        if channel is None:
            raise KeyError(channel_id)
        return channel
