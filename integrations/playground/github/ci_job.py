"""Runs one CI job: a fresh directory, a clean environment, a process group of its own that ends with the job."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from integrations.playground.github.ci_log import JobLog
from integrations.playground.github.records import Job

_LINE_LIMIT = 1 << 20


@dataclass(frozen=True)
class JobEnd:
    conclusion: str  #: success | failure | timed_out
    exit_code: int | None


def job_environment(job: Job, branch: str, workspace: Path) -> dict[str, str]:
    """What a job may know: where programs are, and what it runs for. Nothing of Waggle's own environment."""
    temp = workspace.with_name("tmp")
    temp.mkdir(exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(temp),
        "TMPDIR": str(temp),
        "LANG": "C.UTF-8",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_JOB": job.name,
        "GITHUB_REPOSITORY": job.slug,
        "GITHUB_REF_NAME": branch,
        "GITHUB_SHA": job.sha,
        "GITHUB_WORKSPACE": str(workspace),
        "GIT_CEILING_DIRECTORIES": str(workspace.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


async def run_command(job: Job, branch: str, workspace: Path, log: JobLog, started: Callable[[int], None]) -> JobEnd:
    """Run the job's command to its end, or to its timeout, with its output in the log.

    Parameters:
        workspace: the checked-out files.
        started: called with the process id, so that a restarted playground can end what the killed one left.

    Cancellation kills the whole process group before it propagates.
    """
    log.group(f"Run {job.command}", [job.command, "shell: /bin/sh -e {0}"])
    # A pipe of our own: asyncio's `wait()` waits for its pipes too, which background children hold open.
    reader, writer = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-e",
            "-c",
            job.command,
            cwd=workspace,
            env=job_environment(job, branch, workspace),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    reading = asyncio.create_task(_copy(reader, log))
    try:
        started(process.pid)
        rc = await asyncio.wait_for(process.wait(), job.timeout_s)
    except TimeoutError:
        log.line(f"##[error]The job has exceeded the maximum execution time of {job.timeout_s:g} s.")
        return JobEnd("timed_out", None)
    finally:
        end_group(process.pid)
        # Background children that held the pipe are dead now; one that left the group may hold it for ever.
        done, _ = await asyncio.wait([reading], timeout=2)
        if not done:
            reading.cancel()
        await process.wait()
    if rc:
        log.line(f"##[error]Process completed with exit code {rc}.")
    return JobEnd("failure" if rc else "success", rc)


def end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the group is already gone
        os.killpg(pid, signal.SIGKILL)


async def _copy(reader: int, log: JobLog) -> None:
    """Write what comes out of a pipe into the log, line by line; closes the pipe."""
    stream = asyncio.StreamReader(limit=_LINE_LIMIT)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reader, "rb", buffering=0)
    )
    try:
        while raw := await _line(stream):
            log.line(raw.decode("utf-8", "replace").rstrip("\r\n"))
    finally:
        transport.close()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, a part of one that is too long, or nothing at the end."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as rest:
        return rest.partial
    except asyncio.LimitOverrunError as overrun:
        return await stream.readexactly(overrun.consumed)
