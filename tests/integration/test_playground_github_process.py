"""The stand-in in the playground's own process: found by its address file, killed without warning, started again."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from integrations.playground.visitor import Refused, Visitor
from tests.integration.playground_github_world import until

SLUG = "acme/tiny"
# The first run leaves a mark outside its checkout and hangs; a run that finds the mark passes.
CI = """[[job]]
name = "tests"
command = "if mkdir ../../../first; then sleep 67.5; fi"
"""


@asynccontextmanager
async def playground(home: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Visitor]]:
    address = home / "playground.json"
    before = address.read_text() if address.exists() else ""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "integrations.playground", "--home", str(home), stderr=asyncio.subprocess.DEVNULL
    )

    async def listens() -> bool:
        return address.exists() and address.read_text() not in ("", before)

    await until(listens, 30)
    try:
        async with Visitor(json.loads(address.read_text())["page_url"]) as visitor:
            yield process, visitor
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


def _sleepers() -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if "67.5" in (one.info["cmdline"] or ())]


async def test_a_killed_playground_ends_its_orphaned_job_and_runs_it_again(tmp_path: Path) -> None:
    home = tmp_path
    async with playground(home) as (process, visitor):
        await visitor.create_repository(SLUG, {".playground-ci.toml": CI})

        async def sleeps() -> bool:
            return len(_sleepers()) == 1

        await until(sleeps)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert len(_sleepers()) == 1

    async with playground(home) as (_, visitor):
        await visitor.push_as_person(SLUG, "work", "a.txt", "a\n")
        await visitor.open_pull(SLUG, "work", "After the kill")

        async def passed() -> bool:
            [pull] = await visitor.pulls(SLUG)
            return dict(pull.checks) == {"tests": "passed"}

        await until(passed)
        assert _sleepers() == []


async def test_faults_and_calls_go_through_the_shared_doors(tmp_path: Path) -> None:
    async with playground(tmp_path) as (_, visitor):
        await visitor.fault("github", {"answer": 502, "path": "/repos/"})
        with pytest.raises(Refused, match="unknown: anwser"):
            await visitor.fault("github", {"anwser": 502})
        assert await visitor.calls("github") == []
