"""Who may do what; whoever is not known may nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from sqlmodel import Session, select

from bot.slack import access
from bot.slack.access import Action, Caller, Decision, authorize
from scheduler.lifecycle import TaskState
from scheduler.registry import Event, Person, Registry, Request, Task
from tests.conftest import Clock

T = TypeVar("T")
TEAM = "T0PLAYGRND"
ANA, BEN = Caller("U0ANA", TEAM), Caller("U0BEN", TEAM)
COMMANDS = [action for action in Action if action not in {Action.ASK_HELP, Action.CLAIM}]


@pytest.fixture
def write(registry: Registry) -> Callable[[Callable[[Session], Any]], Any]:
    return registry.write_now


def let_in(write: Any, clock: Clock, **roles: str) -> None:
    for user, role in roles.items():
        write(lambda s, user=user, role=role: access.grant(s, clock(), user, role, by="test"))


def may(write: Any, who: Caller, action: Action, task: Task | None = None) -> Decision:
    return write(lambda s: authorize(s, who, action, task, team=TEAM))


def task_of(write: Any, clock: Clock, requester: str) -> Task:
    def work(session: Session) -> Task:
        request = Request(dedupe_key=requester, text="x", requester=requester, source="slack", created_at=clock())
        session.add(request)
        session.flush()
        task = Task(
            request_id=request.id or 0,
            state=TaskState.PLANNED,
            title="x",
            requester=requester,
            created_at=clock(),
            updated_at=clock(),
        )
        session.add(task)
        session.flush()
        return task

    return write(work)


@pytest.mark.parametrize("action", COMMANDS)
def test_a_stranger_may_nothing(write: Any, action: Action) -> None:
    decision = may(write, BEN, action)
    assert not decision.allowed
    assert decision.text


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize(
    ("who", "told"),
    [
        (Caller("U0ANA", TEAM, is_bot=True), False),
        (Caller("", TEAM), False),
        (Caller("U0ANA", "T0OTHER"), True),
        (Caller("U0ANA", "", external=True), True),
    ],
)
def test_bots_and_other_organisations_may_nothing_even_when_listed(
    write: Any, clock: Clock, who: Caller, told: bool, action: Action
) -> None:
    let_in(write, clock, U0ANA="admin")
    decision = may(write, who, action)
    assert not decision.allowed
    assert bool(decision.text) == told


ALLOWED = {
    "viewer": {Action.READ},
    "requester": {Action.READ, Action.REQUEST, Action.GUIDE, Action.STOP, Action.ADD_CONTEXT},
    "approver": {action for action in COMMANDS if action is not Action.GRANT},
    "admin": set(COMMANDS),
}


@pytest.mark.parametrize("role", list(ALLOWED))
@pytest.mark.parametrize("action", COMMANDS)
def test_each_role_may_what_it_may_and_no_more(write: Any, clock: Clock, role: str, action: Action) -> None:
    let_in(write, clock, U0BEN=role)
    assert may(write, BEN, action).allowed == (action in ALLOWED[role])


def test_a_requester_steers_only_tasks_of_their_own(write: Any, clock: Clock) -> None:
    let_in(write, clock, U0BEN="requester")
    own, other = task_of(write, clock, "U0BEN"), task_of(write, clock, "U0ANA")
    assert may(write, BEN, Action.STEER, own).allowed
    assert not may(write, BEN, Action.STEER, other).allowed
    assert not may(write, BEN, Action.APPROVE, own).allowed


def test_the_refusal_names_the_role_that_is_needed(write: Any, clock: Clock) -> None:
    let_in(write, clock, U0BEN="viewer")
    assert "role approver" in may(write, BEN, Action.APPROVE).text


def test_the_local_command_line_may_all(write: Any) -> None:
    assert all(may(write, Caller("cli:ana"), action).allowed for action in Action)


def test_the_code_makes_one_admin_once(write: Any, clock: Clock) -> None:
    assert write(lambda s: access.offer_claim(s, clock(), "AB12CD34"))
    assert write(lambda s: access.claim(s, clock(), "U0ANA", "nope")) == "That is not the code."
    assert write(lambda s: access.claim(s, clock(), "U0ANA", "ab12cd34")) == ""
    assert may(write, ANA, Action.GRANT).allowed
    assert "nothing to claim" in write(lambda s: access.claim(s, clock(), "U0BEN", "AB12CD34"))
    assert not write(lambda s: access.offer_claim(s, clock(), "ANOTHER1"))


def test_a_guessed_code_is_void_after_five_tries(write: Any, clock: Clock) -> None:
    write(lambda s: access.offer_claim(s, clock(), "AB12CD34"))
    for _ in range(5):
        refused = write(lambda s: access.claim(s, clock(), "U0BEN", "WRONG"))
    assert "void" in refused
    assert "nothing to claim" in write(lambda s: access.claim(s, clock(), "U0ANA", "AB12CD34"))
    assert write(lambda s: s.exec(select(Person)).all()) == []


def test_a_new_offer_replaces_the_last_one(write: Any, clock: Clock) -> None:
    write(lambda s: access.offer_claim(s, clock(), "FIRST"))
    write(lambda s: access.offer_claim(s, clock(), "SECOND"))
    assert write(lambda s: access.claim(s, clock(), "U0ANA", "FIRST")) == "That is not the code."
    assert write(lambda s: access.claim(s, clock(), "U0ANA", "SECOND")) == ""


def test_the_code_itself_is_not_stored(write: Any, clock: Clock, registry: Registry) -> None:
    write(lambda s: access.offer_claim(s, clock(), "AB12CD34"))
    assert registry.path is not None
    stored = b"".join(file.read_bytes() for file in registry.path.parent.glob("registry.db*"))
    assert b"AB12CD34" not in stored


def test_the_only_admin_stays(write: Any, clock: Clock) -> None:
    let_in(write, clock, U0ANA="admin", U0BEN="approver")
    assert "only admin" in write(lambda s: access.revoke(s, clock(), "U0ANA", by="U0ANA"))
    assert write(lambda s: access.revoke(s, clock(), "U0BEN", by="U0ANA")) == ""
    assert not may(write, BEN, Action.READ).allowed


def test_grants_revocations_and_refusals_are_on_record(write: Any, clock: Clock) -> None:
    let_in(write, clock, U0BEN="viewer")
    let_in(write, clock, U0BEN="approver")
    write(lambda s: access.revoke(s, clock(), "U0BEN", by="U0ANA"))
    write(lambda s: access.audit_refusal(s, clock(), BEN, Action.APPROVE, "not on the list", None))
    rows = write(lambda s: [(e.what, e.before, e.after) for e in s.exec(select(Event)).all()])
    assert rows == [
        ("access_granted", "", "viewer"),
        ("access_granted", "viewer", "approver"),
        ("access_revoked", "approver", ""),
        ("access_refused", "", ""),
    ]


def test_the_admin_of_the_settings_is_made_admin_once(write: Any, clock: Clock) -> None:
    for _ in range(2):
        write(lambda s: access.ensure_admin(s, clock(), "U0ANA"))
    assert write(access.admins) == ("U0ANA",)
    assert len(write(lambda s: s.exec(select(Event)).all())) == 1
