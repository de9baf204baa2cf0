"""What a restart with a thousand tasks costs until the first correct tick: a real process, killed and started again."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import select

from integrations.github import GitHub
from integrations.playground.lock import running
from scheduler.registry import Fact, PullRequest, Registry, Task
from tests.bench import Figure
from tests.bench.quiet import look_closely
from tests.bench.thousand import fill, open_pulls, states
from tests.e2e.terminal import Terminal

_TASKS, _ROUNDS = 1000, 3
_LONGEST_S = 120.0
_LOOK_S = 0.02


async def measure(directory: Path) -> list[Figure]:
    return await asyncio.to_thread(_measure, directory)


def _measure(directory: Path) -> list[Figure]:
    terminal = Terminal(directory, WAGGLE_TICK_SECONDS="60")
    try:
        terminal.running().kill()
        found = running(terminal.home / "playground")
        assert found is not None, "the playground outlives Waggle"
        tasks = states(_TASKS)
        pulls = open_pulls(found.place, directory, tasks)
        registry = Registry(f"sqlite:///{terminal.home / 'registry.db'}")
        fill(registry, tasks, pulls)
        github = GitHub(found.place.github_api_url, lambda: found.place.github_token)
        look_closely(registry, github.light([one.node_id for one in pulls.values()]).pulls)
        _restart(terminal, registry, len(pulls))  # writes down how each pull request stands, as an earlier life had
        took = [_restart(terminal, registry, len(pulls)) for _ in range(_ROUNDS)]
        registry.close()
    finally:
        terminal.end()
    note = (
        f"{_TASKS} tasks in every state, {len(pulls)} open pull requests; from the start of its code to its heartbeat"
    )
    return [Figure("recovery.ms_1000", round(sorted(took)[_ROUNDS // 2]), "ms", _ROUNDS, note)]


def _restart(terminal: Terminal, registry: Registry, pulls: int) -> float:
    """Milliseconds from the start of a new life to the heartbeat of its first tick; then it is killed."""
    began = datetime.now(UTC)
    process = terminal.start()
    deadline = time.monotonic() + _LONGEST_S
    while True:
        beat = registry.read_now(lambda session: session.get(Fact, "tick"))
        if beat is not None and beat.at > began:
            break
        assert process.poll() is None, terminal.output.read_text()
        assert time.monotonic() < deadline, "no tick"
        time.sleep(_LOOK_S)
    process.kill()
    process.wait()
    problems = [one for one in beat.value["did"] if "failed" in one]
    assert not problems, problems
    assert beat.value["seen"] >= pulls, f"{beat.value['seen']} of {pulls} pull requests were seen"
    assert len(registry.read_now(lambda session: session.exec(select(Task)).all())) == _TASKS
    assert len(registry.read_now(lambda session: session.exec(select(PullRequest)).all())) == pulls
    return (beat.at - began).total_seconds() * 1000
