"""reactions.*"""

from __future__ import annotations

import re

from integrations.playground.slack.arguments import Arguments
from integrations.playground.slack.channels import Channels
from integrations.playground.slack.messages import Message, Messages
from integrations.playground.slack.methods.chat import Chat
from integrations.playground.slack.people import BOT_USER
from integrations.playground.slack.posting import Posting
from integrations.playground.slack.reading import Reading
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.store import Json
from integrations.playground.slack.web_api import Method

_NAME = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")


class Reactions:
    def __init__(self, channels: Channels, messages: Messages, posting: Posting, reading: Reading, chat: Chat) -> None:
        self._channels = channels
        self._messages = messages
        self._posting = posting
        self._reading = reading
        self._chat = chat

    def methods(self) -> dict[str, Method]:
        return {"reactions.add": self.add, "reactions.remove": self.remove, "reactions.get": self.get}

    async def add(self, args: Arguments) -> Json:
        message = self._message(args)
        if not self._posting.react(message, _name(args), BOT_USER):
            raise Refused("already_reacted")
        return {}

    async def remove(self, args: Arguments) -> Json:
        message = self._message(args)
        if not self._posting.unreact(message, _name(args), BOT_USER):
            raise Refused("no_reaction")
        return {}

    async def get(self, args: Arguments) -> Json:
        message = self._message(args)
        return {"type": "message", "channel": message.channel, "message": self._reading.one(message)}

    def _message(self, args: Arguments) -> Message:
        channel = self._chat.known(args)
        if channel.archived:
            raise Refused("is_archived")
        if not self._channels.has(channel.id, BOT_USER):
            raise Refused("not_in_channel")
        message = self._messages.get(channel.id, args.needed("timestamp", "no_item_specified"))
        if message is None:
            raise Refused("message_not_found")
        return message


def _name(args: Arguments) -> str:
    name = args.needed("name", "no_reaction").strip(":")
    if not _NAME.fullmatch(name):
        raise Refused("invalid_name")
    return name
