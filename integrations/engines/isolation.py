"""What a run may see of the machine, by level; the rest of the code knows no more of it than this.

`worktree`: everything that its user may see; only its directory, its environment and its limits are its own.
`bubblewrap`: what is named here, and nothing else; a process namespace of its own, so that its whole tree dies with
one process; the network as the settings say.
`docker`: the same in a container of an image that the owner names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from integrations.engines import RunSpec
from integrations.engines.container import docker_problem, in_container
from integrations.engines.environment import clean_environment
from integrations.engines.walls import Walls, behind_walls, bubblewrap_problem


class Level(StrEnum):
    WORKTREE = "worktree"  #: a directory and an environment of its own
    BUBBLEWRAP = "bubblewrap"  #: walls: it sees what it is given, and nothing else
    DOCKER = "docker"  #: a container


class Network(StrEnum):
    ON = "on"
    OFF = "off"  #: not even this machine's own services
    HOSTS = "hosts"  #: the hosts of a list, through a proxy outside of the walls


@dataclass(frozen=True)
class Isolation:
    """What the owner decided about everything that runs a repository's code.

    Attributes:
        hosts: with `Network.HOSTS`, what is reached: `example.com`, `*.example.com`, or one with `:port`.
        read: further files and directories that it may see, such as a tool outside of /usr.
        environment: names of further variables that it gets from Waggle's own environment.
        image: with `Level.DOCKER`, what the container is made of.
        memory_bytes, processes: limits on each run's whole tree; 0 for no limit on memory.
    """

    level: Level = Level.WORKTREE
    network: Network = Network.ON
    hosts: tuple[str, ...] = ()
    read: tuple[Path, ...] = ()
    environment: tuple[str, ...] = ()
    image: str = ""
    memory_bytes: int = 6 * 2**30
    processes: int = 300


@dataclass(frozen=True)
class Given:
    """What one run needs of the machine, whatever its level.

    Attributes:
        write: its worktree, the git directories that this belongs to, and the agent's own directory.
        read: further files that it needs: the objects that its git directory borrows.
        keep: what it may only read although it lies in `write`, such as `config` and `hooks` of that git directory.
    """

    write: tuple[Path, ...]
    read: tuple[Path, ...] = ()
    keep: tuple[Path, ...] = ()


def confine(spec: RunSpec, isolation: Isolation, given: Given, source: Mapping[str, str] | None = None) -> RunSpec:
    """The same run at the level that the owner decided on, within its limits.

    Parameters:
        source: where the values of further variables come from; this process's environment by default.

    Raises:
        EngineError: its program is not there, or something that it is to be given is a link or is missing.
        ForbiddenVariable: the settings name a variable that no run may have.
    """
    further = clean_environment(isolation.environment, source=source)
    spec = replace(
        spec,
        env={**{name: further[name] for name in isolation.environment if name in further}, **spec.env},
        max_processes=isolation.processes,
        max_rss_bytes=isolation.memory_bytes or None,
    )
    match isolation.level:
        case Level.WORKTREE:
            return spec
        case Level.BUBBLEWRAP:
            hosts = isolation.hosts if isolation.network is Network.HOSTS else None
            on = isolation.network is Network.ON
            return behind_walls(spec, Walls(given.write, (*given.read, *isolation.read), given.keep, on, hosts))
        case Level.DOCKER:
            return in_container(
                spec,
                image=isolation.image,
                network=isolation.network is Network.ON,
                write=given.write,
                read=(*given.read, *isolation.read),
                keep=given.keep,
            )


def level_problem(level: Level, image: str = "") -> str | None:
    """Why runs cannot be at this level here, in one sentence with the cure; None when they can."""
    match level:
        case Level.WORKTREE:
            return None
        case Level.BUBBLEWRAP:
            return bubblewrap_problem()
        case Level.DOCKER:
            return docker_problem(image)
