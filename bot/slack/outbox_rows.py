"""What becomes of outbox rows: `pending` → `sending` → `sent`, or `void`, or `failed`. All take a write session."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot.slack.errors import SlackError, SlackUnreachable
from scheduler.registry import Outbox, Task
from scheduler.registry.writers import record, say

_MOST = 200
_WAITS_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)


def waiting(session: Session) -> list[Outbox]:
    """Rows that are to be sent, oldest first."""
    return list(
        session.exec(
            select(Outbox).where(col(Outbox.state).in_(["pending", "sending"])).order_by(col(Outbox.id)).limit(_MOST)
        ).all()
    )


def begin(session: Session, row_id: int | None) -> None:
    """Written before the call: a row found like this may have been sent."""
    row = _row(session, row_id)
    row.state = "sending"
    session.add(row)


def sent(session: Session, now: datetime, row_id: int | None, channel: str, ts: str) -> None:
    row = _row(session, row_id)
    row.state, row.channel, row.ts, row.sent_at = "sent", channel, ts, now
    row.error, row.not_before = "", None
    session.add(row)


def void(session: Session, row_id: int | None, why: str) -> None:
    """It is not true or not needed any more."""
    row = _row(session, row_id)
    row.state, row.error = "void", why
    session.add(row)


def later(session: Session, now: datetime, row_id: int | None, problem: SlackError) -> datetime:
    """Try again, and when. A call that may have been carried out stays `sending`, so that it is looked for first."""
    row = _row(session, row_id)
    in_doubt = isinstance(problem, SlackUnreachable) and problem.in_doubt
    until = problem.not_before or now + timedelta(seconds=_WAITS_S[min(row.tries, len(_WAITS_S) - 1)])
    row.tries += 1
    row.error, row.not_before = str(problem)[:300], until
    # An alert goes to several people under one row: that it was begun is never forgotten.
    if row.state == "sending" and not in_doubt and row.task_id is not None:
        row.state = "pending"
    session.add(row)
    return until


def give_up(session: Session, now: datetime, row_id: int | None, problem: SlackError) -> None:
    """Slack refuses this message for good. It is kept as failed, and the admins are told."""
    row = _row(session, row_id)
    row.state, row.error = "failed", str(problem)[:300]
    session.add(row)
    record(session, now, what="not_said", why=str(problem), task_id=row.task_id, subject=f"outbox {row.kind}")
    if row.task_id is not None:
        text = f"Slack does not take a message ({row.kind} of T-{row.task_id}): {problem.user_message}"
        say(session, now, kind="alert", dedupe_key=f"not-said:{row.id}:{row.tries}", payload={"text": text})


def settled(session: Session, row_id: int | None) -> None:
    """A question or a call for help got its last form."""
    row = _row(session, row_id)
    row.payload = {**row.payload, "settled": True}
    session.add(row)


def card_shown(
    session: Session, now: datetime, row_id: int | None, want: int, fingerprint: str, state: str, *, edited: bool
) -> None:
    """The card shows what it should as of wish `want`; newer wishes keep the row waiting."""
    row = _row(session, row_id)
    row.payload = {**row.payload, "done": want, "print": fingerprint, "state": state}
    if edited:
        row.payload = {**row.payload, "at": now.isoformat()}
    row.state = "sent" if int(row.payload["want"]) <= want else "pending"
    row.tries, row.error, row.not_before, row.sent_at = 0, "", None, now
    session.add(row)


def forget_card(session: Session, row_id: int | None, task_id: int) -> bool:
    """Somebody deleted the card: it is posted again under a mark of its own. False when that happened before."""
    row, task = _row(session, row_id), session.get(Task, task_id)
    assert task is not None
    if row.payload.get("reposted"):
        return False
    row.payload = {**row.payload, "posts": posts(row) + 1, "print": "", "reposted": True}
    row.state = "pending"
    task.card_ts = ""
    session.add(row)
    session.add(task)
    return True


def send_elsewhere(session: Session, row_id: int | None) -> None:
    """The next try goes to another channel, as a post of its own."""
    row = _row(session, row_id)
    row.state, row.not_before = "pending", None
    row.payload = {**row.payload, "posts": posts(row) + 1, "print": ""}
    session.add(row)


def posts(row: Outbox) -> int:
    """How often the row was posted on purpose; part of its mark."""
    return int(row.payload.get("posts", 0))


def _row(session: Session, row_id: int | None) -> Outbox:
    row = session.get(Outbox, row_id)
    assert row is not None
    return row
