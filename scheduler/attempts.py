"""Starting an attempt: the worktree, the installation, the agent's process.

Every stage may be cut short by a crash at any instruction and is simply run again: the mirror and the
worktree adopt what exists, the installation is remembered, and the engine adopts a live process of that name.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import structlog
from sqlmodel import Session, select

from integrations.agents import AgentAdapter, AgentRun
from integrations.engines import CommandResult, RunSpec, RunState
from integrations.fault import IntegrationError
from scheduler.background import NotYetError
from scheduler.failures import fail, granted_usd
from scheduler.lifecycle import LIVE_ATTEMPT, AttemptState, Cause, PullState, TaskState
from scheduler.names import attempt_name
from scheduler.outside import Outside
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import Attempt, PullRequest, Task
from scheduler.registry.writers import move_attempt, move_task, recall, record, refresh_card, remember, spent_usd
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

_MAX_OUTPUT = 200 * 2**20
_INSTALL_S = 900.0


def intend(session: Session, out: Outside, task: Task) -> Attempt:
    """Write down that an attempt is wanted, before anything is done for it."""
    now = out.clock()
    policy = out.policy()
    last = latest_attempt(session, task)
    route = pick_route(task, out)
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
        budget_usd=_attempt_usd(session, task, policy),
        budget_tokens=policy.budget.attempt_tokens,
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


def _attempt_usd(session: Session, task: Task, policy: Policy) -> float:
    """What this attempt may cost: its own limit, or what is left of the task's."""
    granted = granted_usd(task, policy)
    left = granted - spent_usd(session, task) if granted else policy.budget.attempt_usd
    return max(min(policy.budget.attempt_usd, left), 0.01)


def pick_route(task: Task, out: Outside) -> tuple[str, str] | None:
    """The first of the task's ranked routes whose agent is configured: (agent, model)."""
    agents = out.agents()
    ranked = [(str(route["agent"]), str(route.get("model", ""))) for route in task.routes]
    ranked += [(route.agent, route.model) for route in out.policy().routes_for(task.kind)]
    return next((route for route in ranked if route[0] in agents), None)


class Starter:
    """Takes attempts from `intended` to `running`."""

    def __init__(self, out: Outside) -> None:
        self._out = out

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
            path, base = await asyncio.to_thread(self._workspace, task, attempt, repository)
        except IntegrationError as problem:
            if problem.retryable and not self._overdue(attempt):
                await self._note(attempt_id, f"waiting: {problem.user_message}")
                raise NotYetError(str(problem)) from problem
            await self._fail(attempt_id, "workspace", problem.user_message)
            return
        problem_text = await self._install(task, attempt, repository, path)
        if problem_text is not None:
            await self._fail(attempt_id, "install", "", problem_text)
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

    def _overdue(self, attempt: Attempt) -> bool:
        return attempt.deadline is not None and self._out.clock() >= attempt.deadline

    def _workspace(self, task: Task, attempt: Attempt, repository: RepositoryPolicy) -> tuple[Path, str]:
        out = self._out
        remote = out.remotes(task.repo)
        with out.steps(StepName.MIRROR, attempt.name):
            out.repositories.ensure(remote)
            out.repositories.fetch(remote)
        base_branch = repository.base_branch or out.repositories.default_branch(remote)
        base = out.repositories.resolve(task.repo, base_branch)
        start = self._start_point(task, base)
        with out.steps(StepName.WORKSPACE, attempt.name):
            tree = out.repositories.create_workspace(task.repo, f"t-{task.id}", task.branch, start)
        return tree.path, out.repositories.head(tree.path)

    def _start_point(self, task: Task, base: str) -> str:
        """The commit a new worktree starts from: what was pushed for this task before, else the base."""
        pull = self._out.registry.read_now(
            lambda s: s.exec(
                select(PullRequest).where(PullRequest.task_id == task.id, PullRequest.state != PullState.MERGED)
            ).first()
        )
        return pull.head_sha if pull is not None else base

    async def _install(self, task: Task, attempt: Attempt, repository: RepositoryPolicy, path: Path) -> str | None:
        """Run the install command once for each workspace; the tail of its output when it fails."""
        if not repository.install:
            return None
        out = self._out
        key = f"installed:t-{task.id}"
        mark = {"path": str(path), "command": repository.install}
        if await out.registry.read(lambda s: recall(s, key)) == mark:
            return None
        result = await asyncio.to_thread(
            run_command, out, f"{attempt.name}-install", repository.install, path, _INSTALL_S, StepName.INSTALL
        )
        if result.rc == 0:
            await out.registry.write(lambda s: remember(s, out.clock(), key, mark))
            return None
        return f"`{repository.install}` ended with {result.rc} ({result.why}).\n{result.output}"

    def _prepared(self, session: Session, attempt_id: int, path: Path, head: str) -> None:
        attempt = session.get(Attempt, attempt_id)
        assert attempt is not None
        task = session.get(Task, attempt.task_id)
        assert task is not None
        attempt.workspace = str(path)
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
            max_turns=None,
            budget_usd=attempt.budget_usd or None,
            home=out.agents_home / attempt.agent,
        )
        times = out.policy().times

        def spawn() -> None:
            command = adapter.command(run)
            spec = RunSpec(
                name=attempt.name,
                argv=command.argv,
                cwd=run.cwd,
                env=command.env,
                stdin=command.stdin,
                live_input=command.live_input,
                input_ends_on=command.input_ends_on,
                deadline_s=times.run_s,
                max_output_bytes=_MAX_OUTPUT,
            )
            with out.steps(StepName.SPAWN, attempt.name):
                if out.engine.find(attempt.name).state in {RunState.ABSENT, RunState.STARTING}:
                    out.engine.start(spec)

        try:
            await asyncio.to_thread(spawn)
        except IntegrationError as problem:
            await self._fail(attempt_id, "bad-setup", problem.user_message)
            return
        await out.registry.write(lambda s: self._advance(s, attempt_id, AttemptState.RUNNING, Cause.SPAWNED))

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

        await self._out.registry.write(work)

    async def _fail(self, attempt_id: int, cause: str, message: str, evidence: str = "") -> None:
        def work(session: Session) -> None:
            now = self._out.clock()
            attempt = session.get(Attempt, attempt_id)
            assert attempt is not None
            task = session.get(Task, attempt.task_id)
            assert task is not None
            if attempt.state not in LIVE_ATTEMPT:
                return
            attempt.outcome, attempt.message = cause, message
            attempt.evidence = evidence.splitlines()[-40:]
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


def run_command(out: Outside, name: str, command: str, cwd: Path, deadline_s: float, step: StepName) -> CommandResult:
    """Run a repository's own command through the engine, with nothing but the allowed environment."""
    with out.steps(step, name):
        view = out.engine.find(name)
        if view.state is RunState.RUNNING:
            out.engine.stop(name, 5.0)
        if view.state is not RunState.ABSENT:
            out.engine.remove(name)
        return out.engine.run(
            RunSpec(
                name=name,
                argv=("/bin/sh", "-c", command),
                cwd=cwd,
                env=dict(out.environment),
                deadline_s=deadline_s,
                max_output_bytes=_MAX_OUTPUT,
            )
        )


def spent_on(policy: Policy, tokens: int, cost_usd: float, attempt: Attempt) -> float:
    """The share of an attempt's budget that is spent, by tokens or dollars, whichever is more."""
    shares = [0.0]
    if attempt.budget_tokens:
        shares.append(tokens / attempt.budget_tokens)
    if attempt.budget_usd:
        shares.append(cost_usd / attempt.budget_usd)
    return max(shares)
