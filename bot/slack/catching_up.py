"""What was written while Waggle did not listen: asleep, restarted, or cut off longer than Slack goes on delivering.

Slack delivers an event three times within about six minutes and then forgets it; a request that nobody answered
looks to its author like one that was ignored. Reading the past is safe because each message has one key: what was
heard when it was said is not acted on again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func
from sqlmodel import Session, col, select

from bot.slack.entrance import admit
from bot.slack.errors import ChannelLost, SlackError, ThreadGone
from bot.slack.inbox import Arrival, Home, read_history, read_message
from bot.slack.posting import Posting
from bot.slack.values import ChannelBinding, SlackValues
from scheduler.lifecycle import WAITS_FOR_PERSON, TaskState
from scheduler.registry import Inbox, Registry, Task

log = structlog.get_logger(__name__)

_OVERLAP = timedelta(minutes=10)  #: read again before what was heard last: deliveries overtake each other
_LONGEST = timedelta(hours=24)  #: older words are left alone: whoever wrote them has given up or asked again
_THREADS = 30


@dataclass
class CatchingUp:
    """Reads what was missed.

    Parameters:
        values: the Slack values in force.
    """

    registry: Registry
    posting: Posting
    home: Home
    values: Callable[[], SlackValues]
    clock: Callable[[], datetime]

    async def read(self) -> None:
        """Read feedback and notes channels, then what was said to Waggle, oldest first."""
        heard = await self.registry.read(_last_heard)
        for channel in self.values().context_channels():
            await self._guarded(channel.channel, self._context(channel))
        if heard is None:
            return  # the first start: what people said before Waggle was here was not said to it
        since = max(heard - _OVERLAP, self.clock() - _LONGEST)
        for channel in self.values().channels:
            if channel.meaning == "work":
                await self._guarded(channel.channel, self._words(channel.channel, since))
        for task in await self.registry.read(_waiting_threads):
            await self._guarded(task.channel, self._replies(task, since))

    async def _guarded(self, channel: str, reading: Awaitable[None]) -> None:
        try:
            await reading
        except (ChannelLost, ThreadGone) as problem:
            log.warning("a channel cannot be read", channel=channel, why=problem.user_message)
        except SlackError as problem:
            log.warning("a channel's past is read another time", channel=channel, why=str(problem))

    async def _context(self, channel: ChannelBinding) -> None:
        since = self.clock() - timedelta(days=self.values().backlog_days)
        found = [
            read_history(message, channel.channel, self.home, channel.meaning)
            async for message in self.posting.history(channel.channel, since)
        ]
        await self._admit(found)

    async def _words(self, channel: str, since: datetime) -> None:
        await self._admit(
            [
                read_message({"event": {**message, "channel": channel}}, self.home)
                async for message in self.posting.history(channel, since)
            ]
        )

    async def _replies(self, task: Task, since: datetime) -> None:
        await self._admit(
            [
                read_message({"event": {**message, "channel": task.channel}}, self.home)
                async for message in self.posting.replies(task.channel, task.thread_ts, since)
            ]
        )

    async def _admit(self, found: list[Arrival | None]) -> None:
        arrivals = sorted((one for one in found if one is not None), key=lambda one: one.key)

        def work(session: Session) -> None:
            for arrival in arrivals:
                admit(session, self.clock(), self.home, arrival)

        if arrivals:
            await self.registry.write(work)


def _last_heard(session: Session) -> datetime | None:
    """When something was delivered last."""
    return session.exec(select(func.max(Inbox.received_at))).one()


def _waiting_threads(session: Session) -> list[Task]:
    """Tasks in whose threads somebody may have answered, the newest of them."""
    alive = [*WAITS_FOR_PERSON, TaskState.RUNNING, TaskState.QUEUED, TaskState.VERIFYING]
    return list(
        session.exec(
            select(Task)
            .where(col(Task.state).in_(alive), Task.channel != "", Task.thread_ts != "")
            .order_by(col(Task.id).desc())
            .limit(_THREADS)
        ).all()
    )
