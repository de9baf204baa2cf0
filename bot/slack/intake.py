"""Business context from Slack: messages and files of feedback and notes channels, and what people ask of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from bot.context.ingest import RefusedFile
from bot.context.messages import ChatMessage
from bot.slack import markup
from bot.slack.deliveries import Noted, Said, SharedFile
from bot.slack.errors import ChannelLost, SlackError, SlackRejected
from bot.slack.inbox import Home
from bot.slack.intents import AddContext, SearchContext
from bot.slack.people import People
from bot.slack.posting import Posting
from bot.slack.values import ContextStore
from bot.slack.views import escape, status
from bot.slack.views.budget import Message

log = structlog.get_logger(__name__)

_LARGEST = 25 * 2**20
_HITS = 6


class Intake:
    """Puts what channels say into the context.

    Parameters:
        store: the context.
        home: whose workspace this is.
    """

    def __init__(self, store: ContextStore, posting: Posting, people: People, home: Callable[[], Home]) -> None:
        self._store = store
        self._posting = posting
        self._people = people
        self._home = home
        self._names: dict[str, str] = {}

    async def take(self, noted: Noted) -> None:
        """Take in, replace or forget one message, and the files shared in it.

        Raises:
            SlackError: a file could not be fetched now.
        """
        if noted.deleted:
            await self._store.forget_message(noted.channel, noted.ts, actor=noted.user or "slack")
            return
        text = markup.readable(markup.words(noted.text))
        if text.strip():
            await self._store.take_message(
                ChatMessage(
                    channel=noted.channel,
                    channel_name=await self._channel(noted.channel),
                    ts=noted.ts,
                    author=await self._author(noted.user),
                    text=text,
                    meaning="feedback" if noted.meaning == "feedback" else "notes",
                    at=datetime.fromtimestamp(float(noted.ts), UTC),
                    url=noted.permalink,
                )
            )
        for file in noted.files:
            await self._take_file(noted, file)

    async def _take_file(self, noted: Noted, file: SharedFile) -> None:
        try:
            data = await self._posting.download(file.url, _LARGEST)
            await self._store.add_bytes(
                data,
                file.name,
                actor=noted.user or "slack",
                path=f"slack:{noted.channel}:{file.id}",
                url=file.permalink or noted.permalink,
            )
        except (RefusedFile, SlackRejected) as refused:
            # Somebody shared a picture: nothing to search in it, and nobody asked for a report.
            log.info("a shared file was not taken in", file=file.name, why=str(refused))

    async def serve(self, asked: SearchContext | AddContext, said: Said, key: str) -> Message:
        """Search the context, or add to it."""
        match asked:
            case SearchContext(query=query):
                return status.passages(query, await self._store.search(query, _HITS))
            case AddContext(text=text):
                url = self._home().permalink(said.channel, said.ts, said.thread_ts)
                try:
                    await self._store.add_bytes(
                        text.encode(), "note.md", actor=said.user, path=f"slack-note:{key}", url=url
                    )
                except RefusedFile as refused:
                    return Message(escape.text(str(refused)))
                return Message("Noted. `context search …` finds it, and scoping reads it.")

    async def _channel(self, channel: str) -> str:
        if channel not in self._names:
            try:
                self._names[channel] = await self._posting.channel_name(channel)
            except (SlackRejected, ChannelLost):
                return channel
        return self._names[channel]

    async def _author(self, user: str) -> str:
        if not user:
            return "somebody"
        try:
            return (await self._people.profile(user)).name
        except SlackError as problem:
            if problem.retryable:
                raise
            return user
