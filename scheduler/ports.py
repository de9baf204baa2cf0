"""A port for each workspace, so that servers of tasks that run beside each other do not meet.

It is leased when something first runs in a workspace, and given back with it. One on which somebody else listens by
then is exchanged for another.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session, select

from integrations.engines.ports import NoFreePort, is_free
from scheduler.outside import Outside
from scheduler.registry.work import PortLease


def port_variables(out: Outside, workspace: str) -> dict[str, str]:
    """What a run in a workspace is told of its port.

    Raises:
        NoFreePort: there is none left.
    """
    ports = out.policy().capacity.ports
    port = out.registry.write_now(lambda s: lease_port(s, out.clock(), workspace, ports, is_free))
    return {"PORT": str(port), "WAGGLE_PORT": str(port)}


def lease_port(
    session: Session, now: datetime, workspace: str, ports: tuple[int, int], free: Callable[[int], bool]
) -> int:
    """The port of a workspace; the lowest that nobody has, when it has none that it can use.

    Parameters:
        ports: the first and the last that may be given.
        free: whether nobody listens on a port now.

    Raises:
        NoFreePort: there is none left.
    """
    first, last = ports
    held = session.get(PortLease, workspace)
    if held is not None and first <= held.port <= last and free(held.port):
        return held.port
    taken = set(session.exec(select(PortLease.port)).all())
    port = next((one for one in range(first, last + 1) if one not in taken and free(one)), None)
    if port is None:
        raise NoFreePort(first, last)
    lease = held or PortLease(workspace=workspace, port=port, leased_at=now)
    lease.port, lease.leased_at = port, now
    session.add(lease)
    return port


def give_back_port(session: Session, workspace: str) -> None:
    """The workspace is gone; its port is for others."""
    held = session.get(PortLease, workspace)
    if held is not None:
        session.delete(held)
