"""The card of a task: posted once, then edited in place, not more often than its interval, and only when it changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlmodel import Session

from bot.slack import outbox_rows as rows
from bot.slack.courier import Courier
from bot.slack.errors import ChannelLost, MessageGone
from bot.slack.places import settle
from bot.slack.rendering import Rendered, Settled, settled
from bot.slack.values import SlackValues
from bot.slack.views.card import fingerprint
from scheduler.policy import Policy
from scheduler.registry import Outbox, Registry, Task

log = structlog.get_logger(__name__)


@dataclass
class Cards:
    """Keeps cards up to date.

    Parameters:
        policy, values: as they are now.
        secrets: literal values that must not be said.
    """

    registry: Registry
    courier: Courier
    policy: Callable[[], Policy]
    values: Callable[[], SlackValues]
    clock: Callable[[], datetime]
    secrets: tuple[str, ...] = ()

    async def show(self, row: Outbox, rendered: Rendered, channel: str, thread: str) -> float | None:
        """Bring a card up to date; the seconds to wait when that is too early.

        Raises:
            SlackError: see `Courier`.
        """
        task, message = rendered.task, rendered.message
        assert task is not None and task.id is not None and message is not None
        state, seen = task.state.value, fingerprint(message)
        shown = partial(
            rows.card_shown, row_id=row.id, want=int(row.payload["want"]), fingerprint=seen, state=state
        )  # fmt: skip
        if task.card_ts and seen == row.payload.get("print"):
            await self._settle_asked(task.id)
            await self.registry.write(partial(shown, now=self.clock(), edited=False))
            return None
        wait = self._too_soon(row, state) if task.card_ts else 0.0
        wait = max(wait, self.courier.wait_to_edit(channel) if task.card_ts else self.courier.wait_to_post(channel))
        if wait > 0:
            return wait
        if task.card_ts:
            try:
                await self.courier.edit(row, channel, task.card_ts, message)
            except MessageGone:
                if await self.registry.write(partial(rows.forget_card, row_id=row.id, task_id=task.id)):
                    return 0.02
                raise
        else:
            ts = await self.courier.post(row, channel, thread, message)
            await self.registry.write(partial(settle, task_id=task.id, channel=channel, thread_ts=thread, card_ts=ts))
        await self._settle_asked(task.id)
        await self.registry.write(partial(shown, now=self.clock(), edited=True))
        return None

    def _too_soon(self, row: Outbox, state: str) -> float:
        """Seconds until the card may be edited again; a change of state is shown sooner than progress."""
        edited = row.payload.get("at")
        if not edited:
            return 0.0
        values = self.values()
        least = values.card_interval_s if row.payload.get("state") == state else values.card_state_interval_s
        return least - (self.clock() - datetime.fromisoformat(edited)).total_seconds()

    async def _settle_asked(self, task_id: int) -> None:
        """Give answered questions and given help their last form, without buttons."""

        def look(session: Session) -> list[Settled]:
            task = session.get(Task, task_id)
            return settled(session, task, self.policy(), self.values(), self.secrets) if task is not None else []

        for one in await self.registry.read(look):
            try:
                await self.courier.edit(one.row, one.row.channel, one.row.ts, one.message)
            except (MessageGone, ChannelLost) as gone:
                log.info("a settled message is gone", outbox=one.row.id, why=str(gone))
            await self.registry.write(partial(rows.settled, row_id=one.row.id))
