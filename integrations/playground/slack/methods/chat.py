"""chat.*: posting, changing, deleting."""

from __future__ import annotations

import json
from dataclasses import replace

from integrations.playground.slack.arguments import Arguments
from integrations.playground.slack.blocks import Surface, check_blocks, completed
from integrations.playground.slack.channels import Channel, Channels
from integrations.playground.slack.messages import Ephemeral, Message, Messages
from integrations.playground.slack.people import APP, BOT_ID, BOT_USER, USERS
from integrations.playground.slack.posting import Posting
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.shapes import core
from integrations.playground.slack.store import Json
from integrations.playground.slack.web_api import Method

MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
MAX_METADATA = 8_000
#: undocumented, seen in slackapi/bolt-js#2509
MAX_BLOCKS_CHARACTERS = 13_200


class Chat:
    def __init__(self, channels: Channels, messages: Messages, posting: Posting, url: str) -> None:
        self._channels = channels
        self._messages = messages
        self._posting = posting
        self._url = url

    def methods(self) -> dict[str, Method]:
        return {
            "chat.postMessage": self.post,
            "chat.update": self.update,
            "chat.delete": self.delete,
            "chat.postEphemeral": self.post_ephemeral,
            "chat.getPermalink": self.permalink,
        }

    async def post(self, args: Arguments) -> Json:
        channel = self.writable(args)
        text, blocks = _content(args, MAX_TEXT)
        thread_ts = args.text("thread_ts")
        if thread_ts:
            self._check_thread(channel, thread_ts)
        message = Message(
            channel.id,
            self._posting.stamps.next(),
            BOT_USER,
            text,
            thread_ts=thread_ts,
            bot_id=BOT_ID,
            subtype="thread_broadcast" if thread_ts and args.flag("reply_broadcast") else "",
            blocks=blocks,
            metadata=_metadata(args),
        )
        self._posting.post(message)
        return {"channel": channel.id, "ts": message.ts, "message": _own(message)}

    async def update(self, args: Arguments) -> Json:
        channel = self.writable(args)
        previous = self._own_message(channel, args, "cant_update_message")
        text, blocks = _content(args, MAX_UPDATE_TEXT, previous)
        message = replace(previous, text=text, blocks=blocks)
        if args.given("metadata"):
            message = replace(message, metadata=_metadata(args))
        if not blocks:  # a message with blocks is not marked as edited
            message = replace(message, edited_user=BOT_USER, edited_ts=self._posting.stamps.next())
        self._posting.change(message, previous)
        return {"channel": channel.id, "ts": message.ts, "text": text, "message": _own(message)}

    async def delete(self, args: Arguments) -> Json:
        channel = self.writable(args)
        message = self._own_message(channel, args, "cant_delete_message")
        self._posting.delete(message)
        return {"channel": channel.id, "ts": message.ts}

    async def post_ephemeral(self, args: Arguments) -> Json:
        channel = self.writable(args)
        user = args.needed("user")
        if user not in USERS or not self._channels.has(channel.id, user):
            raise Refused("user_not_in_channel")
        text, blocks = _content(args, MAX_TEXT)
        ts = self._posting.stamps.next()
        self._posting.whisper(Ephemeral(channel.id, ts, user, text, args.text("thread_ts"), blocks))
        return {"message_ts": ts}

    async def permalink(self, args: Arguments) -> Json:
        channel = self.known(args)
        message = self._messages.get(channel.id, args.needed("message_ts"))
        if message is None:
            raise Refused("message_not_found")
        link = f"{self._url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
        if message.thread_ts:
            link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
        return {"channel": channel.id, "permalink": link}

    def known(self, args: Arguments) -> Channel:
        """The channel, by id or name; a person's id means the direct conversation with them.

        Raises:
            Refused: channel_not_found.
        """
        wanted = args.text("channel") or args.text("channel_id")
        channel = self._channels.get(wanted) or self._channels.named(wanted.removeprefix("#"))
        if channel is None and wanted in USERS and wanted != BOT_USER:
            channel = self._channels.direct(wanted, 0)
        if channel is None:
            raise Refused("channel_not_found")
        return channel

    def writable(self, args: Arguments) -> Channel:
        """The channel, if Waggle may post there.

        Raises:
            Refused: channel_not_found, is_archived, not_in_channel.
        """
        channel = self.known(args)
        if channel.archived:
            raise Refused("is_archived")
        if not self._channels.has(channel.id, BOT_USER):
            raise Refused("not_in_channel")
        return channel

    def _check_thread(self, channel: Channel, thread_ts: str) -> None:
        if not self._messages.exists(channel.id, thread_ts):
            raise Refused("thread_not_found")

    def _own_message(self, channel: Channel, args: Arguments, otherwise: str) -> Message:
        message = self._messages.get(channel.id, args.needed("ts"))
        if message is None:
            raise Refused("message_not_found")
        if message.bot_id != BOT_ID:
            raise Refused(otherwise)
        return message


def _own(message: Message) -> Json:
    shape = core(message) | {"app_id": APP}
    return shape | ({"metadata": message.metadata} if message.metadata else {})


def _content(args: Arguments, limit: int, previous: Message | None = None) -> tuple[str, list[Json] | None]:
    """The text and the blocks of a message, within Slack's limits.

    Raises:
        Refused: no_text, msg_too_long, invalid_blocks, msg_blocks_too_long and their kin.
    """
    if args.given("markdown_text"):
        raise Refused("invalid_arguments", messages=("[ERROR] the playground takes text and blocks, no markdown_text",))
    text = args.text("text")
    given = args.given("blocks")
    blocks = args.data("blocks", "invalid_blocks_format")
    if blocks:
        check_blocks(blocks, Surface.MESSAGE)
        if len(json.dumps(blocks, ensure_ascii=False)) > MAX_BLOCKS_CHARACTERS:
            raise Refused("msg_blocks_too_long")
        blocks = completed(blocks)
    if args.data("attachments", "invalid_attachments"):
        raise Refused("invalid_attachments")
    if not text and not blocks:
        raise Refused("no_text")
    if len(text) > limit:
        raise Refused("msg_too_long")
    if previous is not None and not given:
        blocks = previous.blocks
    return text, blocks or None


def _metadata(args: Arguments) -> Json | None:
    metadata = args.data("metadata", "invalid_metadata_format")
    if metadata in (None, {}):
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    if not metadata.get("event_type"):
        raise Refused("invalid_metadata_schema")
    if len(json.dumps(metadata)) > MAX_METADATA:
        raise Refused("metadata_too_large")
    return {"event_type": str(metadata["event_type"]), "event_payload": metadata["event_payload"]}
