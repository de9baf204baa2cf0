"""What a person does in a channel: write, edit, delete, react, share a file, give a command, press a button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import uuid4

from integrations.playground.slack import interactions
from integrations.playground.slack.channels import Channel, Channels
from integrations.playground.slack.composing import composed
from integrations.playground.slack.deliveries import Kind
from integrations.playground.slack.files import MAX_BYTES, Files
from integrations.playground.slack.forms import Forms
from integrations.playground.slack.messages import Ephemeral, Message, Messages
from integrations.playground.slack.people import BOT_USER, BY_NAME, COMMAND, USERS
from integrations.playground.slack.posting import Posting
from integrations.playground.slack.pressing import Impossible, action_of, element_in
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.response_urls import Origin, ResponseUrls
from integrations.playground.slack.socket_mode import NotDelivered, SocketMode
from integrations.playground.slack.store import Json
from integrations.playground.slack.triggers import Triggers

MAX_TYPED = 12_000


@dataclass(frozen=True)
class Answered:
    """What came of a command or a click: `text` is what the app said at once, to this person only."""

    text: str = ""


class Acting:
    """Parameters: `clock` gives seconds since the epoch."""

    def __init__(
        self,
        channels: Channels,
        messages: Messages,
        files: Files,
        forms: Forms,
        posting: Posting,
        sockets: SocketMode,
        triggers: Triggers,
        responses: ResponseUrls,
        clock: Callable[[], float],
    ) -> None:
        self._channels = channels
        self._messages = messages
        self._files = files
        self._forms = forms
        self._posting = posting
        self._sockets = sockets
        self._triggers = triggers
        self._responses = responses
        self._clock = clock

    def say(self, user: str, channel_id: str, text: str, thread_ts: str = "", files: tuple[str, ...] = ()) -> str:
        """Write a message and return its ts.

        Raises:
            Impossible: with a sentence.
        """
        channel = self._writable(user, channel_id)
        if not text.strip() and not files:
            raise Impossible("There is nothing to send.")
        if len(text) > MAX_TYPED:
            raise Impossible(f"This is too long: {len(text)} characters, at most {MAX_TYPED} fit into a message.")
        if thread_ts and not self._messages.exists(channel.id, thread_ts):
            raise Impossible("The thread is gone.")
        message = Message(
            channel.id,
            self._posting.stamps.next(),
            user,
            self._composed(text.strip()),
            thread_ts=thread_ts,
            subtype="file_share" if files else "",
            client_msg_id=str(uuid4()),
            files=files,
        )
        self._posting.post(message)
        self._channels.mark_read(channel.id, user, message.ts)
        return message.ts

    def share(self, user: str, channel_id: str, name: str, content: bytes, text: str = "", thread_ts: str = "") -> str:
        """Share a file with an optional text and return the message's ts.

        Raises:
            Impossible: with a sentence.
        """
        channel = self._writable(user, channel_id)
        if not 0 < len(content) <= MAX_BYTES:
            raise Impossible(f"A file has between 1 byte and {MAX_BYTES // 1024 // 1024} MB.")
        file = self._files.receive(self._files.announce(name, len(content), user, self._clock()), content)
        self._files.share(file, name, channel.id)
        return self.say(user, channel_id, text, thread_ts, (file.id,))

    def edit(self, user: str, channel_id: str, ts: str, text: str) -> None:
        message = self._own(user, channel_id, ts)
        edited = replace(
            message, text=self._composed(text.strip()), edited_user=user, edited_ts=self._posting.stamps.next()
        )
        self._posting.change(edited, message)

    def delete(self, user: str, channel_id: str, ts: str) -> None:
        self._posting.delete(self._own(user, channel_id, ts))

    def react(self, user: str, channel_id: str, ts: str, name: str, *, on: bool = True) -> None:
        message = self._message(channel_id, ts)
        if on:
            self._posting.react(message, name, user)
        else:
            self._posting.unreact(message, name, user)

    async def slash(self, user: str, channel_id: str, text: str, thread_ts: str = "") -> Answered:
        """Give a slash command; `text` begins with it.

        Raises:
            Impossible: the command is unknown, or stands in a thread.
            NotDelivered: Waggle did not answer.
        """
        channel = self._writable(user, channel_id)
        command, _, rest = text.strip().partition(" ")
        if command != COMMAND:
            raise Impossible(f"{command} is not a valid command. There is one: {COMMAND}")
        if thread_ts:
            raise Impossible(f"{command} is not supported in threads. Sorry! Write a reply instead.")
        rest = self._composed(rest.strip())
        origin = Origin(channel.id, user)
        payload = interactions.slash(
            rest, channel, user, trigger=self._triggers.issue(user), response_url=self._responses.issue(origin)
        )
        return self._took(origin, await self._ask(Kind.SLASH, payload))

    async def press(
        self, user: str, channel_id: str, ts: str, action_id: str, *, block_id: str = "", choice: str = ""
    ) -> Answered:
        """Press a button in a message, or choose `choice` in a menu.

        Raises:
            Impossible: there is no such thing in this message.
            NotDelivered: Waggle did not answer.
        """
        channel = self._channel(channel_id)
        message = self._seen(user, channel, ts)
        block, element = element_in(message.blocks or [], action_id, block_id)
        action = action_of(block, element, choice, self._posting.stamps.next())
        origin = Origin(channel.id, user, message.ts, message.thread_ts, isinstance(message, Ephemeral))
        payload = interactions.click(
            action,
            user,
            channel=channel,
            message=message,
            trigger=self._triggers.issue(user),
            response_url=self._responses.issue(origin),
        )
        return self._took(origin, await self._ask(Kind.INTERACTIVE, payload))

    def open_home(self, user: str, tab: str) -> None:
        """Look at Waggle's own place; `tab` is `home` or `messages`."""
        self._posting.open_home(user, self._channels.direct(user, self._clock()), tab)

    def arrange(self, user: str, channel_id: str, what: str) -> None:
        """Change a channel: `archive`, `unarchive`, `invite_waggle`, `remove_waggle`."""
        channel = self._channel(channel_id)
        if channel.is_im:
            raise Impossible("A direct conversation stays as it is.")
        if what in ("archive", "unarchive"):
            self._posting.archive(channel, what == "archive", user)
        elif what == "invite_waggle":
            self._posting.join(channel, BOT_USER, user)
        elif what == "remove_waggle":
            self._posting.remove_waggle(channel)
        else:
            raise Impossible(f"{what} is nothing that can be done to a channel.")

    def dismiss(self, user: str, ts: str) -> None:
        """Put away a message that only this person sees."""
        whisper = self._messages.get_whisper(ts)
        if whisper is not None and whisper.user == user:
            self._posting.forget_whisper(whisper)

    async def _ask(self, kind: Kind, payload: Json) -> Json:
        try:
            return await self._sockets.ask(self._sockets.deliver(kind, payload))
        except NotDelivered as silence:
            if not self._sockets.connected:
                raise NotDelivered("Waggle is not connected to this workspace right now. Is it running?") from silence
            raise

    def _took(self, origin: Origin, answer: Json) -> Answered:
        """An acknowledgement may carry a message."""
        if not answer or not (answer.get("text") or answer.get("blocks")):
            return Answered()
        try:
            self._responses.answer(origin, answer)
        except Refused as refused:
            raise Impossible(f"Waggle's answer was refused: {refused.error} {' '.join(refused.messages)}") from refused
        return Answered(str(answer.get("text") or ""))

    def _composed(self, text: str) -> str:
        users = {name: user.id for name, user in BY_NAME.items()}
        channels = {channel.name: channel.id for channel in self._channels.all() if not channel.is_im}
        return composed(text, users, channels)

    def _seen(self, user: str, channel: Channel, ts: str) -> Message | Ephemeral:
        whisper = self._messages.get_whisper(ts)
        if whisper is not None and whisper.user == user and whisper.channel == channel.id:
            return whisper
        return self._message(channel.id, ts)

    def _message(self, channel_id: str, ts: str) -> Message:
        message = self._messages.get(channel_id, ts)
        if message is None:
            raise Impossible("This message is gone.")
        return message

    def _own(self, user: str, channel_id: str, ts: str) -> Message:
        message = self._message(channel_id, ts)
        if message.user != user:
            raise Impossible("This is somebody else's message.")
        return message

    def _channel(self, channel_id: str) -> Channel:
        channel = self._channels.get(channel_id) or self._channels.named(channel_id.removeprefix("#"))
        if channel is None:
            raise Impossible(f"There is no channel {channel_id}.")
        return channel

    def _writable(self, user: str, channel_id: str) -> Channel:
        channel = self._channel(channel_id)
        if user not in USERS or user == BOT_USER:
            raise Impossible(f"There is no person {user}.")
        if channel.archived:
            raise Impossible(f"#{channel.name} is archived.")
        if not self._channels.has(channel.id, user):
            raise Impossible(f"{USERS[user].name} is not in this conversation.")
        return channel
