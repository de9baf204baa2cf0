"""CI of the stand-in: each pushed commit gets the jobs of its `.playground-ci.toml`, really run, two at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]  # psutil ships no types

from integrations.playground.github.ci_file import NAME, BadCIFile, JobSpec, read_ci_file
from integrations.playground.github.ci_job import JobEnd, end_group, run_command
from integrations.playground.github.ci_log import JobLog, findings, without_stamps
from integrations.playground.github.git import GitFailed
from integrations.playground.github.records import Annotation, Branch, Job, Run
from integrations.playground.github.repositories import Repositories
from integrations.playground.github.store import Store

AT_ONCE = 2
logger = logging.getLogger(__name__)


class CI:
    """Queues, runs and remembers jobs.

    Parameters:
        home: logs go to `home/github-logs`, checkouts to `home/github-ci` (emptied at start).
        clock: seconds since the epoch.
        finished: called with each job that ended.
    """

    def __init__(
        self,
        store: Store,
        repositories: Repositories,
        home: Path,
        clock: Callable[[], float],
        finished: Callable[[Job], None] = lambda job: None,
    ) -> None:
        self._store = store
        self._repositories = repositories
        self._logs = home / "github-logs"
        self._scratch = home / "github-ci"
        self._clock = clock
        self._finished = finished
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._superseded: set[int] = set()

    def log_path(self, job: Job) -> Path:
        return self._logs / f"{job.id}.log"

    def start(self) -> None:
        """End what a killed playground left running, then queue every unfinished job again."""
        for job in self._store.all(Job, "status!='completed'"):
            if job.pid and _started_at(job.pid) == job.pid_started:
                end_group(job.pid)
            self._queue(self._store.change(job, status="queued", started_at=0.0, pid=0, pid_started=0.0))
        shutil.rmtree(self._scratch, ignore_errors=True)

    async def stop(self) -> None:
        """Kill what runs; it is queued again at the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def pushed(self, slug: str, branch: str, sha: str) -> None:
        """A branch is at a new commit: run its jobs, unless this commit has a result or is being checked already."""
        self._supersede(slug, branch, sha)
        if self._store.first(Job, "slug=? AND sha=? AND conclusion!='cancelled'", slug, sha) is not None:
            return
        content = await self._repositories[slug].read(sha, NAME)
        if content is None:
            return
        try:
            specs = read_ci_file(content)
        except BadCIFile as error:
            self._startup_failure(slug, branch, sha, str(error))
            return
        if specs:
            self._open_run(slug, branch, sha, specs)

    def rerun(self, run: Run, *, only_failed: bool) -> list[Job]:
        """Queue the jobs of a run once more, as new check runs with new ids, as GitHub does."""
        newest = {job.name: job for job in self._store.all(Job, "run_id=?", run.id)}
        again = [job for job in newest.values() if not only_failed or job.conclusion not in ("success", "")]
        with self._store.together():
            jobs = [
                self._store.add(Job(run.id, job.slug, job.sha, job.name, job.command, self._clock(), job.timeout_s))
                for job in again
            ]
        for job in jobs:
            self._queue(job)
        return jobs

    def _open_run(self, slug: str, branch: str, sha: str, specs: tuple[JobSpec, ...]) -> None:
        now = self._clock()
        with self._store.together():
            run = self._store.add(Run(slug, branch, sha, self._store.count(Run, "slug=?", slug) + 1, now))
            jobs = [
                self._store.add(Job(run.id, slug, sha, spec.name, spec.command, now, spec.timeout_s)) for spec in specs
            ]
        for job in jobs:
            self._queue(job)

    def _startup_failure(self, slug: str, branch: str, sha: str, message: str) -> None:
        now = self._clock()
        with self._store.together():
            run = self._store.add(Run(slug, branch, sha, self._store.count(Run, "slug=?", slug) + 1, now))
            job = Job(run.id, slug, sha, "workflow file", "", now, 1.0, "completed", "startup_failure", now, now)
            job = self._store.add(job)
            self._store.add(Annotation(job.id, NAME, 1, "Invalid workflow file", message))
        log = JobLog(self.log_path(job), self._clock)
        log.line(f"##[error]{message}")
        log.close()
        self._finished(job)

    def _supersede(self, slug: str, branch: str, sha: str) -> None:
        elsewhere = {other.sha for other in self._store.all(Branch, "slug=? AND name!=?", slug, branch)}
        for run in self._store.all(Run, "slug=? AND branch=? AND sha!=?", slug, branch, sha):
            if run.sha in elsewhere:
                continue
            for job in self._store.all(Job, "run_id=? AND status!='completed'", run.id):
                self._superseded.add(job.id)
                task = self._tasks.get(job.id)
                if task is not None:
                    task.cancel()
                self._end(job, "cancelled")

    def _queue(self, job: Job) -> None:
        self._tasks[job.id] = task = asyncio.create_task(self._run(job))
        task.add_done_callback(lambda done: self._tasks.pop(job.id, None))

    async def _run(self, job: Job) -> None:
        async with self._slots:
            if self._store.again(job).status == "completed":
                return
            job = self._store.change(job, status="in_progress", started_at=self._clock())
            room = self._scratch / str(job.id)
            log = JobLog(self.log_path(job), self._clock)
            try:
                end = await self._in_clean_checkout(job, room, log)
                if end.conclusion != "success":
                    self._annotate(job, end, room / "work")
                self._end(job, end.conclusion)
            except asyncio.CancelledError:
                if job.id in self._superseded:
                    log.line("##[error]The operation was canceled.")
                raise
            except Exception:
                logger.exception("job %s of %s at %s broke", job.name, job.slug, job.sha)
                log.line("##[error]The runner has received a shutdown signal.")
                self._end(job, "failure")
            finally:
                self._superseded.discard(job.id)
                log.close()
                await asyncio.to_thread(shutil.rmtree, room, ignore_errors=True)

    async def _in_clean_checkout(self, job: Job, room: Path, log: JobLog) -> JobEnd:
        run = self._store.get(Run, job.run_id)
        assert run is not None
        workspace = room / "work"
        workspace.mkdir(parents=True)
        log.line("Current runner version: 'waggle-playground'")
        try:
            await self._repositories[job.slug].check_out(job.sha, workspace)
        except GitFailed as error:
            log.line(f"##[error]The commit cannot be checked out: {error}")
            return JobEnd("failure", None)
        log.group(f"Check out {job.slug}", [f"HEAD is now at {job.sha[:7]}"])

        def started(pid: int) -> None:
            self._store.change(job, pid=pid, pid_started=_started_at(pid) or 0.0)

        return await run_command(job, run.branch, workspace, log, started)

    def _annotate(self, job: Job, end: JobEnd, workspace: Path) -> None:
        output = without_stamps(self.log_path(job).read_text(encoding="utf-8"))
        last = "The job timed out." if end.exit_code is None else f"Process completed with exit code {end.exit_code}."
        with self._store.together():
            for found in findings(output, str(workspace)):
                self._store.add(Annotation(job.id, found.path, found.line, found.title, found.message))
            self._store.add(Annotation(job.id, ".github", output.count("\n"), "", last))

    def _end(self, job: Job, conclusion: str) -> None:
        ended = self._store.change(
            job, status="completed", conclusion=conclusion, completed_at=self._clock(), pid=0, pid_started=0.0
        )
        self._finished(ended)


def _started_at(pid: int) -> float | None:
    with contextlib.suppress(psutil.Error):  # the process is gone: nobody has that id
        return float(psutil.Process(pid).create_time())
    return None
