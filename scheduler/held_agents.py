"""Agents whose account is refused: the login is not accepted, or there is no credit left.

That is no failure of any task. Every task that wants the agent waits, spends no retry, and its session goes on later;
people are told once, with the cure. Nobody has to say when it is mended: one task tries now and then, at each start of
Waggle, and at once when a person replies `retry` to a task that waits. The first answer that the agent's model gives
lets everything go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from scheduler.recovery import rule_for
from scheduler.registry.database import Topic, wake
from scheduler.registry.talk import Fact
from scheduler.registry.writers import recall, record, remember, say

_FIRST, _MOST = timedelta(minutes=5), timedelta(hours=1)
_TRYING = timedelta(minutes=10)  #: while one task tries, the others wait for what becomes of it
_KEY = "held:"


@dataclass(frozen=True)
class Held:
    """An agent that waits for a person.

    Attributes:
        cause: `auth` or `billing`.
        next_try: before that no task starts it.
        tries: how often it was tried in vain since.
        trying: a task tries now.
    """

    cause: str
    since: datetime
    next_try: datetime
    tries: int = 0
    trying: bool = False

    def sentence(self, agent: str) -> str:
        """Why a task waits for it."""
        why = "the login of {} is refused" if self.cause == "auth" else "the account of {} has no credit"
        return f"{why.format(agent)}; it is tried again by itself, and at once with `retry`"


def held(session: Session, agent: str) -> Held | None:
    """What is known of an agent whose account was refused; None for one that works."""
    fact = recall(session, f"{_KEY}{agent}")
    if not fact or not fact.get("since"):
        return None
    since, next_try = datetime.fromisoformat(fact["since"]), datetime.fromisoformat(fact["next_try"])
    return Held(fact["cause"], since, next_try, int(fact["tries"]), bool(fact["trying"]))


def must_wait(session: Session, now: datetime, agent: str) -> Held | None:
    """The same, while no task may start it."""
    known = held(session, agent)
    return known if known is not None and known.next_try > now else None


def hold_agent(session: Session, now: datetime, agent: str, cause: str, message: str) -> None:
    """An agent's account was refused just now. People are told when that begins."""
    known = held(session, agent)
    if known is None:
        _put(session, now, agent, Held(cause, now, now + _FIRST))
        rule = rule_for(cause)
        said = f" It said: {message}" if message else ""
        text = (
            f"No task starts {agent} for now. {rule.sentence}{said} {rule.cure} What waits for it goes on by itself "
            "once that is done and has spent no retry; `retry` in the thread of a task that waits tries at once."
        )
        say(session, now, kind="alert", dedupe_key=f"{_KEY}{agent}:{now.isoformat()}", payload={"text": text})
        record(session, now, what="held", why=f"{rule.sentence} {message}".strip(), subject=f"agent {agent}")
        return
    if known.trying:  # others that ran when it began end in the same way, and say nothing new
        tries = known.tries + 1
        _put(session, now, agent, Held(cause, known.since, now + min(_FIRST * 2**tries, _MOST), tries))


def try_agent(session: Session, now: datetime, agent: str) -> None:
    """A task is about to start it, to see whether it works again; the others wait for that."""
    known = held(session, agent)
    if known is not None:
        _put(session, now, agent, Held(known.cause, known.since, now + _TRYING, known.tries, trying=True))


def try_now(session: Session, now: datetime, agent: str = "") -> bool:
    """The next task may try at once: a person says so, or Waggle starts. False when nothing waits for that.

    Parameters:
        agent: empty for all.
    """
    names = [agent] if agent else held_agents(session)
    waiting = [(name, known) for name in names if (known := must_wait(session, now, name)) is not None]
    for name, known in waiting:
        _put(session, now, name, Held(known.cause, known.since, now, known.tries))
    if waiting:
        wake(session, Topic.SUPERVISOR)
    return bool(waiting)


def release_agent(session: Session, now: datetime, agent: str) -> None:
    """Its model answered: whatever was refused before is not any more."""
    known = held(session, agent)
    if known is None:
        return
    remember(session, now, f"{_KEY}{agent}", {"since": None})
    text = f"{agent} works again; what waited for it goes on."
    key = f"released:{agent}:{known.since.isoformat()}"
    say(session, now, kind="alert", dedupe_key=key, payload={"text": text})
    record(session, now, what="released", why=text, subject=f"agent {agent}")
    wake(session, Topic.SUPERVISOR)


def held_agents(session: Session) -> list[str]:
    """Agents that are held, or once were."""
    keys = session.exec(select(Fact.key).where(col(Fact.key).startswith(_KEY))).all()
    return [key.removeprefix(_KEY) for key in keys]


def _put(session: Session, now: datetime, agent: str, known: Held) -> None:
    remember(
        session,
        now,
        f"{_KEY}{agent}",
        {
            "cause": known.cause,
            "since": known.since.isoformat(),
            "next_try": known.next_try.isoformat(),
            "tries": known.tries,
            "trying": known.trying,
        },
    )
