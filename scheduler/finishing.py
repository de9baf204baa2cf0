"""Ending an attempt: what it really left behind, and, when that is a change, publishing it.

What the agent says about itself decides nothing here. A good end is: a terminal event without an error, and
a branch that moved. The supervisor commits leftovers, pushes and opens the pull request, for every agent alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlmodel import Session

from integrations.agents import AgentAdapter, AgentEvent, Heard, Outcome, OutcomeKind, Spent, Started, Usage
from integrations.engines import RunState
from integrations.fault import IntegrationError
from integrations.redact import redact
from scheduler.background import NotYetError
from scheduler.budget import budget_that_ran_out, purse_of, spent_on
from scheduler.failures import ask_for_help, fail
from scheduler.guiding import STOP_TO_TELL, mark_heard, told_by_turn
from scheduler.held_agents import release_agent
from scheduler.judging import PromptFacts
from scheduler.ledger_lines import lines_after
from scheduler.lifecycle import AttemptState, Cause, TaskState
from scheduler.limits import reset_of
from scheduler.metering import Reading, charge
from scheduler.outside import Outside
from scheduler.questions import put_question, rewrite_prompt
from scheduler.recovery import Action, rule_for
from scheduler.registry.reading import open_pull
from scheduler.registry.work import Attempt, Task
from scheduler.registry.writers import move_attempt, move_task, refresh_card
from scheduler.shared_budget import say_spent, spent_shared
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

_DIFF_BYTES = 2_000_000
_SHOWN = 12  #: lines of an agent's last output kept as evidence


@dataclass(frozen=True)
class Left:
    """What an attempt left behind, as git and the engine tell it.

    Attributes:
        broken: its workspace cannot be read any more.
        peak_bytes: the most memory that its processes were seen to use; 0 when nobody saw it.
    """

    outcome: Outcome
    head: str
    moved: bool
    evidence: tuple[str, ...] = ()
    lost: bool = False
    broken: bool = False
    heard: tuple[str, ...] = ()
    peak_bytes: int = 0


class Finisher:
    """Takes attempts whose process is gone to their end."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def finish(self, attempt_id: int) -> None:
        """Find out how an attempt ended and let the task go on from there.

        Raises:
            NotYetError: the engine or git refused in a way that may pass.
        """
        task, attempt = await self._load(attempt_id)
        if attempt.state is not AttemptState.RUNNING:
            return
        adapter = self._out.agents().get(attempt.agent)
        try:
            left = await asyncio.to_thread(self._inspect, task, attempt, adapter)
        except IntegrationError as problem:
            if problem.retryable:
                raise NotYetError(str(problem)) from problem
            outcome = Outcome(OutcomeKind.CRASHED, message=problem.user_message)
            left = Left(outcome, attempt.base_sha, moved=False, evidence=(problem.user_message,), broken=True)
        await self._out.registry.write(lambda s: self._ended(s, attempt_id, left))

    async def _load(self, attempt_id: int) -> tuple[Task, Attempt]:
        def work(session: Session) -> tuple[Task, Attempt]:
            attempt = session.get(Attempt, attempt_id)
            assert attempt is not None
            task = session.get(Task, attempt.task_id)
            assert task is not None
            return task, attempt

        return await self._out.registry.read(work)

    def _inspect(self, task: Task, attempt: Attempt, adapter: AgentAdapter | None) -> Left:
        out = self._out
        view = out.engine.find(attempt.name)
        lost = view.state in {RunState.LOST, RunState.ABSENT}
        if view.state in {RunState.LOST, RunState.RUNNING, RunState.STARTING}:
            # Lost: its tool commands may still be alive and would write into the next attempt's worktree.
            with out.steps(StepName.STOP, attempt.name):
                view = out.engine.stop(attempt.name, 1.5)
        events: list[AgentEvent] = []
        offset = 0
        if adapter is not None and view.state is not RunState.ABSENT:
            while True:
                chunk = out.engine.read_events(attempt.name, offset)
                for line in chunk.lines:
                    events.extend(adapter.parse(line))
                if chunk.offset <= offset:
                    break
                offset = chunk.offset
        if adapter is not None and not any(isinstance(event, Usage) for event in events):
            events += self._from_ledger(attempt, adapter, events)
        stderr = out.engine.stderr_tail(attempt.name) if view.state is not RunState.ABSENT else ""
        if adapter is None:
            gone = f"The agent {attempt.agent} is not configured any more; what it said cannot be read."
            outcome = Outcome(OutcomeKind.BAD_SETUP, message=gone)
        else:
            outcome = adapter.outcome(events, None if lost else view.exit, stderr)
        path = Path(attempt.workspace)
        if outcome.kind is OutcomeKind.DONE and outcome.question is None:
            self._commit_leftovers(task, attempt, path)
        head = out.repositories.head(path)
        last = [line for line in outcome.final_text.splitlines()[-_SHOWN:] if line.strip()]
        evidence = [outcome.message, *last] if outcome.message.strip() and outcome.message not in last else last
        evidence += stderr.splitlines()[-_SHOWN:] if outcome.kind is not OutcomeKind.DONE else []
        return Left(
            outcome,
            head,
            self._moved(task, attempt, head),
            tuple(redact(line, out.secrets) for line in evidence),
            lost,
            heard=tuple(one.text for one in events if isinstance(one, Heard)),
            peak_bytes=view.exit.peak_rss_bytes if view.exit is not None else 0,
        )

    def _from_ledger(self, attempt: Attempt, adapter: AgentAdapter, events: Sequence[AgentEvent]) -> list[AgentEvent]:
        """What a run used that was killed before it could say so: requests of this run, or the whole session."""
        session_id = next((one.session_id for one in reversed(events) if isinstance(one, Started)), "")
        try:
            path = adapter.ledger(self._out.agents_home / attempt.agent, session_id) if session_id else None
            found: list[AgentEvent] = []
            offset, more = 0, path is not None
            while path is not None and more:
                lines, after = lines_after(path, offset)
                more, offset = after > offset, after
                found += [event for line in lines for event in adapter.read_ledger(line)]
        except OSError as problem:
            log.warning("an agent's own ledger cannot be read", attempt=attempt.name, error=str(problem))
            return []
        own = {one.request for one in events if isinstance(one, Spent)}
        return [one for one in found if not isinstance(one, Spent) or one.request in own]

    def _commit_leftovers(self, task: Task, attempt: Attempt, path: Path) -> None:
        out = self._out
        try:
            if out.repositories.dirty(path):
                with out.steps(StepName.LEFTOVERS, attempt.name):
                    out.repositories.commit_leftovers(path, f"{task.title}\n\nLeft uncommitted by the agent.")
        except IntegrationError as problem:
            # In the middle of a rebase or on no branch: what is committed counts, the rest stays in the workspace.
            log.warning("leftovers stay uncommitted", attempt=attempt.name, why=str(problem))

    def _moved(self, task: Task, attempt: Attempt, head: str) -> bool:
        """Whether the branch holds something that was not published before."""
        if head != attempt.base_sha:
            return True
        pull = self._out.registry.read_now(lambda s: open_pull(s, task))
        if pull is not None:
            return head != pull.head_sha
        out = self._out
        repository = out.policy().repository(task.repo)
        base_branch = (repository.base_branch if repository else "") or out.repositories.default_branch(
            out.remotes(task.repo)
        )
        return head != out.repositories.resolve(task.repo, base_branch) and attempt.n > 1

    def _ended(self, session: Session, attempt_id: int, left: Left) -> None:
        now = self._out.clock()
        policy = self._out.policy()
        attempt = session.get(Attempt, attempt_id)
        assert attempt is not None
        task = session.get(Task, attempt.task_id)
        assert task is not None
        if attempt.state is not AttemptState.RUNNING:
            return
        cause = self._cause(attempt, left)
        outcome = left.outcome
        mark_heard(session, now, task, attempt, left.heard)
        if task.state is TaskState.PAUSED:
            # Somebody paused it in this moment. It counts as interrupted and goes on with its session: whatever it
            # said last, a question among it, is said again then instead of being lost.
            charge(session, now, attempt, _reading(outcome))
            return
        attempt.outcome = cause
        attempt.message = redact(outcome.message, self._out.secrets)
        attempt.final_text = redact(outcome.final_text, self._out.secrets)[:8000]
        attempt.evidence = list(left.evidence)
        attempt.head_sha = left.head
        attempt.peak_bytes = left.peak_bytes
        attempt.session_id = outcome.session_id or attempt.session_id
        attempt.agent_version = outcome.version or attempt.agent_version
        used = attempt.tokens_output
        charge(session, now, attempt, _reading(outcome))
        parked = rule_for(cause).action in {Action.PARK, Action.HOLD} if cause != "done" else False
        if cause == "done" or (not parked and outcome.tokens.output > used):
            release_agent(session, now, attempt.agent)
        wanted = AttemptState.PARKED if parked else AttemptState.LOST if cause == "lost" else AttemptState.ENDED
        transition = Cause.PARKED if parked else Cause.VANISHED if cause == "lost" else Cause.FINISHED
        move_attempt(session, attempt, wanted, transition, now, why=attempt.message or cause, evidence=left.evidence)
        refresh_card(session, task, now)
        if task.state is not TaskState.RUNNING or cause == "stopped":
            return
        finished = cause == "done" and outcome.question is None
        if cause == STOP_TO_TELL or (finished and told_by_turn(task, attempt)):
            why = "people wrote something meanwhile; it goes on with their words"
            move_task(session, task, TaskState.QUEUED, Cause.PARKED, now, why=why)
            rewrite_prompt(session, now, task, PromptFacts(why="guided"))
        elif outcome.question is not None and cause == "done":
            asked = outcome.question
            put_question(
                session,
                now,
                task,
                Cause.AGENT_ASKS,
                about="agent",
                text=asked.text,
                options=asked.options,
                default=asked.default or "",
                deadline=now + timedelta(seconds=policy.question_deadline_s),
                attempt=attempt,
            )
        elif cause == "budget":
            self._broke(session, now, task, attempt, left)
        elif cause != "done":
            fail(
                session,
                now,
                policy,
                task,
                cause=cause,
                transition=Cause.ATTEMPT_FAILED,
                subject=f"attempt:{attempt.name}",
                attempt=attempt,
                message=attempt.message,
                final_text=attempt.final_text,
                evidence=left.evidence,
                head=left.head,
                resets_at=reset_of(outcome.resets_at, now),
            )

    def _broke(self, session: Session, now: datetime, task: Task, attempt: Attempt, left: Left) -> None:
        """Its own money is spent: a person decides. What it shares with others: it waits for that, and a person may."""
        policy = self._out.policy()
        purse = purse_of(session, policy, task)
        if attempt.stop_reason == "budget" and spent_on(attempt) < 1.0 and not purse.empty:
            why = spent_shared(session, policy, now, task.channel) or "the budget that it shares was spent"
            move_task(session, task, TaskState.QUEUED, Cause.PARKED, now, why=why)
            rewrite_prompt(session, now, task, PromptFacts(why="broke"))
            say_spent(session, now, policy, task, stopped=True)
            return
        ask_for_help(
            session,
            now,
            task,
            Cause.BUDGET_SPENT,
            cause="budget",
            sentence=f"Attempt {attempt.n} spent its budget of {budget_that_ran_out(attempt)}.",
            evidence=left.evidence,
            cure=rule_for("budget").cure,
        )

    def _cause(self, attempt: Attempt, left: Left) -> str:
        """The name of how it ended, from facts: a claim of success without a change is `no-change`."""
        if left.broken:
            return "workspace"
        if attempt.stop_reason in {"budget", "max-turns", "idle", "blocked"} or (
            attempt.stop_reason == STOP_TO_TELL and left.outcome.kind is OutcomeKind.STOPPED
        ):
            return attempt.stop_reason
        if left.outcome.kind is OutcomeKind.BAD_SETUP and attempt.resumes and "session" in left.outcome.message.lower():
            return "session-gone"  # it was killed before it wrote its first line down
        if left.lost and left.outcome.kind is not OutcomeKind.DONE:
            return "lost"
        if left.outcome.kind is OutcomeKind.DONE and left.outcome.question is None and not left.moved:
            return "no-change"
        return left.outcome.kind.value


def _reading(outcome: Outcome) -> Reading:
    return Reading(outcome.tokens, outcome.cost_usd, outcome.whole_session, outcome.model)
