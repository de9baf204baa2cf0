"""Who may do what. One function, `authorize`, is asked at every entrance; whoever is not known may nothing.

Roles: viewer < requester < approver < admin. A requester may stop, answer and guide any task, and do the rest
to tasks of their own; an approver may do it to all. The first admin is named by the settings, or claims
Waggle with a code that is printed once on the terminal.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from sqlmodel import Session, select

from scheduler.registry import Person, Task
from scheduler.registry.database import Topic, wake
from scheduler.registry.writers import recall, record, remember


class Role(IntEnum):
    VIEWER = 1
    REQUESTER = 2
    APPROVER = 3
    ADMIN = 4


class Action(StrEnum):
    READ = "read"  #: status, context search
    ASK_HELP = "ask_help"  #: help, whoami; shows nothing of anybody's work
    CLAIM = "claim"
    REQUEST = "request"
    GUIDE = "guide"  #: free text, answers
    STOP = "stop"
    STEER = "steer"  #: retry, edit, reject, pause, resume, take over, give back
    APPROVE = "approve"  #: a plan, or more money
    ADD_CONTEXT = "add_context"
    GRANT = "grant"  #: allow, deny, the emergency stop


@dataclass(frozen=True)
class Caller:
    """Who is at the entrance, as the delivery says.

    Attributes:
        user_id: Slack user id, or `cli:<login>`.
        team_id: the team that this user belongs to; empty when the delivery does not say.
        is_bot: an app or another bot speaks.
        external: the delivery comes from a channel shared with another organisation, and names no team.
    """

    user_id: str
    team_id: str = ""
    is_bot: bool = False
    external: bool = False


@dataclass(frozen=True)
class Decision:
    """Whether, and if not, why: `reason` for the audit log, `text` for the person (empty: say nothing)."""

    allowed: bool
    reason: str = ""
    text: str = ""


#: the least role for somebody else's task (or no task), and for one's own
_LEAST: dict[Action, tuple[Role, Role]] = {
    Action.READ: (Role.VIEWER, Role.VIEWER),
    Action.REQUEST: (Role.REQUESTER, Role.REQUESTER),
    Action.GUIDE: (Role.REQUESTER, Role.REQUESTER),
    Action.STOP: (Role.REQUESTER, Role.REQUESTER),
    Action.ADD_CONTEXT: (Role.REQUESTER, Role.REQUESTER),
    Action.STEER: (Role.APPROVER, Role.REQUESTER),
    Action.APPROVE: (Role.APPROVER, Role.APPROVER),
    Action.GRANT: (Role.ADMIN, Role.ADMIN),
}
_OPEN = frozenset({Action.ASK_HELP, Action.CLAIM})
_CLAIM = "access:claim"
_WRONG_CODES = 5  #: after so many wrong codes the printed one is void: it must not be guessed


def authorize(session: Session, caller: Caller, action: Action, resource: Task | None = None, *, team: str) -> Decision:
    """Decide whether `caller` may do `action` to `resource`.

    Parameters:
        resource: the task that is acted on, when there is one.
        team: the team that Waggle is installed in.
    """
    if caller.user_id.startswith("cli:"):
        return Decision(True)  # the local command line runs as the user who owns the registry
    if caller.is_bot or not caller.user_id:
        return Decision(False, "a bot")
    if caller.external or (caller.team_id and team and caller.team_id != team):
        return Decision(False, "another organisation", "Waggle takes instructions from its own workspace only.")
    if action in _OPEN:
        return Decision(True)
    person = session.get(Person, caller.user_id)
    if person is None:
        return _stranger(session)
    role = Role[person.role.upper()]
    for_others, for_own = _LEAST[action]
    own = resource is not None and resource.requester == caller.user_id
    least = for_own if own else for_others
    if role >= least:
        return Decision(True)
    return Decision(
        False,
        f"{role.name.lower()} may not {action}",
        f"That needs the role {least.name.lower()}; you are {role.name.lower()}. An admin can change it: "
        f"`/waggle allow @you {least.name.lower()}`.",
    )


def _stranger(session: Session) -> Decision:
    if not admins(session):
        text = "Waggle has no admin yet. Whoever started it types `/waggle claim CODE` with the code from its terminal."
    else:
        text = "You are not on Waggle's list yet. An admin can add you with `/waggle allow @you`."
    return Decision(False, "not on the list", text)


def audit_refusal(
    session: Session, now: datetime, caller: Caller, action: Action, why: str, task_id: int | None
) -> None:
    """Write down that somebody was turned away."""
    record(
        session,
        now,
        what="access_refused",
        actor=caller.user_id or "unknown",
        why=f"{action}: {why}",
        task_id=task_id,
        subject="access",
        evidence=[f"team {caller.team_id}"] if caller.team_id else [],
    )


def admins(session: Session) -> tuple[str, ...]:
    """User ids of the admins, those who were there first in front."""
    rows = session.exec(select(Person).where(Person.role == Role.ADMIN.name.lower())).all()
    return tuple(row.user_id for row in sorted(rows, key=lambda row: row.added_at))


def grant(session: Session, now: datetime, user_id: str, role: str, *, by: str, name: str = "") -> None:
    """Put somebody on the list, or change their role."""
    row = session.get(Person, user_id) or Person(user_id=user_id, role=role, added_at=now)
    before, row.role, row.added_by = (row.role if row.added_by else ""), role, by
    row.name = name or row.name
    session.add(row)
    record(session, now, what="access_granted", actor=by, why=user_id, subject="access", before=before, after=role)
    wake(session, Topic.OUTBOX)  # an alert may have waited for somebody to tell


def revoke(session: Session, now: datetime, user_id: str, *, by: str) -> str:
    """Take somebody off the list. Empty when done, else why it was not."""
    row = session.get(Person, user_id)
    if row is None:
        return "That person is not on the list."
    if row.role == "admin" and admins(session) == (user_id,):
        return "That is the only admin; allow another admin first."
    record(session, now, what="access_revoked", actor=by, why=user_id, subject="access", before=row.role)
    session.delete(row)
    return ""


def ensure_admin(session: Session, now: datetime, user_id: str) -> None:
    """Make the person named by the settings an admin, if they are not."""
    row = session.get(Person, user_id)
    if row is None or row.role != "admin":
        grant(session, now, user_id, "admin", by="settings")


def offer_claim(session: Session, now: datetime, code: str) -> bool:
    """Let `code` be claimed once, instead of any earlier one. False when there is an admin already."""
    if admins(session):
        return False
    remember(session, now, _CLAIM, {"digest": _digest(code), "wrong": 0})
    return True


def claim(session: Session, now: datetime, user_id: str, code: str) -> str:
    """Take the claim. Empty when `user_id` is admin now, else why not."""
    offer = recall(session, _CLAIM)
    if admins(session) or offer is None or not offer.get("digest"):
        return "There is nothing to claim: Waggle has an admin. Ask them for `/waggle allow @you`."
    if not hmac.compare_digest(offer["digest"], _digest(code)):
        wrong = int(offer["wrong"]) + 1
        spent = wrong >= _WRONG_CODES
        remember(session, now, _CLAIM, {"digest": "" if spent else offer["digest"], "wrong": wrong})
        record(session, now, what="claim_refused", actor=user_id, why=f"wrong code, {wrong} in all", subject="access")
        return "That code is void now. Restart Waggle for a new one." if spent else "That is not the code."
    remember(session, now, _CLAIM, {"digest": "", "wrong": 0})
    grant(session, now, user_id, "admin", by="claim")
    return ""


def _digest(code: str) -> str:
    return hashlib.sha256(code.strip().upper().encode()).hexdigest()
