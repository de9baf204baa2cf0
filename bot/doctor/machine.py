"""The machine: Python, SQLite, the system, git, the tools that isolate agents, and tmux."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

from bot.doctor.check import Check, Surroundings, judged
from integrations.engines import bounds
from integrations.engines.isolation import Level, level_problem
from integrations.engines.machine import free_memory, load_per_core
from integrations.git import GitError
from integrations.git.command import GitCommand
from scheduler.dispatch import slots


def python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return judged("python", sys.version_info >= (3, 11), version, "Waggle needs Python 3.11 or newer.")


def system() -> Check:
    return judged(
        "system", sys.platform == "linux", sys.platform, "Agents run on Linux only: use a Linux machine or container."
    )


def sqlite() -> Check:
    fix = "Use a Python whose SQLite has FTS5, such as Debian's."
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    except sqlite3.Error as problem:
        return Check("sqlite", False, str(problem), fix)
    return Check("sqlite", True, f"{sqlite3.sqlite_version}, with full-text search")


def git(seen: Surroundings) -> Iterator[Check]:
    fix = "Install git 2.38 or newer. Debian: apt-get install git."
    try:
        version = GitCommand(seen.home.root / "git-home").version()
    except GitError as problem:
        yield Check("git", False, problem.user_message, fix)
    else:
        yield Check("git", True, ".".join(map(str, version)))


def isolation(seen: Surroundings) -> Iterator[Check]:
    """Whether each level of isolation that waggle.toml asks for works here."""
    if seen.config is None:
        return
    policy = seen.config.policy
    wanted = {policy.isolation.level, *(one.level for one in policy.repositories if one.level is not None)}
    for level in sorted(wanted):
        problem = level_problem(level, policy.isolation.image)
        where = "directory and environment of their own; no walls" if level is Level.WORKTREE else "works here"
        cure = f"Or choose another `level` under [isolation] in {seen.config.path}."
        yield judged(f"isolation {level}", problem is None, problem or where, cure)


def limits(seen: Surroundings) -> Iterator[Check]:
    """What holds runs to their limits on memory and processes, tried with a group of our own."""
    probe = bounds.make(f"/doctor-{os.getpid()}", 2**30, 300)
    probe.remove()
    if probe.memory:
        yield Check("limits", True, f"the kernel bounds each run's memory ({probe.kind})")
    else:
        cure = "Let Waggle make control groups: run it as a systemd service with Delegate=yes, or as root."
        yield Check("limits", True, "a watchdog looks at each run five times a second; the kernel does not help", cure)


def capacity(seen: Surroundings) -> Iterator[Check]:
    """What there is for agents now. Too little is no fault: tasks wait, and say for what."""
    if seen.config is None:
        return
    wanted, memory = seen.config.policy.capacity, free_memory()
    most, room = slots(wanted), max(memory - wanted.reserve_bytes, 0) // max(wanted.agent_memory_bytes, 1)
    sizes = f"{memory / 2**30:.1f} GiB of memory free, load {load_per_core():.1f} for each core"
    fits = f"room for {min(most, max(room, 1))} of {most} agents of {wanted.agent_memory_bytes / 2**30:.1f} GiB"
    yield Check("capacity", True, f"{sizes}: {fits}")


def tmux(seen: Surroundings) -> Iterator[Check]:
    """Only watching an agent in a terminal needs it, so it is never wrong to have none."""
    program = shutil.which("tmux", path=seen.settings.host.environment.get("PATH"))
    if program is None:
        yield Check(
            "tmux",
            True,
            "not installed: follow an agent with `waggle logs -f T-12`",
            "Only for watching an agent in a terminal. Debian: apt-get install tmux.",
        )
        return
    try:
        said = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError) as problem:
        yield Check("tmux", False, f"{program} does not answer ({type(problem).__name__})", "Install it again.")
    else:
        yield Check("tmux", True, f"{said}: `waggle attach T-12` joins the terminal of an agent at work")
