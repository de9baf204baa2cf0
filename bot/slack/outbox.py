"""The sender: takes what people must hear from the outbox and says it in Slack, each thing once, in order per task.

What Slack limits waits, and holds back only its own task. While Slack is down everything is kept, with one line in
the log. What Slack refuses for good is shown to the admins, once. A lost channel moves its task to its requester.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlmodel import Session

from bot.slack import outbox_rows as rows
from bot.slack.access import admins
from bot.slack.cards import Cards
from bot.slack.courier import Courier
from bot.slack.errors import (
    ChannelLost,
    MessageGone,
    SlackError,
    SlackLimited,
    SlackRefused,
    SlackRejected,
    SlackUnreachable,
)
from bot.slack.places import anchor, move, place_of
from bot.slack.posting import Posting
from bot.slack.rendering import Rendered, render
from bot.slack.uploads import read_uploads, upload_once
from bot.slack.values import SlackValues
from bot.slack.views.budget import Message
from bot.slack.views.messages import alert
from scheduler.outages import SLACK, came_back, went_down
from scheduler.policy import Policy
from scheduler.registry import Outbox, Registry, Task, Topic
from scheduler.registry.database import rung
from scheduler.registry.writers import record, say

log = structlog.get_logger(__name__)

_IDLE_S = 30.0
_DOWN_S = 2.0  #: between two looks while Slack does not answer
_REFUSED_S = 60.0  #: between two looks while Slack does not accept the token


@dataclass(frozen=True)
class _Wait:
    """A row could not be sent now. `holds`: what its task says after it waits as well."""

    seconds: float
    holds: bool = True


@dataclass
class Sender:
    """Sends outbox rows.

    Parameters:
        policy, values: as they are now.
        marker: makes the mark by which a message is recognised after a doubt.
        secrets: literal values that must not be said.
    """

    registry: Registry
    posting: Posting
    policy: Callable[[], Policy]
    values: Callable[[], SlackValues]
    clock: Callable[[], datetime]
    marker: Callable[[str], str]
    secrets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._courier = Courier(self.registry, self.posting, self.clock, self.marker)
        self._cards = Cards(self.registry, self._courier, self.policy, self.values, self.clock, self.secrets)
        self._down_since: datetime | None = None
        self._known_up = False
        self._spoke = False

    async def run(self) -> None:
        """Send until cancelled."""
        bell = self.registry.bell(Topic.OUTBOX)
        while True:
            bell.clear()
            try:
                self._spoke = False
                pause = await self._send_due()
                if self._spoke:  # that nothing was due says nothing about Slack
                    await self._up()
            except (SlackUnreachable, SlackRefused) as problem:
                await self._down(problem)
                pause = _REFUSED_S if isinstance(problem, SlackRefused) else _DOWN_S
            except Exception:
                log.exception("the outbox could not be sent")
                pause = _DOWN_S
            await rung(bell, pause)

    async def _down(self, problem: SlackError) -> None:
        if self._down_since is None:
            self._down_since, self._known_up = self.clock(), False
            log.warning("Slack cannot be spoken to; everything is kept", why=problem.user_message)
            await self._note(partial(went_down, now=self._down_since, name=SLACK, why=""))

    async def _up(self) -> None:
        if self._known_up:
            return
        if self._down_since is not None:
            log.info("Slack answers again; what waited was sent", since=self._down_since.isoformat())
        self._down_since = None
        # An earlier life may have been the one that lost it.
        self._known_up = await self._note(partial(came_back, now=self.clock(), name=SLACK))

    async def _note(self, work: Callable[[Session], None]) -> bool:
        """Write the outage down; that it cannot be written stops no message."""
        try:
            await self.registry.write(work)
        except Exception:
            log.exception("an outage of Slack could not be noted")
            return False
        return True

    async def _send_due(self) -> float:
        """Send what is due, oldest first; seconds until there is more. Rows of one task keep their order."""
        now, pause = self.clock(), _IDLE_S
        held: set[int] = set()
        for row in await self.registry.read(rows.waiting):
            if row.task_id in held:
                continue
            if row.not_before is not None and row.not_before > now:
                wait: _Wait | None = _Wait((row.not_before - now).total_seconds(), _holds(row))
            else:
                wait = await self._send(row)
            if wait is None:
                continue
            pause = min(pause, wait.seconds)
            if wait.holds and row.task_id is not None:
                held.add(row.task_id)
        return max(pause, 0.02)

    async def _send(self, row: Outbox) -> _Wait | None:
        """Send one row, or say how long it has to wait.

        Raises:
            SlackUnreachable, SlackRefused: nothing can be sent at the moment.
        """
        try:
            return await (self._alert(row) if row.task_id is None else self._say(row))
        except SlackLimited as problem:
            until = await self._later(row, problem)
            return _Wait(max(0.0, (until - self.clock()).total_seconds()), _holds(row))
        except (SlackUnreachable, SlackRefused) as problem:
            await self._later(row, problem)
            raise
        except ChannelLost as problem:
            return await self._rehome(row, problem)
        except SlackError as problem:
            await self._give_up(row, problem)
            return None

    async def _say(self, row: Outbox) -> _Wait | None:
        def look(session: Session) -> Rendered:
            return render(session, row, self.policy(), self.values(), self.secrets)

        rendered = await self.registry.read(look)
        if rendered.message is None or rendered.task is None:
            if rendered.later:
                return _Wait(_IDLE_S, holds=False)
            await self.registry.write(partial(rows.void, row_id=row.id, why=rendered.why))
            return None
        channel, thread = place_of(rendered.task, self.values())
        if not channel:
            channel, thread = await self._direct(rendered.task), ""
        if row.kind == "card":
            wait = await self._cards.show(row, rendered, channel, thread)
            self._spoke = self._spoke or wait is None
            return None if wait is None else _Wait(wait, _holds(row))
        wait = self._courier.wait_to_edit(channel) if rendered.edits else self._courier.wait_to_post(channel)
        if wait > 0:
            return _Wait(wait)
        if rendered.edits:
            await self._edit(row, rendered)
            return None
        if row.kind == "pictures":
            await self._upload(row, channel, thread, rendered.message)
            return None
        ts = await self._courier.post(row, channel, thread, rendered.message)
        if not thread:
            await self.registry.write(partial(anchor, task_id=row.task_id, channel=channel, ts=ts))
        await self._sent(row, channel, ts)
        return None

    async def _edit(self, row: Outbox, rendered: Rendered) -> None:
        """Change what an earlier row said, where it was said."""
        assert rendered.message is not None
        try:
            await self._courier.edit(row, rendered.channel, rendered.edits, rendered.message)
        except (MessageGone, ChannelLost):
            await self.registry.write(partial(rows.void, row_id=row.id, why="the message it changes is gone"))
        else:
            await self._sent(row, rendered.channel, rendered.edits)

    async def _upload(self, row: Outbox, channel: str, thread: str, message: Message) -> None:
        files = await read_uploads(row)
        if not files:
            await self.registry.write(partial(rows.void, row_id=row.id, why="the pictures are gone"))
            return
        await upload_once(self._courier, row, channel, thread, files, message.text)
        await self._sent(row, channel, "")

    async def _direct(self, task: Task) -> str:
        """The direct messages of whoever asked; of the first admin for what was asked on the command line."""
        people = [task.requester, *await self.registry.read(admins)]
        user = next((one for one in people if one.startswith(("U", "W"))), "")
        if not user:
            raise SlackRejected("there is no channel to show the task in; name one with means = “work”")
        return await self.posting.direct(user)

    async def _alert(self, row: Outbox) -> _Wait | None:
        """Tell the admins: in the alerts channel where there is one, else each of them directly."""
        channels = [one.channel for one in self.values().channels if one.meaning == "alerts"]
        if not channels:
            channels = [await self.posting.direct(user) for user in await self.registry.read(admins)]
        if not channels:
            return _Wait(_IDLE_S)  # it waits for the first admin
        message = alert(str(row.payload.get("text", "")))
        ts = ""
        for channel in channels:
            ts = await self._courier.post(row, channel, "", message)
        await self._sent(row, channels[0], ts)
        return None

    async def _sent(self, row: Outbox, channel: str, ts: str) -> None:
        self._spoke = True
        await self.registry.write(partial(rows.sent, now=self.clock(), row_id=row.id, channel=channel, ts=ts))

    async def _later(self, row: Outbox, problem: SlackError) -> datetime:
        return await self.registry.write(partial(rows.later, now=self.clock(), row_id=row.id, problem=problem))

    async def _give_up(self, row: Outbox, problem: SlackError) -> None:
        log.error("a message cannot be said", outbox=row.id, kind=row.kind, why=str(problem))
        await self.registry.write(partial(rows.give_up, now=self.clock(), row_id=row.id, problem=problem))

    async def _rehome(self, row: Outbox, problem: ChannelLost) -> _Wait | None:
        """The channel is gone: the task moves to direct messages, and the admins hear of it. Once, never in a loop."""
        task = await self.registry.read(lambda session: session.get(Task, row.task_id) if row.task_id else None)
        if task is None or task.channel.startswith("D"):
            await self._give_up(row, problem)
            return None
        lost, _ = place_of(task, self.values())
        try:
            direct = await self._direct(task)
        except (ChannelLost, SlackRejected):
            await self._give_up(row, problem)
            return None

        def work(session: Session) -> None:
            now = self.clock()
            assert row.task_id is not None
            move(session, now, row.task_id, direct)
            rows.send_elsewhere(session, row.id)
            text = (
                f"I cannot write in {lost} any more ({problem.code}). T-{row.task_id} goes on in direct messages. "
                "Invite me with `/invite @waggle`, or name another channel in waggle.toml."
            )
            say(session, now, kind="alert", dedupe_key=f"channel-lost:{lost}:{row.task_id}", payload={"text": text})
            record(session, now, what="channel_lost", why=str(problem), task_id=row.task_id, subject="task")

        await self.registry.write(work)
        return _Wait(0.02)


def _holds(row: Outbox) -> bool:
    """A card that waits for its next edit holds nothing up. One that was never shown does: it opens the thread."""
    return row.kind != "card" or not row.payload.get("print")
