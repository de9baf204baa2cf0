"""What Docker is told about a container that runs already. Standard library only; the runner imports it by path.

What runs in a container hangs on Docker's daemon, not on whoever started it: stopping the client stops nothing.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # known to type checkers; the runner does without these imports
if TYPE_CHECKING:
    from collections.abc import Mapping


def tell(container: str, verb: tuple[str, ...], env: Mapping[bytes, bytes]) -> None:
    """`docker VERB… CONTAINER`, to its end. One that is not there (any more) is all the same.

    Parameters:
        env: where its client finds its own address and login.
    """
    quiet = [(os.POSIX_SPAWN_OPEN, place, os.devnull, os.O_RDWR, 0) for place in range(3)]
    try:
        pid = os.posix_spawnp("docker", ["docker", *verb, container], env, file_actions=quiet)
        os.waitpid(pid, 0)
    except (FileNotFoundError, ChildProcessError):
        return
