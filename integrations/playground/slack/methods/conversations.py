"""conversations.*: what is where, who is in it, what was said."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import TypeVar

from integrations.playground.slack.arguments import Arguments
from integrations.playground.slack.channels import Channel, Channels
from integrations.playground.slack.methods.chat import Chat
from integrations.playground.slack.people import BOT_USER, USERS
from integrations.playground.slack.posting import Posting
from integrations.playground.slack.reading import Reading
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.shapes import channel_json
from integrations.playground.slack.store import Json
from integrations.playground.slack.web_api import Method

T = TypeVar("T")
_MOST = 1000


class Conversations:
    def __init__(
        self, channels: Channels, reading: Reading, posting: Posting, chat: Chat, clock: Callable[[], float]
    ) -> None:
        self._channels = channels
        self._reading = reading
        self._posting = posting
        self._chat = chat
        self._clock = clock

    def methods(self) -> dict[str, Method]:
        return {
            "conversations.history": self.history,
            "conversations.replies": self.replies,
            "conversations.info": self.info,
            "conversations.list": self.list,
            "users.conversations": self.list_own,
            "conversations.join": self.join,
            "conversations.open": self.open,
            "conversations.members": self.members,
        }

    async def history(self, args: Arguments) -> Json:
        channel = self._readable(args)
        messages = self._reading.history(
            channel.id,
            newer=args.text("oldest") or "0",
            older=args.text("latest") or "9",
            inclusive=args.flag("inclusive"),
            with_metadata=args.flag("include_all_metadata"),
        )
        page, cursor = _page(messages, args)
        return {"messages": page, "has_more": bool(cursor), **_next(cursor)}

    async def replies(self, args: Arguments) -> Json:
        """The root first, then its replies, oldest first."""
        channel = self._readable(args)
        thread = self._reading.thread(
            channel.id, args.needed("ts"), with_metadata=args.flag("include_all_metadata"), newer=args.text("oldest")
        )
        if not thread:
            raise Refused("thread_not_found")
        page, cursor = _page(thread, args)
        return {"messages": page, "has_more": bool(cursor), **_next(cursor)}

    async def info(self, args: Arguments) -> Json:
        channel = self._chat.known(args)
        shape = channel_json(channel, self._channels.members(channel.id))
        if not args.flag("include_num_members"):
            shape.pop("num_members", None)
        return {"channel": shape}

    async def list(self, args: Arguments) -> Json:
        types = args.names("types") or ["public_channel"]
        found = [
            channel_json(channel, self._channels.members(channel.id))
            for channel in self._channels.all()
            if ("im" if channel.is_im else "public_channel") in types
            and not (channel.archived and args.flag("exclude_archived"))
        ]
        page, cursor = _page(found, args)
        return {"channels": page, **_next(cursor)}

    async def list_own(self, args: Arguments) -> Json:
        answer = await self.list(args)
        user = args.text("user") or BOT_USER
        return answer | {"channels": [one for one in answer["channels"] if self._channels.has(one["id"], user)]}

    async def join(self, args: Arguments) -> Json:
        channel = self._chat.known(args)
        if channel.is_im:
            raise Refused("method_not_supported_for_channel_type")
        if channel.archived:
            raise Refused("is_archived")
        fresh = self._posting.join(channel, BOT_USER)
        answer: Json = {"channel": channel_json(channel, self._channels.members(channel.id))}
        return answer if fresh else answer | {"warning": "already_in_channel"}

    async def open(self, args: Arguments) -> Json:
        users = args.names("users")
        if args.given("channel"):
            channel = self._chat.known(args)
        elif len(users) == 1 and users[0] in USERS and users[0] != BOT_USER:
            channel = self._channels.direct(users[0], self._clock())
        else:
            raise Refused("user_not_found" if len(users) == 1 else "users_list_not_supplied")
        if args.flag("return_im"):
            return {"channel": channel_json(channel, self._channels.members(channel.id))}
        return {"channel": {"id": channel.id}}

    async def members(self, args: Arguments) -> Json:
        page, cursor = _page(self._channels.members(self._chat.known(args).id), args)
        return {"members": page, **_next(cursor)}

    def _readable(self, args: Arguments) -> Channel:
        channel = self._chat.known(args)
        if not self._channels.has(channel.id, BOT_USER):
            raise Refused("not_in_channel")
        return channel


def _page(items: Sequence[T], args: Arguments) -> tuple[list[T], str]:
    """One page and the cursor of the next."""
    limit = args.number("limit", 100)
    if not 0 < limit <= _MOST:
        raise Refused("invalid_limit")
    start = _position(args.text("cursor"))
    page = list(items[start : start + limit])
    more = start + limit < len(items)
    return page, b64encode(f"next:{start + limit}".encode()).decode() if more else ""


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(b64decode(cursor, validate=True).decode().removeprefix("next:"))
    except ValueError:
        raise Refused("invalid_cursor") from None


def _next(cursor: str) -> Json:
    return {"response_metadata": {"next_cursor": cursor}}
