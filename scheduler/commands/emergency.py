"""The emergency stop, and its end."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from scheduler.commands.replies import Actor, Reply
from scheduler.frost import freeze_all, thaw_all
from scheduler.policy import Policy


def estop(session: Session, now: datetime, policy: Policy, actor: Actor) -> Reply:
    """Let every agent stand still at once."""
    if not freeze_all(session, now, actor.id):
        return Reply(False, "Everything stands still already. `thaw` goes on.")
    return Reply(True, "Every agent stands still, and none starts. `thaw` goes on from where they stood.")


def thaw(session: Session, now: datetime, policy: Policy, actor: Actor) -> Reply:
    """Let everything go on."""
    if not thaw_all(session, now, actor.id):
        return Reply(False, "Nothing is frozen.")
    return Reply(True, "The agents go on from where they stood.")
