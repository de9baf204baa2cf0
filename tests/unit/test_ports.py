"""Each workspace has a port that no other one has and on which nobody listens."""

from __future__ import annotations

import socket

import pytest
from sqlmodel import Session, select

from integrations.engines.ports import NoFreePort, is_free
from scheduler.ports import give_back_port, lease_port
from scheduler.registry import PortLease, Registry
from tests.conftest import Clock

RANGE = (20000, 20003)


def leased(session: Session, clock: Clock, workspace: str, *busy: int, ports: tuple[int, int] = RANGE) -> int:
    return lease_port(session, clock(), workspace, ports, lambda port: port not in busy)


def test_no_two_workspaces_have_one_port_and_each_keeps_its_own(registry: Registry, clock: Clock) -> None:
    def work(session: Session) -> None:
        assert [leased(session, clock, name, 20001) for name in ("t-1", "t-2", "t-1", "t-2")] == [
            20000, 20002, 20000, 20002,
        ]  # fmt: skip
        give_back_port(session, "t-1")
        give_back_port(session, "t-9")
        assert leased(session, clock, "t-3", 20001) == 20000

    registry.write_now(work)


def test_a_port_that_somebody_took_or_that_left_the_range_is_exchanged(registry: Registry, clock: Clock) -> None:
    def work(session: Session) -> None:
        assert leased(session, clock, "t-1") == 20000
        assert leased(session, clock, "t-1", 20000) == 20001
        assert leased(session, clock, "t-1", ports=(20002, 20003)) == 20002
        assert [one.port for one in session.exec(select(PortLease)).all()] == [20002]

    registry.write_now(work)


def test_where_none_is_left_a_person_is_told_what_to_do(registry: Registry, clock: Clock) -> None:
    def work(session: Session) -> None:
        for n in range(3):
            leased(session, clock, f"t-{n}", 20003)
        with pytest.raises(NoFreePort) as refused:
            leased(session, clock, "t-9", 20003)
        assert refused.value.retryable and "`ports` under [capacity]" in refused.value.user_message

    registry.write_now(work)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_who_listens_is_seen_and_who_has_gone_is_not_in_the_way(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    assert is_free(port)
