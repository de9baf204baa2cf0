"""Letting queued tasks start: rows and the host's memory in, attempts and reasons for waiting out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache, partial

import structlog
from sqlmodel import Session, col, select

from integrations.fault import IntegrationError
from scheduler.attempts import intend, pick_route
from scheduler.budget import purse_of
from scheduler.dependencies import ask_about_gone, open_ones
from scheduler.dispatch import Candidate, Decision, Running, admit
from scheduler.failures import ask_for_help
from scheduler.footprints import footprints
from scheduler.foresight import Foresight, foreseen
from scheduler.held_agents import held_agents, must_wait, try_agent, try_now
from scheduler.judging import Kind, PromptFacts
from scheduler.lifecycle import LIVE_ATTEMPT, AttemptState, Cause, TaskState
from scheduler.limits import limited_until
from scheduler.outside import Outside
from scheduler.overlap import Writer
from scheduler.questions import rewrite_prompt
from scheduler.recovery import rule_for
from scheduler.registry.reading import latest_attempt, open_pull
from scheduler.registry.work import Attempt, Judgement, PullRequest, Task
from scheduler.registry.writers import move_attempt, refresh_card
from scheduler.shared_budget import say_spent, spent_shared

log = structlog.get_logger(__name__)

_COUNTED = (TaskState.QUEUED, TaskState.RUNNING, TaskState.VERIFYING)


def _changed(pull: PullRequest | None) -> frozenset[str]:
    """What a pull request changes, as far as its diff was read."""
    diff = pull.facts.get("diff") if pull is not None else None
    return frozenset(diff["files"]) if diff else frozenset()


class Admission:
    """Admits queued tasks, one decision for each."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._fresh = True
        self._foresight = Foresight(out)

    async def admit(self) -> list[str]:
        """Admit what fits, and write on the cards of the others why they wait; the names of new attempts."""
        names: list[str] = []
        if self._fresh:
            # Whoever starts Waggle may have mended what an agent waits for.
            self._fresh = False
            if await self._out.registry.read(held_agents):
                await self._out.registry.write(lambda s: try_now(s, self._out.clock()))
        candidates, running, verifying = await self._out.registry.read(self._queue)
        if not candidates:
            return names
        if await self._foresight.look([one.task_id for one in candidates if not one.published]):
            candidates, running, verifying = await self._out.registry.read(self._queue)
        policy, now = self._out.policy(), self._out.clock()
        host, running = await asyncio.to_thread(lambda: (self._out.host(), self._grown(running)))
        last = await self._out.registry.read(self._last_start) if policy.capacity.stagger_s else None
        decisions = admit(candidates, running, policy.capacity, host, now, policy.age_step_s, verifying, last)
        for broke in [one for one in candidates if one.budget_spent]:
            await self._out.registry.write(partial(self._ask_for_money, task_id=broke.task_id))
        for held in [one for one in candidates if one.after]:
            await self._out.registry.write(partial(self._ask_about_gone, task_id=held.task_id))
        for decision in decisions:
            if decision.admitted:
                name = await self._out.registry.write(partial(self._admit, decision=decision))
                if name:
                    names.append(name)
        waiting = [decision for decision in decisions if not decision.admitted]
        if waiting and await self._differ(waiting):
            await self._out.registry.write(partial(self._put_reasons, waiting=waiting))
        return names

    def _last_start(self, session: Session) -> datetime | None:
        return session.exec(select(Attempt.created_at).order_by(col(Attempt.id).desc())).first()

    def _grown(self, running: Sequence[Running]) -> list[Running]:
        """The same, with what each holds already: free memory does not show that any more."""

        def resident(name: str) -> int:
            try:
                return self._out.engine.find(name).rss_bytes or 0
            except (IntegrationError, OSError) as problem:
                log.warning("what an agent holds is not known", name=name, why=str(problem))
                return 0

        return [replace(one, resident_bytes=resident(one.name)) if one.name else one for one in running]

    def _queue(self, session: Session) -> tuple[list[Candidate], list[Running], list[Writer]]:
        candidates, running, verifying = [], [], []
        if session.exec(select(Task.id).where(Task.state == TaskState.QUEUED)).first() is None:
            return [], [], []  # nobody waits: who is in whose way is nothing to ask of hundreds of rows
        policy, now = self._out.policy(), self._out.clock()
        # Many tasks wait for few agents, in few channels.
        limited_to = cache(partial(limited_until, session, now))
        barred_by = cache(partial(must_wait, session, now))
        spent_in = cache(partial(spent_shared, session, policy, now))
        tasks = session.exec(select(Task).where(col(Task.state).in_(_COUNTED))).all()
        memory = footprints(session, policy, (task.repo for task in tasks))
        live = select(Attempt.task_id, Attempt.name).where(col(Attempt.state).in_(list(LIVE_ATTEMPT)))
        names = dict(session.exec(live).all())
        known = foreseen(session, [task.id for task in tasks if task.id is not None])
        for task in tasks:
            assert task.id is not None
            pull = open_pull(session, task)
            # What a pull request changes is seen; before that, history says what will probably change as well.
            likely = frozenset() if _changed(pull) else frozenset(known.get(task.id, {}).get("files", ()))
            files = frozenset(task.expected_files) | _changed(pull)
            if task.state is TaskState.RUNNING:
                name = names.get(task.id, "")  # none while its work is published: then it takes no memory
                needs = memory[task.repo] if name else 0
                running.append(Running(task.id, task.repo, needs, files=files, name=name, likely=likely))
                continue
            if task.state is TaskState.VERIFYING:
                verifying.append(Writer(task.id, task.repo, files, likely))
                continue
            route = pick_route(session, task, self._out)
            limited = limited_to(route[0]) if route is not None else None
            barred = barred_by(route[0]) if route is not None else None
            candidates.append(
                Candidate(
                    task.id,
                    task.priority,
                    task.updated_at,
                    bool(task.next_prompt),
                    task.repo,
                    memory[task.repo],
                    files,
                    max((one for one in (task.not_before, limited) if one is not None), default=None),
                    purse_of(session, policy, task).empty,
                    route is not None,
                    pull is not None,
                    route[0] if route is not None and limited is not None else "",
                    open_ones(session, task),
                    held=barred.sentence(route[0]) if barred is not None and route is not None else "",
                    shared_spent=spent_in(task.channel),
                    likely=likely,
                )
            )
        return candidates, running, verifying

    def _ask_about_gone(self, session: Session, task_id: int) -> None:
        task = session.get(Task, task_id)
        if task is not None:
            ask_about_gone(session, self._out.clock(), task)

    def _ask_for_money(self, session: Session, task_id: int) -> None:
        """Its turn would never come: a person decides whether it gets more."""
        task = session.get(Task, task_id)
        purse = purse_of(session, self._out.policy(), task) if task is not None else None
        if task is None or purse is None or task.state is not TaskState.QUEUED or not purse.empty:
            return
        rule = rule_for("budget")
        ask_for_help(
            session,
            self._out.clock(),
            task,
            Cause.BUDGET_SPENT,
            cause="budget",
            sentence=f"{rule.sentence} {purse.sentence}",
            cure=rule.cure,
        )

    def _admit(self, session: Session, decision: Decision) -> str:
        task = session.get(Task, decision.task_id)
        if task is None or task.state is not TaskState.QUEUED or not task.next_prompt:
            return ""
        latest = latest_attempt(session, task)
        if latest is not None and latest.state in LIVE_ATTEMPT:
            return ""  # its last process is still being stopped: two agents in one workspace must never be
        if latest is not None and latest.state is AttemptState.PARKED:
            move_attempt(session, latest, AttemptState.ENDED, Cause.FINISHED, self._out.clock())
        if self._unheard(session, task):
            return ""
        now, route = self._out.clock(), pick_route(session, task, self._out)
        if route is None or must_wait(session, now, route[0]) is not None:
            return ""  # another task tries a moment ago whether that agent works again
        try_agent(session, now, route[0])
        return intend(session, self._out, task).name

    def _unheard(self, session: Session, task: Task) -> bool:
        """People wrote something after the prompt was made: it is written once more, with their words in it."""
        prompt = " ".join(task.next_prompt.split())
        missing = [
            entry
            for entry in task.guidance
            if not entry["used_in"] and not entry.get("asked") and " ".join(str(entry["text"]).split()) not in prompt
        ]
        if not missing:
            return False
        task.guidance = [{**entry, "asked": True} if entry in missing else entry for entry in task.guidance]
        task.version += 1
        rewrite_prompt(session, self._out.clock(), task, self._facts_again(session, task))
        return True

    def _facts_again(self, session: Session, task: Task) -> PromptFacts:
        """What the prompt that lacks the words was written from: an answer must not be lost for a hint."""
        rows = session.exec(
            select(Judgement)
            .where(Judgement.task_id == task.id, Judgement.state == "used", Judgement.kind != Kind.REVIEW)
            .order_by(col(Judgement.id).desc())
        ).all()
        for row in rows:
            if row.kind != Kind.PROMPT:
                break
            facts = PromptFacts.model_validate(row.facts)
            if facts.why != "guidance":
                return facts
        return PromptFacts(why="guidance")

    async def _differ(self, waiting: list[Decision]) -> bool:
        return await self._out.registry.read(lambda s: self._reasons_differ(s, waiting))

    def _reasons_differ(self, session: Session, waiting: list[Decision]) -> bool:
        return any(self._reason(session, one) is not None for one in waiting)

    def _reason(self, session: Session, one: Decision) -> Task | None:
        """The task, when what its card says about its waiting is out of date."""
        task = session.get(Task, one.task_id)
        text = f"{one.reason} (place {one.position} in the queue)"
        return task if task is not None and task.waits_for != text and task.state is TaskState.QUEUED else None

    def _put_reasons(self, session: Session, waiting: list[Decision]) -> None:
        for one in waiting:
            task = self._reason(session, one)
            if task is not None:
                task.waits_for = f"{one.reason} (place {one.position} in the queue)"
                session.add(task)
                refresh_card(session, task, self._out.clock())
                if one.for_money:
                    say_spent(session, self._out.clock(), self._out.policy(), task, stopped=False)
