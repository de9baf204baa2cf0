"""Acts on what stands in the inbox: in order within a thread, threads side by side, each row until it is done.

A row goes `new` → `acted` → `done`. What it changes and the step to `acted` are one transaction, so a crash
between acting and answering answers again, and never acts again. A row that keeps failing is reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlmodel import Session, col, select

from bot.slack.answering import Answering, keep, kept
from bot.slack.deliveries import Delivery, Joined, Noted, Pressed, Said, Submitted, Told, read_delivery
from bot.slack.errors import SlackLimited, SlackRefused, SlackUnreachable
from bot.slack.inbox import Home
from bot.slack.intake import Intake
from bot.slack.intents import Allow
from bot.slack.people import People
from bot.slack.values import SlackValues
from bot.slack.verbs import Audience, Desk, Outcome, act_on_form, act_on_press, act_on_words, needs_more
from bot.slack.views import escape, help
from bot.slack.views.budget import Message
from scheduler.policy import Policy
from scheduler.registry import Inbox, Registry, Topic
from scheduler.registry.database import rung
from scheduler.registry.writers import record, say

log = structlog.get_logger(__name__)

_KINDS = ("said", "pressed", "submitted", "told", "noted", "joined")
_TRIES = 5
_SIDE_BY_SIDE = 4
_WAITS_S = (1.0, 3.0, 10.0, 30.0, 60.0)
_IDLE_S = 30.0  #: a row that nobody rang for is found after so long


@dataclass
class _Lane:
    """One thread's rows: whether one of them is being handled, and until when the next one waits."""

    busy: bool = False
    not_before: datetime | None = None
    waits: int = 0


@dataclass
class Worker:
    """Handles inbox rows.

    Parameters:
        home: whose workspace this is; known once Slack has answered for the first time.
        policy: the policy in force.
        values: the Slack values in force.
    """

    registry: Registry
    answering: Answering
    people: People
    intake: Intake
    home: Callable[[], Home]
    policy: Callable[[], Policy]
    values: Callable[[], SlackValues]
    clock: Callable[[], datetime]
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Work until cancelled."""
        bell = self.registry.bell(Topic.INBOX)
        try:
            while True:
                bell.clear()
                try:
                    pause = await self._start_due(bell)
                except Exception:
                    log.exception("the inbox could not be read")
                    pause = _WAITS_S[1]
                await rung(bell, pause)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _start_due(self, bell: asyncio.Event) -> float:
        """Start a handler for the first row of each free lane; seconds until there is something to look at again."""
        rows = await self.registry.read(_open_rows)
        now, pause = self.clock(), _IDLE_S
        seen: set[str] = set()
        for row in rows:
            name = str(row.payload.get("lane") or row.id)
            if name in seen:
                continue
            seen.add(name)
            lane = self._lanes.setdefault(name, _Lane())
            if lane.busy:
                continue
            if lane.not_before is not None and lane.not_before > now:
                pause = min(pause, (lane.not_before - now).total_seconds())
                continue
            if len(self._running) >= _SIDE_BY_SIDE:
                break  # the end of one of them rings
            lane.busy = True
            task = asyncio.create_task(self._handle(row, lane))
            self._running.add(task)
            task.add_done_callback(partial(self._ended, bell))
        self._lanes = {name: lane for name, lane in self._lanes.items() if lane.busy or name in seen}
        return max(pause, 0.01)

    def _ended(self, bell: asyncio.Event, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        bell.set()

    async def _handle(self, row: Inbox, lane: _Lane) -> None:
        try:
            await self._act_and_answer(row, again=row.state == "acted" or row.tries > 0 or lane.waits > 0)
            lane.waits, lane.not_before = 0, None
        except (SlackUnreachable, SlackLimited, SlackRefused) as problem:
            # Nothing is wrong with the row. It waits, in order, until Slack answers.
            self._wait(lane, problem.not_before)
            log.info("an answer waits for Slack", inbox=row.id, why=str(problem))
        except Exception as problem:
            self._wait(lane, None)
            log.warning("a delivery failed", inbox=row.id, kind=row.kind, error=repr(problem), exc_info=problem)
            await self._count_failure(row, problem)
        finally:
            lane.busy = False

    async def _count_failure(self, row: Inbox, problem: Exception) -> None:
        try:
            await self.registry.write(partial(_failed, now=self.clock(), row_id=row.id, error=repr(problem)))
        except Exception as full:
            # The disk refuses this as well. The row is as it was, and is tried again.
            log.warning("a failure could not be written down", inbox=row.id, error=repr(full))

    def _wait(self, lane: _Lane, until: datetime | None) -> None:
        seconds = _WAITS_S[min(lane.waits, len(_WAITS_S) - 1)]
        lane.waits += 1
        lane.not_before = until or self.clock() + timedelta(seconds=seconds)

    async def _act_and_answer(self, row: Inbox, *, again: bool) -> None:
        assert row.id is not None
        delivery = read_delivery(row.payload)
        outcome = kept(row.payload) if row.state == "acted" else await self._act(row, delivery)
        if outcome is not None:
            await self.answering.deliver(row, delivery, outcome, again=again)
        await self.registry.write(partial(_finished, now=self.clock(), row_id=row.id))

    async def _act(self, row: Inbox, delivery: Delivery) -> Outcome | None:
        match delivery:
            case Said() | Pressed() | Submitted():
                profile = await self.people.profile(delivery.user)
                if profile.outsider:
                    return await self._keep(row, Outcome(Message(await self._refuse_outsider(delivery))))
                return await self._command(row, delivery, profile.name)
            case Told(text=text):
                return Outcome(Message(escape.text(text)))
            case Noted():
                await self.intake.take(delivery)
                return None
            case Joined(channel=channel):
                return Outcome(help.welcome(self.values().command, self.values().meaning(channel)), Audience.THREAD)

    async def _refuse_outsider(self, delivery: Said | Pressed | Submitted) -> str:
        """Write down that a guest, a bot or a stranger is turned away, although they may be on the list."""
        await self.registry.write(
            lambda session: record(
                session,
                self.clock(),
                what="access_refused",
                actor=delivery.user,
                why="a guest, a bot, a stranger or somebody who left",
                subject="access",
            )
        )
        return "Guests and people of other organisations cannot command Waggle."

    async def _command(self, row: Inbox, delivery: Said | Pressed | Submitted, name: str) -> Outcome | None:
        names = {delivery.user: name}
        desk = Desk(self.clock(), self.home(), self.policy(), self.values(), names)
        if isinstance(delivery, Said):
            asked = await self.registry.read(partial(needs_more, desk=desk, said=delivery))
            if isinstance(asked, Allow):
                profile = await self.people.profile(asked.user_id)
                names[asked.user_id] = profile.name
                if profile.outsider:
                    text = f"{escape.person(asked.user_id)} is a guest, a bot or a stranger, and cannot be let in."
                    return await self._keep(row, Outcome(Message(text)))
            elif asked is not None:
                return await self._keep(row, Outcome(await self.intake.serve(asked, delivery, row.delivery_key)))

        def act(session: Session) -> Outcome:
            match delivery:
                case Said():
                    outcome = act_on_words(session, desk, row.delivery_key, delivery)
                case Pressed():
                    outcome = act_on_press(session, desk, delivery)
                case Submitted():
                    outcome = act_on_form(session, desk, delivery)
            _acted(session, row, outcome)
            return outcome

        return await self.registry.write(act)

    async def _keep(self, row: Inbox, outcome: Outcome) -> Outcome:
        await self.registry.write(lambda session: _acted(session, row, outcome))
        return outcome


def _open_rows(session: Session) -> list[Inbox]:
    return list(
        session.exec(
            select(Inbox)
            .where(col(Inbox.state).in_(["new", "acted"]), col(Inbox.kind).in_(_KINDS))
            .order_by(col(Inbox.id))
            .limit(200)
        ).all()
    )


def _acted(session: Session, row: Inbox, outcome: Outcome) -> None:
    stored = session.get(Inbox, row.id)
    assert stored is not None
    stored.state = "acted"
    stored.payload = {**stored.payload, **keep(outcome)}
    session.add(stored)
    row.state, row.payload = stored.state, stored.payload


def _finished(session: Session, now: datetime, row_id: int) -> None:
    row = session.get(Inbox, row_id)
    assert row is not None
    row.state, row.handled_at, row.error = "done", now, ""
    row.payload = _without_links(row.payload)
    session.add(row)


def _without_links(payload: dict[str, Any]) -> dict[str, Any]:
    # The response URL opens a way to the person for half an hour; nobody needs it any more.
    return {name: value for name, value in payload.items() if name != "response_url"}


def _failed(session: Session, now: datetime, row_id: int | None, error: str) -> None:
    row = session.get(Inbox, row_id)
    assert row is not None
    row.tries += 1
    row.error = error[:500]
    if row.tries >= _TRIES:
        row.state, row.handled_at = "failed", now
        who = row.payload.get("user") or "somebody"
        text = f"A message of {who} could not be handled after {row.tries} tries: {error[:200]}"
        record(session, now, what="delivery_failed", subject=f"inbox {row.id}", why=error[:500], actor="waggle")
        say(session, now, kind="alert", dedupe_key=f"inbox:{row.id}", payload={"text": text})
    session.add(row)
