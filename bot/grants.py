"""Who may do what, from `[access]` in waggle.toml to rows; beside them stand those whom an admin let in with Slack."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, select

from bot.config_schema import Access
from bot.slack.access import Role, grant
from scheduler.registry import Person
from scheduler.registry.writers import record

BY_FILE = "waggle.toml"


def apply_access(session: Session, now: datetime, access: Access) -> None:
    """Make the rows say what the file says.

    Somebody who was let in with Slack keeps a higher role than the file gives. Somebody who is in the list only
    because of the file leaves it with the file.
    """
    wanted: dict[str, Role] = {}
    for role, users in (
        (Role.VIEWER, access.viewers),
        (Role.REQUESTER, access.requesters),
        (Role.APPROVER, access.approvers),
        (Role.ADMIN, access.admins),
    ):
        wanted.update(dict.fromkeys(users, role))
    for user_id, role in wanted.items():
        row = session.get(Person, user_id)
        stands = row is not None and (
            Role[row.role.upper()] == role or (row.added_by != BY_FILE and Role[row.role.upper()] > role)
        )
        if not stands:
            grant(session, now, user_id, role.name.lower(), by=BY_FILE)
    for row in session.exec(select(Person).where(Person.added_by == BY_FILE)).all():
        if row.user_id not in wanted:
            record(
                session, now, what="access_revoked", actor=BY_FILE, why=row.user_id, subject="access", before=row.role
            )
            session.delete(row)
