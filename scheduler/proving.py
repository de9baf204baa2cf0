"""Holding pull requests against the definition of done: facts from rows, a pure verdict, and what follows.

| the verdict says | what follows |
|---|---|
| all lines hold for the settle time | the task is ready; people hear it once for this head commit |
| CI, reviews, a conflict or people want changes | the failure is recorded with its evidence and diagnosed |
| only a person can move a line | one call for help |
| CI is green and the head is still | the review council is asked |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import structlog
from sqlmodel import Session, select

from scheduler.ci import judge_ci
from scheduler.consequences import act_on_lines, ask_review, conflict_is_new, help_is_moot, wants_review
from scheduler.done import Check, State, Verdict, verdict
from scheduler.lifecycle import Cause, PullState, TaskState
from scheduler.outside import Outside
from scheduler.pulls import withdraw_ready
from scheduler.questions import withdraw_questions
from scheduler.registry.work import Evidence, PullRequest, Task
from scheduler.registry.writers import move_task, refresh_card, say
from scheduler.standing import Standing, done_policy, evidence_of, is_judged, ok_since, standings
from scheduler.statuses import owed

log = structlog.get_logger(__name__)


class Prover:
    """Judges every watched pull request and lets its task go on."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def standings(self) -> list[Standing]:
        """Every open pull request that is to be judged."""
        return await self._out.registry.read(lambda s: standings(s, self._out.policy()))

    async def judge(self, one: Standing) -> list[tuple[str, int]]:
        """Judge one pull request; what must be fetched or run before more can be said, as (what, pull id)."""
        assert one.pull.id is not None
        said = verdict(one.facts, done_policy(self._out.policy(), one.task, one.author), self._out.clock())
        if self._anything_new(one, said):
            await self._out.registry.write(partial(self._settle, pull_id=one.pull.id, said=said))
        return self._missing(one, said)

    def _missing(self, one: Standing, said: Verdict) -> list[tuple[str, int]]:
        pull, task = one.pull, one.task
        assert pull.id is not None
        diff = pull.facts.get("diff")
        wants = []
        if not diff or diff["head"] != pull.head_sha or conflict_is_new(pull):
            wants.append(("diff", pull.id))
        if not one.repository.has_ci and pull.facts.get("verified_head") != pull.head_sha:
            wants.append(("verify", pull.id))
        if self._untold(one):
            wants.append(("summary", pull.id))
        if self._wants_pictures(one, said):
            wants.append(("pictures", pull.id))
        if self._ci_wants_explaining(one):
            wants.append(("ci", pull.id))
        if one.facts.answers_due and said.holds_but(Check.THREADS):
            wants.append(("answers", pull.id))
        if owed(pull, task, one.known):
            wants.append(("status", pull.id))
        return wants

    def _untold(self, one: Standing) -> bool:
        """The council has spoken about this head commit, and the pull request does not show it."""
        spoken = bool(one.facts.reviews) and not one.facts.reviewers_left
        return spoken and one.pull.facts.get("summary", {}).get("head") != one.pull.head_sha

    def _wants_pictures(self, one: Standing, said: Verdict) -> bool:
        """Once the change holds and its diff is known: a picture of what CI refuses helps nobody."""
        diff = one.facts.diff
        known = diff is not None and diff.head == one.pull.head_sha
        held = known and said.line(Check.CI).state in {State.OK, State.HUMAN, State.NA}
        return held and bool(one.repository.screenshots) and said.line(Check.SCREENSHOTS).state is State.WAIT

    def _ci_wants_explaining(self, one: Standing) -> bool:
        ci = judge_ci(one.facts, done_policy(self._out.policy(), one.task, one.author), self._out.clock())
        return one.task.state in {TaskState.VERIFYING, TaskState.READY} and ci.unexplained

    def _anything_new(self, one: Standing, said: Verdict) -> bool:
        """Whether this look changes anything; a quiet one writes nothing."""
        pull, task = one.pull, one.task
        lines = {line.check.value: (line.state.value, line.detail) for line in said.lines}
        if lines != one.known:
            return True
        if task.state is TaskState.READY:
            return not said.complete or pull.ready_head != pull.head_sha
        if task.state is TaskState.NEEDS_HELP:
            return self._moot(task, said, one.ok_since)
        if task.state is TaskState.ASKING:
            return said.complete or self._asks(one, said)
        if said.complete:
            return pull.checks_since is None or self._held(pull) >= self._out.policy().settle.ready_s
        return bool(said.failed or said.needs_person or pull.checks_since is not None or self._asks(one, said))

    def _held(self, pull: PullRequest) -> float:
        return (self._out.clock() - pull.checks_since).total_seconds() if pull.checks_since else 0.0

    def _moot(self, task: Task, said: Verdict, since: Mapping[str, datetime]) -> bool:
        return help_is_moot(task, said, since, self._out.policy().settle, self._out.clock())

    def _asks(self, one: Standing, said: Verdict) -> bool:
        return not one.under_review and wants_review(said, one.pull, self._out.policy(), self._out.clock())

    def _settle(self, session: Session, pull_id: int, said: Verdict) -> None:
        now = self._out.clock()
        pull = session.get(PullRequest, pull_id)
        assert pull is not None
        task = session.get(Task, pull.task_id)
        assert task is not None
        if pull.head_sha != said.head or pull.state is not PullState.OPEN or not is_judged(session, task):
            return  # the head moved between the look and this write: the verdict is about another commit
        if self._put_evidence(session, now, pull, said):
            refresh_card(session, task, now)
        if task.state is TaskState.NEEDS_HELP:
            if self._moot(task, said, ok_since(evidence_of(session, pull))):
                why = "every check holds again" if said.complete else f"{task.help_class} is not in the way any more"
                task.help_cause, task.help_class, task.help_evidence = "", "", []
                move_task(session, task, TaskState.VERIFYING, Cause.CAUSE_GONE, now, why=why)
            return
        if task.state is TaskState.ASKING:
            self._while_asked(session, now, pull, task, said)
            return
        if task.state is TaskState.READY and pull.ready_head != pull.head_sha:
            # The head moved while nobody judged it, during a pause: people were told of another commit.
            withdraw_ready(session, now, pull, task, Cause.HEAD_MOVED, f"now at {pull.head_sha[:8]}")
            return
        if said.complete:
            self._complete(session, now, pull, task)
            return
        if pull.checks_since is not None:
            pull.checks_since = None
            session.add(pull)
        if task.state is TaskState.READY and not said.failed:
            lines = ", ".join(
                f"{line.check.value}: {line.detail}" for line in said.lines if line.state in {State.WAIT, State.HUMAN}
            )
            cause = Cause.BASE_MOVED if said.line(Check.SYNCED).state is not State.OK else Cause.CHECK_WITHDRAWN
            withdraw_ready(session, now, pull, task, cause, lines)
            return
        act_on_lines(session, now, self._out.policy(), pull, task, said)

    def _while_asked(self, session: Session, now: datetime, pull: PullRequest, task: Task, said: Verdict) -> None:
        """People say who goes on after a push of theirs. What holds by itself needs no answer; nobody is sent."""
        if said.complete:
            withdraw_questions(session, now, task)
            move_task(session, task, TaskState.VERIFYING, Cause.CAUSE_GONE, now, why="every check holds as it is")
        elif wants_review(said, pull, self._out.policy(), now):
            ask_review(session, now, pull, task)

    def _put_evidence(self, session: Session, now: datetime, pull: PullRequest, said: Verdict) -> bool:
        assert pull.id is not None
        rows = {
            row.check: row
            for row in session.exec(
                select(Evidence).where(Evidence.pull_request_id == pull.id, Evidence.head == said.head)
            ).all()
        }
        changed = False
        for line in said.lines:
            row = rows.get(line.check.value)
            if row is None:
                row = Evidence(pull_request_id=pull.id, head=said.head, check=line.check.value, state="", since=now)
            if (row.state, row.detail, row.url) == (line.state.value, line.detail, line.url):
                continue
            if row.state != line.state.value:
                row.since = now
            row.state, row.detail, row.url = line.state.value, line.detail, line.url
            session.add(row)
            changed = True
        return changed

    def _complete(self, session: Session, now: datetime, pull: PullRequest, task: Task) -> None:
        if pull.checks_since is None:
            pull.checks_since = now
            session.add(pull)
        if task.state is TaskState.READY or self._held(pull) < self._out.policy().settle.ready_s:
            return
        pull.ready_head = pull.head_sha
        task.retries_failure = task.infra_waits = 0  # a stable green is what clears the count
        task.last_failure = task.waits_for = ""
        session.add(pull)
        move_task(
            session, task, TaskState.READY, Cause.ALL_CHECKS, now, why=f"every check holds for {pull.head_sha[:8]}"
        )
        key = f"pr_ready:{pull.id}:{pull.head_sha}"
        if not say(session, now, kind="pr_ready", dedupe_key=key, task=task, head=pull.head_sha):
            # It was withdrawn in between: the message of then says again what is true again.
            say(session, now, kind="pr_ready", dedupe_key=f"{key}:v{task.version}", task=task, head=pull.head_sha)
