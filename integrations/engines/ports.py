"""Ports of this machine, for servers that runs start."""

from __future__ import annotations

import errno
import socket

from integrations.engines import EngineError


class NoFreePort(EngineError):
    """Every port of the range is given away or in use.

    Parameters:
        first, last: the range.
    """

    def __init__(self, first: int, last: int) -> None:
        super().__init__(
            f"no port from {first} to {last} is free",
            retryable=True,
            user_message=f"No port from {first} to {last} is free. Make `ports` under [capacity] a larger range.",
        )


def is_free(port: int) -> bool:
    """Whether nobody listens on the port at this machine's own addresses."""
    return all(_can_bind(family, address, port) for family, address in _OWN)


_OWN = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def _can_bind(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections that are only being forgotten are in nobody's way; who listens is, nevertheless.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as problem:
        return problem.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}  # there is no such address here
    return True
