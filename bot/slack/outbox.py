"""The sender: takes what people must hear from the outbox and says it in Slack, each thing once.

`chat.postMessage` has no key against sending twice, so a row says `sending` before the call, and a row found in
that state (a crash, an answer that was lost) is first looked for in its thread by its mark. Cards are edited in
place: the row remembers up to which wish it was rendered and what was sent last, so an edit that changes nothing is
not made. What Slack limits waits; what Slack refuses for good is shown to the admins, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlmodel import Session, col, select

from bot.slack.access import admins
from bot.slack.errors import (
    ChannelLost,
    MessageGone,
    SlackError,
    SlackLimited,
    SlackRefused,
    SlackRejected,
    SlackUnreachable,
    ThreadGone,
)
from bot.slack.places import move, place_of, settle
from bot.slack.posting import Posting
from bot.slack.rendering import Rendered, Settled, render, settled
from bot.slack.values import SlackValues
from bot.slack.views.budget import Message
from bot.slack.views.card import fingerprint
from bot.slack.views.messages import alert, without_blocks
from scheduler.policy import Policy
from scheduler.registry import Outbox, Registry, Task, Topic
from scheduler.registry.writers import record, say

log = structlog.get_logger(__name__)

_IDLE_S = 30.0
_WAITS_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
_MOST = 100


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

    async def run(self) -> None:
        """Send until cancelled."""
        bell = self.registry.bell(Topic.OUTBOX)
        down_since: datetime | None = None
        while True:
            bell.clear()
            try:
                pause = await self._send_due()
                if down_since is not None:
                    log.info("Slack answers again; what waited was sent", since=down_since.isoformat())
                    down_since = None
            except (SlackUnreachable, SlackLimited, SlackRefused) as problem:
                if down_since is None:
                    down_since = self.clock()
                    log.warning("Slack cannot be spoken to; everything is kept", why=problem.user_message)
                pause = _WAITS_S[-1] if isinstance(problem, SlackRefused) else 2.0
            except Exception:
                log.exception("the outbox could not be sent")
                pause = _WAITS_S[2]
            try:
                await asyncio.wait_for(bell.wait(), pause)
            except TimeoutError:
                continue

    async def _send_due(self) -> float:
        """Send what is due, oldest first; seconds until there is more. Rows of one task keep their order."""
        rows = await self.registry.read(_waiting)
        now, pause = self.clock(), _IDLE_S
        held: set[int | None] = set()
        for row in rows:
            if row.task_id is not None and row.task_id in held:
                continue
            if row.not_before is not None and row.not_before > now:
                pause = min(pause, (row.not_before - now).total_seconds())
                if row.kind != "card":
                    held.add(row.task_id)  # a card that waits for its next edit holds nothing else up
                continue
            wait = await self._send(row)
            if wait is not None:
                pause = min(pause, wait)
                if row.kind != "card":
                    held.add(row.task_id)
        return max(pause, 0.02)

    async def _send(self, row: Outbox) -> float | None:
        """Send one row; the seconds to wait when it could not be sent now.

        Raises:
            SlackUnreachable, SlackLimited, SlackRefused: nothing can be sent at the moment.
        """
        try:
            if row.task_id is None:
                return await self._alert(row)
            return await self._say(row)
        except SlackLimited as problem:
            await self._later(row, problem, problem.not_before)
            raise
        except SlackUnreachable as problem:
            await self._later(row, problem, None)
            raise
        except SlackRefused as problem:
            await self._later(row, problem, None)
            raise
        except ChannelLost as problem:
            return await self._rehome(row, problem)
        except SlackError as problem:
            await self._give_up(row, problem)
            return None

    async def _say(self, row: Outbox) -> float | None:
        def look(session: Session) -> Rendered:
            return render(session, row, self.policy(), self.values(), self.secrets)

        rendered = await self.registry.read(look)
        if rendered.message is None:
            if not rendered.later:
                await self._void(row, rendered.why)
            return _IDLE_S if rendered.later else None
        if row.kind == "card":
            return await self._card(row, rendered)
        assert rendered.task is not None
        channel, thread = place_of(rendered.task, self.values())
        if not channel:
            channel = await self._direct(rendered)
        if rendered.edits:
            await self._edit(channel, rendered.edits, rendered.message, row)
            await self._sent(row, channel, rendered.edits)
            return None
        ts = await self._post_once(row, channel, thread, rendered.message)
        await self._sent(row, channel, ts)
        return None

    # --- the card ----------------------------------------------------------------------------------------------------

    async def _card(self, row: Outbox, rendered: Rendered) -> float | None:
        task, message = rendered.task, rendered.message
        assert task is not None and task.id is not None and message is not None
        want, now = int(row.payload["want"]), self.clock()
        print_ = fingerprint(message)
        if print_ == row.payload.get("print") and task.card_ts:
            await self._card_done(row, want, print_, task.state.value, sent=False)
            await self._settle_asked(task.id)
            return None
        wait = self._too_soon(row, task.state.value, now)
        if wait > 0 and task.card_ts:
            return wait
        channel, thread = place_of(task, self.values())
        if not channel:
            channel = await self._direct(rendered)
        if task.card_ts:
            try:
                await self._edit(channel, task.card_ts, message, row)
            except MessageGone:
                # Somebody deleted the card. It is posted again, once, under a mark of its own.
                await self.registry.write(partial(_forget_card, row_id=row.id, task_id=task.id))
                return 0.02
        else:
            ts = await self._post_once(row, channel, thread, message)
            await self.registry.write(partial(settle, task_id=task.id, channel=channel, thread_ts=thread, card_ts=ts))
        await self._card_done(row, want, print_, task.state.value, sent=True)
        await self._settle_asked(task.id)
        return None

    def _too_soon(self, row: Outbox, state: str, now: datetime) -> float:
        """Seconds until the card may be edited again."""
        edited = row.payload.get("at")
        if not edited:
            return 0.0
        values = self.values()
        least = values.card_interval_s if row.payload.get("state") == state else values.card_state_interval_s
        return least - (now - datetime.fromisoformat(edited)).total_seconds()

    async def _card_done(self, row: Outbox, want: int, print_: str, state: str, *, sent: bool) -> None:
        now = self.clock()

        def work(session: Session) -> None:
            stored = session.get(Outbox, row.id)
            assert stored is not None
            stored.payload = {**stored.payload, "done": want, "print": print_, "state": state}
            if sent:
                stored.payload = {**stored.payload, "at": now.isoformat()}
            stored.state = "sent" if int(stored.payload["want"]) <= want else "pending"
            stored.tries, stored.error, stored.not_before, stored.sent_at = 0, "", None, now
            session.add(stored)

        await self.registry.write(work)

    async def _settle_asked(self, task_id: int) -> None:
        """Give answered questions and given help their last form."""

        def look(session: Session) -> list[Settled]:
            task = session.get(Task, task_id)
            return settled(session, task, self.policy(), self.values()) if task is not None else []

        for one in await self.registry.read(look):
            try:
                await self._edit(one.row.channel, one.row.ts, one.message, one.row)
            except (MessageGone, ChannelLost) as gone:
                log.info("a settled message is gone", outbox=one.row.id, why=str(gone))
            await self.registry.write(partial(_settled, row_id=one.row.id))

    # --- one message -------------------------------------------------------------------------------------------------

    async def _post_once(self, row: Outbox, channel: str, thread: str, message: Message) -> str:
        """Post a message, unless an earlier try did."""
        mark = self.marker(f"out{row.id}.{row.payload.get('posts', 0)}")
        if row.state == "sending":
            found = await self.posting.find(channel, thread, mark, row.created_at)
            if found:
                return found
        await self.registry.write(partial(_sending, row_id=row.id))
        row.state = "sending"
        try:
            return await self.posting.post(channel, thread, message, mark)
        except ThreadGone:
            # Its root was deleted: what must be heard is said in the channel.
            return await self.posting.post(channel, "", message, mark)
        except SlackRejected:
            return await self.posting.post(channel, thread, without_blocks(message), mark)

    async def _edit(self, channel: str, ts: str, message: Message, row: Outbox) -> None:
        mark = self.marker(f"out{row.id}.{row.payload.get('posts', 0)}")
        try:
            await self.posting.update(channel, ts, message, mark)
        except SlackRejected:
            await self.posting.update(channel, ts, without_blocks(message), mark)

    async def _direct(self, rendered: Rendered) -> str:
        assert rendered.task is not None
        user = rendered.task.requester
        if not user.startswith(("U", "W")):
            raise SlackRejected("there is no channel to show the task in; name one with means = “work”")
        return await self.posting.direct(user)

    async def _alert(self, row: Outbox) -> float | None:
        """Tell the admins; in the alerts channel where there is one, else each of them directly."""
        message = alert(str(row.payload.get("text", "")))
        channels = [one.channel for one in self.values().channels if one.meaning == "alerts"]
        if not channels:
            channels = [await self.posting.direct(user) for user in await self.registry.read(admins)]
        if not channels:
            return _IDLE_S  # it waits for the first admin
        ts = ""
        for channel in channels:
            ts = await self._post_once(row, channel, "", message)
        await self._sent(row, channels[0], ts)
        return None

    # --- what becomes of rows ----------------------------------------------------------------------------------------

    async def _sent(self, row: Outbox, channel: str, ts: str) -> None:
        now = self.clock()

        def work(session: Session) -> None:
            stored = session.get(Outbox, row.id)
            assert stored is not None
            stored.state, stored.channel, stored.ts, stored.sent_at = "sent", channel, ts, now
            stored.error, stored.not_before = "", None
            session.add(stored)

        await self.registry.write(work)

    async def _void(self, row: Outbox, why: str) -> None:
        def work(session: Session) -> None:
            stored = session.get(Outbox, row.id)
            assert stored is not None
            stored.state, stored.error = "void", why
            session.add(stored)

        await self.registry.write(work)

    async def _later(self, row: Outbox, problem: SlackError, until: datetime | None) -> None:
        """Try again; a call that may have been carried out stays `sending`, so that it is looked for first."""
        wait = _WAITS_S[min(row.tries, len(_WAITS_S) - 1)]
        in_doubt = isinstance(problem, SlackUnreachable) and problem.in_doubt

        def work(session: Session) -> None:
            stored = session.get(Outbox, row.id)
            assert stored is not None
            stored.tries += 1
            stored.error = str(problem)[:300]
            stored.not_before = until or self.clock() + timedelta(seconds=wait)
            if stored.state == "sending" and not in_doubt:
                stored.state = "pending"
            session.add(stored)

        await self.registry.write(work)

    async def _rehome(self, row: Outbox, problem: ChannelLost) -> float | None:
        """The channel is gone: the task moves to its requester's direct messages, and the admins hear of it."""

        def look(session: Session) -> tuple[str, str]:
            task = session.get(Task, row.task_id)
            return (task.channel, task.requester) if task is not None else ("", "")

        channel, user = await self.registry.read(look)
        if row.task_id is None or not user.startswith(("U", "W")) or channel.startswith("D"):
            await self._give_up(row, problem)
            return None
        try:
            direct = await self.posting.direct(user)
        except ChannelLost:
            await self._give_up(row, problem)
            return None
        task_id = row.task_id

        def work(session: Session) -> None:
            now = self.clock()
            move(session, task_id, direct)
            stored = session.get(Outbox, row.id)
            assert stored is not None
            stored.state, stored.not_before = "pending", None
            stored.payload = {**stored.payload, "posts": int(stored.payload.get("posts", 0)) + 1}
            session.add(stored)
            where = channel or "the channel"
            text = f"I cannot write in {where} any more ({problem.code}). T-{task_id} goes on in direct messages."
            say(session, now, kind="alert", dedupe_key=f"channel-lost:{channel}", payload={"text": text})
            record(session, now, what="channel_lost", why=str(problem), task_id=task_id, subject="task")

        await self.registry.write(work)
        return 0.02

    async def _give_up(self, row: Outbox, problem: SlackError) -> None:
        """Slack refuses this message for good. It is kept as failed, and the admins are told."""

        def work(session: Session) -> None:
            now = self.clock()
            stored = session.get(Outbox, row.id)
            assert stored is not None
            stored.state, stored.error = "failed", str(problem)[:300]
            session.add(stored)
            record(session, now, what="not_said", why=str(problem), task_id=row.task_id, subject=f"outbox {row.kind}")
            if row.kind != "alert":
                text = f"Slack does not take a message ({row.kind}, T-{row.task_id}): {problem.user_message}"
                say(session, now, kind="alert", dedupe_key=f"not-said:{row.id}", payload={"text": text})

        log.error("a message cannot be said", outbox=row.id, kind=row.kind, why=str(problem))
        await self.registry.write(work)


def _waiting(session: Session) -> list[Outbox]:
    return list(
        session.exec(
            select(Outbox).where(col(Outbox.state).in_(["pending", "sending"])).order_by(col(Outbox.id)).limit(_MOST)
        ).all()
    )


def _sending(session: Session, row_id: int | None) -> None:
    row = session.get(Outbox, row_id)
    assert row is not None
    row.state = "sending"
    session.add(row)


def _settled(session: Session, row_id: int | None) -> None:
    row = session.get(Outbox, row_id)
    assert row is not None
    row.payload = {**row.payload, "settled": True}
    session.add(row)


def _forget_card(session: Session, row_id: int | None, task_id: int) -> None:
    row, task = session.get(Outbox, row_id), session.get(Task, task_id)
    assert row is not None and task is not None
    row.payload = {**row.payload, "posts": int(row.payload.get("posts", 0)) + 1, "print": ""}
    row.state = "pending"
    task.card_ts = ""
    session.add(row)
    session.add(task)
