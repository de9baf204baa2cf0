"""Causing a real error: the sample application as it is on its main branch runs, and people open a broken address."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from integrations.playground.github.repositories import BareRepository

#: An address that somebody mistyped. What becomes of it depends on the code that runs.
BROKEN = "/invoice?id=abc"
_START_S, _REPORT_S, _END_S, _LOOK_S = 20.0, 20.0, 5.0, 0.02
_ADDRESS = re.compile(rb"http://127\.0\.0\.1:\d+")
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")


class NoIncident(Exception):
    """The application did not come up, or did not report; the message says which."""


@dataclass(frozen=True)
class Incident:
    """What people saw. `release` is the commit that ran."""

    release: str
    answers: tuple[int, ...]

    @property
    def failed(self) -> int:
        return sum(status >= 500 for status in self.answers)


async def cause(
    repository: BareRepository, branch: str, dsn: str, visitors: int, reported: Callable[[], int]
) -> Incident:
    """Run the application from the head of `branch`, have people open the broken address, and end it again.

    Parameters:
        dsn: where the application reports its errors.
        visitors: so many people, each from an address of their own.
        reported: how many events the tracker has taken so far.

    Raises:
        NoIncident
    """
    sha = await repository.resolve(f"refs/heads/{branch}")
    if sha is None:
        raise NoIncident(f"there is no branch {branch}")
    with tempfile.TemporaryDirectory(prefix="playground-app-") as directory:
        root = Path(directory) / "app"
        root.mkdir()
        await repository.check_out(sha, root)
        process = await _start(root, dsn, sha)
        try:
            address = await _address(process)
            before = reported()
            answers = await _visit(address + BROKEN, visitors)
            incident = Incident(sha, answers)
            # The SDK sends from a thread of its own; it must not be ended before it has.
            if not await _until(lambda: reported() - before >= incident.failed, _REPORT_S):
                raise NoIncident(f"the application failed {incident.failed} times and did not report all of them")
            return incident
        finally:
            await _end(process)


async def _start(root: Path, dsn: str, sha: str) -> asyncio.subprocess.Process:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"SENTRY_DSN": dsn, "SENTRY_RELEASE": sha, "SENTRY_ENVIRONMENT": "production"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "app", "--port", "0"),
        cwd=root,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            while line := await process.stdout.readline():
                if found := _ADDRESS.search(line):
                    return found[0].decode()
    raise NoIncident("the application did not come up")


async def _visit(address: str, visitors: int) -> tuple[int, ...]:
    answers = []
    timeout = aiohttp.ClientTimeout(total=_START_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        for number in range(visitors):
            headers = {"X-Forwarded-For": f"203.0.113.{number % 250 + 1}", "User-Agent": "Mozilla/5.0 (a person)"}
            async with session.get(address, headers=headers) as answer:
                answers.append(answer.status)
    return tuple(answers)


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_S)
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        process.kill()
        await process.wait()
