"""Starting an attempt: the worktree, the installation, the agent's process.

Every stage may be cut short by a crash at any instruction and is simply run again: the mirror and the
worktree adopt what exists, the installation is remembered, and the engine adopts a live process of that name.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
from sqlmodel import Session

from integrations.agents import AgentAdapter, AgentRun
from integrations.engines import RunSpec, RunState
from integrations.fault import IntegrationError
from scheduler.background import NotYetError, in_own_thread
from scheduler.budget import purse_of
from scheduler.confining import confined
from scheduler.failures import fail
from scheduler.held_agents import must_wait
from scheduler.lifecycle import LIVE_ATTEMPT, AttemptState, Cause, TaskState
from scheduler.limits import limited_until
from scheduler.names import attempt_name
from scheduler.outages import Dependencies, remote_of
from scheduler.outside import Outside
from scheduler.ports import port_variables
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import Attempt, Task
from scheduler.registry.writers import move_attempt, move_task, record, refresh_card
from scheduler.steps import StepName
from scheduler.workspaces import MAX_OUTPUT, InstallFailed, InterruptedCommandError, Workspaces

log = structlog.get_logger(__name__)


def intend(session: Session, out: Outside, task: Task) -> Attempt:
    """Write down that an attempt is wanted, before anything is done for it."""
    now = out.clock()
    policy = out.policy()
    purse = purse_of(session, policy, task)
    last = latest_attempt(session, task)
    route = pick_route(session, task, out)
    assert route is not None and task.id is not None
    n = (last.n if last else 0) + 1
    resumes = bool(
        task.next_resumes and last and last.session_id and last.agent == route[0] and last.outcome != "session-gone"
    )
    attempt = Attempt(
        task_id=task.id,
        n=n,
        name=attempt_name(task.id, n),
        state=AttemptState.INTENDED,
        agent=route[0],
        model=route[1],
        prompt=task.next_prompt,
        prompt_change=task.next_change,
        resumes=resumes,
        session_id=last.session_id if resumes and last else out.new_id(),
        budget_usd=purse.attempt_usd(policy),
        budget_tokens=purse.attempt_tokens(policy),
        deadline=now + timedelta(seconds=policy.times.prepare_s),
        created_at=now,
    )
    session.add(attempt)
    task.next_prompt, task.next_resumes, task.next_change = "", False, ""
    task.not_before, task.waits_for = None, ""
    task.guidance = [{**entry, "used_in": entry["used_in"] or attempt.name} for entry in task.guidance]
    move_task(session, task, TaskState.RUNNING, Cause.ADMITTED, now, why=f"attempt {n} with {attempt.agent}")
    session.flush()
    return attempt


def pick_route(session: Session, task: Task, out: Outside) -> tuple[str, str] | None:
    """The first of the task's ranked routes whose agent is configured: (agent, model).

    One whose provider limits or refuses it is waited for, unless the owner lets tasks go on with the next.
    """
    agents, policy, now = out.agents(), out.policy(), out.clock()
    ranked = [(str(route["agent"]), str(route.get("model", ""))) for route in task.routes]
    ranked += [(route.agent, route.model) for route in policy.routes_for(task.kind)]
    usable = [route for route in ranked if route[0] in agents]
    free = (
        route
        for route in usable
        if limited_until(session, now, route[0]) is None and must_wait(session, now, route[0]) is None
    )
    first = usable[0] if usable else None
    return next(free, first) if policy.retries.failover else first


class Starter:
    """Takes attempts from `intended` to `running`."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._workspaces = Workspaces(out)
        self._dependencies = Dependencies(out)

    async def start(self, attempt_id: int) -> None:
        """Prepare and start one attempt.

        Raises:
            NotYetError: the outside refused in a way that may pass.
        """
        out = self._out
        task, attempt = await self._load(attempt_id)
        if attempt.state not in LIVE_ATTEMPT or attempt.state is AttemptState.RUNNING:
            return
        repository = out.policy().repository(task.repo)
        adapter = out.agents().get(attempt.agent)
        if repository is None or adapter is None:
            what = f"the repository {task.repo}" if repository is None else f"the agent {attempt.agent}"
            await self._fail(attempt_id, "bad-setup", f"{what} is not configured any more")
            return
        if attempt.state is AttemptState.INTENDED:
            await out.registry.write(lambda s: self._advance(s, attempt_id, AttemptState.PREPARING, Cause.ADMITTED))
        try:
            path, base = await asyncio.to_thread(self._workspaces.prepare, task, attempt.name, repository)
        except IntegrationError as problem:
            await self._wait_or_fail(attempt, problem, "workspace", task.repo)
            return
        await self._dependencies.work(remote_of(task.repo))
        repository = out.policy().repository(task.repo) or repository  # the fetch may have brought a new project file
        try:
            failed = await in_own_thread(partial(self._workspaces.install, task, attempt.name, repository, path))
            if failed is not None:
                await asyncio.to_thread(self._workspaces.roll_back, task, path)
        except InterruptedCommandError as stopped:
            if not self._overdue(attempt):
                raise NotYetError(str(stopped)) from stopped
            failed = InstallFailed(str(stopped), ())
        except IntegrationError as problem:
            await self._wait_or_fail(attempt, problem, "install", task.repo)
            return
        if failed is not None:
            await self._fail(attempt_id, "install", failed.summary, failed.tail)
            return
        await out.registry.write(lambda s: self._prepared(s, attempt_id, path, base))
        task, attempt = await self._load(attempt_id)
        if attempt.state is AttemptState.STARTING and task.state is TaskState.RUNNING:
            await self._spawn(task, attempt, adapter)

    async def _load(self, attempt_id: int) -> tuple[Task, Attempt]:
        def work(session: Session) -> tuple[Task, Attempt]:
            attempt = session.get(Attempt, attempt_id)
            assert attempt is not None
            task = session.get(Task, attempt.task_id)
            assert task is not None
            return task, attempt

        return await self._out.registry.read(work)

    async def _wait_or_fail(self, attempt: Attempt, problem: IntegrationError, cause: str, slug: str) -> None:
        """What may pass is waited for until the attempt's deadline; a dependency that is down, for as long as it is.

        Raises:
            NotYetError: it may pass.
        """
        assert attempt.id is not None
        down = await self._dependencies.failed(problem, slug)
        if down or (problem.retryable and not self._overdue(attempt)):
            await self._note(attempt.id, f"waiting: {problem.user_message}")
            raise NotYetError(str(problem)) from problem
        await self._fail(attempt.id, cause, problem.user_message)

    def _overdue(self, attempt: Attempt) -> bool:
        return attempt.deadline is not None and self._out.clock() >= attempt.deadline

    def _prepared(self, session: Session, attempt_id: int, path: Path, head: str) -> None:
        attempt = session.get(Attempt, attempt_id)
        assert attempt is not None
        task = session.get(Task, attempt.task_id)
        assert task is not None
        attempt.workspace, attempt.milestone = str(path), ""  # what it waited for is there
        attempt.base_sha = attempt.base_sha or head
        session.add(attempt)
        if attempt.state is AttemptState.PREPARING:
            now = self._out.clock()
            attempt.deadline = now + timedelta(seconds=self._out.policy().times.start_s)
            attempt.started_at = attempt.started_at or now
            move_attempt(session, attempt, AttemptState.STARTING, Cause.PREPARED, now)
            refresh_card(session, task, now)

    async def _spawn(self, task: Task, attempt: Attempt, adapter: AgentAdapter) -> None:
        out = self._out
        assert attempt.id is not None
        attempt_id = attempt.id
        run = AgentRun(
            run=attempt.name,
            prompt=attempt.prompt,
            cwd=Path(attempt.workspace),
            session_id=attempt.session_id,
            resume=attempt.resumes,
            model=attempt.model or None,
            max_turns=out.policy().budget.attempt_turns,
            budget_usd=attempt.budget_usd or None,
            home=out.agents_home / attempt.agent,
        )
        times = out.policy().times

        def spawn() -> str:
            command = adapter.command(run)
            spec = RunSpec(
                name=attempt.name,
                argv=command.argv,
                cwd=run.cwd,
                env={**port_variables(out, run.cwd.name), **command.env},
                stdin=command.stdin,
                live_input=command.live_input,
                input_ends_on=command.input_ends_on,
                deadline_s=times.run_s,
                max_output_bytes=MAX_OUTPUT,
            )
            spec = confined(out, spec, task.repo, write=(run.home, *command.writes), read=command.reads)
            with out.steps(StepName.SPAWN, attempt.name):
                if out.engine.find(attempt.name).state in {RunState.ABSENT, RunState.STARTING}:
                    out.engine.start(spec)
            return adapter.version()

        try:
            version = await asyncio.to_thread(spawn)
        except IntegrationError as problem:
            await self._wait_or_fail(attempt, problem, "bad-setup", task.repo)
            return
        level = out.policy().isolation_for(task.repo).level.value
        await out.registry.write(lambda s: self._spawned(s, attempt_id, version, level))

    def _spawned(self, session: Session, attempt_id: int, version: str, isolation: str) -> None:
        attempt = session.get(Attempt, attempt_id)
        assert attempt is not None
        attempt.agent_version, attempt.isolation = version, isolation
        session.add(attempt)
        self._advance(session, attempt_id, AttemptState.RUNNING, Cause.SPAWNED)

    def _advance(self, session: Session, attempt_id: int, wanted: AttemptState, cause: Cause) -> None:
        attempt = session.get(Attempt, attempt_id)
        assert attempt is not None
        task = session.get(Task, attempt.task_id)
        assert task is not None
        if attempt.state is wanted or attempt.state not in LIVE_ATTEMPT:
            return
        move_attempt(session, attempt, wanted, cause, self._out.clock())
        refresh_card(session, task, self._out.clock())

    async def _note(self, attempt_id: int, text: str) -> None:
        def work(session: Session) -> None:
            attempt = session.get(Attempt, attempt_id)
            assert attempt is not None
            if attempt.milestone != text:
                attempt.milestone = text
                session.add(attempt)
                record(session, self._out.clock(), what="waiting", why=text, task_id=attempt.task_id)
                task = session.get(Task, attempt.task_id)
                assert task is not None
                refresh_card(session, task, self._out.clock())

        await self._out.registry.write(work)

    async def _fail(self, attempt_id: int, cause: str, message: str, evidence: tuple[str, ...] = ()) -> None:
        def work(session: Session) -> None:
            now = self._out.clock()
            attempt = session.get(Attempt, attempt_id)
            assert attempt is not None
            task = session.get(Task, attempt.task_id)
            assert task is not None
            if attempt.state not in LIVE_ATTEMPT:
                return
            attempt.outcome, attempt.message = cause, message
            attempt.evidence = list(evidence)
            move_attempt(session, attempt, AttemptState.ENDED, Cause.ATTEMPT_FAILED, now, why=message)
            if task.state is TaskState.RUNNING:
                fail(
                    session,
                    now,
                    self._out.policy(),
                    task,
                    cause=cause,
                    transition=Cause.ATTEMPT_FAILED,
                    subject=f"attempt:{attempt.name}",
                    attempt=attempt,
                    message=message,
                    evidence=attempt.evidence,
                )

        log.warning("attempt could not start", cause=cause, message=message)
        await self._out.registry.write(work)
