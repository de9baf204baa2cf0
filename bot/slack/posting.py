"""The calls that Waggle makes to Slack, each with our own errors. One method, one call; no decision is made here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.errors import ChannelLost, SlackRejected, SlackUnreachable, ThreadGone, speaking
from bot.slack.views.budget import Block, Message

if TYPE_CHECKING:
    from bot.slack.uploads import Upload

EVENT_TYPE = "waggle_post"
_PAGE = 100
_PAGES = 20
_SKEW = timedelta(minutes=5)  #: between our clock and Slack's, when a message is looked for


@dataclass(frozen=True)
class Profile:
    """What Slack says about a person.

    Attributes:
        outsider: a guest, a stranger from another organisation, a bot, or somebody who left.
    """

    user_id: str
    name: str
    outsider: bool


class Posting:
    """Slack's Web API as far as Waggle uses it.

    Parameters:
        client: with the bot token, one shared session, and no retries of its own: a post that was repeated by the
            library could not be told from a new one.
        session: for the addresses that are not methods (response URLs, files).
        token: the bot token, for files.

    Raises:
        SlackError: every method; see `bot.slack.errors`.
    """

    def __init__(
        self, client: AsyncWebClient, session: aiohttp.ClientSession, token: str, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._session = session
        self._token = token
        self._clock = clock
        self._direct: dict[str, str] = {}

    @contextmanager
    def _speaking(self, method: str) -> Iterator[None]:
        with speaking(method, self._clock()):
            yield

    async def post(self, channel: str, thread_ts: str, message: Message, marker: str) -> str:
        """Post a message and return its ts. `marker` is what `find` recognises it by."""
        with self._speaking("chat.postMessage"):
            answer = await self._client.chat_postMessage(
                channel=channel,
                thread_ts=thread_ts or None,
                text=message.text,
                blocks=list(message.blocks) or None,
                metadata={"event_type": EVENT_TYPE, "event_payload": {"post": marker}},
                parse="none",
                link_names=False,
                # Unfurling would have Slack fetch addresses that others wrote, and show their pages as ours.
                unfurl_links=False,
                unfurl_media=False,
            )
        return str(answer["ts"])

    async def update(self, channel: str, ts: str, message: Message, marker: str) -> None:
        """Replace a message of ours. Doing it twice is the same as doing it once."""
        with self._speaking("chat.update"):
            await self._client.chat_update(
                channel=channel,
                ts=ts,
                text=message.text,
                # Blocks that are not sent stay as they were.
                blocks=list(message.blocks),
                metadata={"event_type": EVENT_TYPE, "event_payload": {"post": marker}},
                parse="none",
                link_names=False,
            )

    async def upload(self, channel: str, thread_ts: str, files: Sequence[Upload], text: str) -> None:
        """Upload files and share them in one message."""
        listed: list[dict[str, str | None]] = []
        for one in files:
            with self._speaking("files.getUploadURLExternal"):
                answer = await self._client.files_getUploadURLExternal(filename=one.name, length=len(one.content))
            with self._speaking("file upload"):
                async with self._session.post(str(answer["upload_url"]), data=one.content) as sent:
                    if sent.status >= 400:
                        raise SlackUnreachable(f"the upload address answered {sent.status}", retryable=True)
            listed.append({"id": str(answer["file_id"]), "title": one.title})
        with self._speaking("files.completeUploadExternal"):
            await self._client.files_completeUploadExternal(
                files=listed, channel_id=channel, thread_ts=thread_ts or None, initial_comment=text
            )

    async def holds_file(self, channel: str, thread_ts: str, name: str, since: datetime) -> bool:
        """Whether a file of this name was shared there."""
        oldest = f"{(since - _SKEW).timestamp():.6f}"
        try:
            async for message in self._messages(channel, thread_ts, oldest):
                if any(one.get("name") == name for one in message.get("files") or ()):
                    return True
        except ThreadGone:
            return False
        return False

    async def find(self, channel: str, thread_ts: str, marker: str, since: datetime) -> str:
        """The ts of the message with this marker, empty when it was never posted."""
        oldest = f"{(since - _SKEW).timestamp():.6f}"
        try:
            async for message in self._messages(channel, thread_ts, oldest):
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                if payload.get("post") == marker:
                    return str(message.get("ts", ""))
        except ThreadGone:
            return ""
        return ""

    async def history(self, channel: str, since: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """Messages of a channel since a time, newest first."""
        async for message in self._messages(channel, "", f"{since.timestamp():.6f}"):
            yield message

    async def replies(self, channel: str, thread_ts: str, since: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """A thread's messages since a time, oldest first."""
        async for message in self._messages(channel, thread_ts, f"{since.timestamp():.6f}"):
            yield message

    async def _messages(self, channel: str, thread_ts: str, oldest: str) -> AsyncIterator[Mapping[str, Any]]:
        cursor = None
        method = "conversations.replies" if thread_ts else "conversations.history"
        for _ in range(_PAGES):
            with self._speaking(method):
                if thread_ts:
                    answer = await self._client.conversations_replies(
                        channel=channel,
                        ts=thread_ts,
                        oldest=oldest,
                        limit=_PAGE,
                        cursor=cursor,
                        include_all_metadata=True,
                    )
                else:
                    answer = await self._client.conversations_history(
                        channel=channel, oldest=oldest, limit=_PAGE, cursor=cursor, include_all_metadata=True
                    )
            for message in answer.get("messages") or []:
                yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return

    async def whisper(self, channel: str, user: str, thread_ts: str, message: Message) -> None:
        """Say something that only one person in a channel sees."""
        with self._speaking("chat.postEphemeral"):
            await self._client.chat_postEphemeral(
                channel=channel,
                user=user,
                thread_ts=thread_ts or None,
                text=message.text,
                blocks=list(message.blocks) or None,
                parse="none",
                link_names=False,
            )

    async def respond(self, response_url: str, message: Message) -> None:
        """Say something to one person through the address that came with their delivery.

        It works in channels that Waggle is not in, for 30 minutes.
        """
        body: dict[str, Any] = {"text": message.text, "blocks": list(message.blocks), "response_type": "ephemeral"}
        body["replace_original"] = False
        with self._speaking("response_url"):
            async with self._session.post(response_url, json=body) as answer:
                if answer.status >= 500:
                    raise SlackUnreachable(f"the response URL answered {answer.status}", retryable=True)
                if answer.status >= 400:
                    raise ChannelLost(f"the response URL answered {answer.status}")

    async def direct(self, user: str) -> str:
        """The channel of direct messages with a person."""
        if user not in self._direct:
            with self._speaking("conversations.open"):
                answer = await self._client.conversations_open(users=user)
            self._direct[user] = str(answer["channel"]["id"])
        return self._direct[user]

    async def open_form(self, trigger_id: str, view: Block) -> None:
        """Open a form. The trigger is good for three seconds, once."""
        with self._speaking("views.open"):
            await self._client.views_open(trigger_id=trigger_id, view=view)

    async def profile(self, user: str) -> Profile:
        """Who somebody is."""
        with self._speaking("users.info"):
            answer = await self._client.users_info(user=user)
        row = answer["user"]
        outsider = any(
            row.get(flag) for flag in ("is_bot", "deleted", "is_restricted", "is_ultra_restricted", "is_stranger")
        )
        shown = row.get("profile") or {}
        name = shown.get("display_name") or row.get("real_name") or row.get("name") or user
        return Profile(user, str(name), bool(outsider))

    async def channel_name(self, channel: str) -> str:
        """A channel's name without `#`."""
        with self._speaking("conversations.info"):
            answer = await self._client.conversations_info(channel=channel)
        return str(answer["channel"].get("name") or channel)

    async def download(self, url: str, limit: int) -> bytes:
        """The bytes of a shared file.

        Raises:
            SlackRejected: it is not on Slack's own host, too large, or a login page instead of the file.
        """
        parts, api = urlsplit(url), urlsplit(self._client.base_url)
        own = parts.netloc == api.netloc
        if not own and not (parts.scheme == "https" and (parts.hostname or "").endswith(".slack.com")):
            raise SlackRejected("a file lies outside of Slack; the token is not sent there")
        with self._speaking("file download"):
            # Redirects are not followed: the token must not travel to another host.
            headers = {"Authorization": f"Bearer {self._token}"}
            async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
                if answer.status >= 500:
                    raise SlackUnreachable(f"the file's server answered {answer.status}", retryable=True)
                if answer.status != 200 or answer.content_type == "text/html":
                    raise SlackRejected("the file could not be read; the app needs the permission files:read")
                data = await answer.content.read(limit + 1)
                while len(data) <= limit and not answer.content.at_eof():
                    data += await answer.content.read(limit + 1 - len(data))
        if len(data) > limit:
            raise SlackRejected(f"the file is larger than {limit // 2**20} MB")
        return data
