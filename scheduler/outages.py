"""A dependency that is down: noticed at once, told to people once, when it has lasted, and told again when it is over.

A blink is nobody's business. What lasts longer than a minute is said, with what it stops; the end of it is said only
to those who heard of its beginning. Both stand in the registry, so a restart neither forgets nor repeats.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.registry.writers import recall, remember, say

_LASTING = timedelta(seconds=60)


def is_down(session: Session, name: str) -> bool:
    """Whether `name` was down when it was last used."""
    fact = recall(session, f"outage:{name}")
    return bool(fact and fact["since"])


def went_down(session: Session, now: datetime, name: str, why: str, *, lasting: timedelta = _LASTING) -> None:
    """`name` could not be used now.

    Parameters:
        why: one sentence for people, with what does not happen meanwhile.
        lasting: it is said when it has lasted so long; nothing for what does not pass by itself.
    """
    fact = recall(session, f"outage:{name}")
    if not fact or not fact["since"]:
        fact = {"since": now.isoformat(), "said": False}
        remember(session, now, f"outage:{name}", fact)
    if not fact["said"] and now - datetime.fromisoformat(fact["since"]) >= lasting:
        remember(session, now, f"outage:{name}", {**fact, "said": True})
        say(session, now, kind="alert", dedupe_key=f"outage:{name}:{fact['since']}", payload={"text": why})


def came_back(session: Session, now: datetime, name: str) -> None:
    """`name` answered again."""
    fact = recall(session, f"outage:{name}")
    if not fact or not fact["since"]:
        return
    remember(session, now, f"outage:{name}", {"since": None, "said": False})
    if fact["said"]:
        text = f"{name} answers again; everything is picked up."
        say(session, now, kind="alert", dedupe_key=f"back:{name}:{fact['since']}", payload={"text": text})
