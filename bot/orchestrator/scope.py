"""From a request to a task: gather what is known, have it scoped, believe what can be checked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from bot.context.search import SearchResult
from bot.context.words import content_words
from bot.orchestrator.asking import Said, ask_in_turn
from bot.orchestrator.desk import Answered, Desk, Turn
from bot.orchestrator.hostile import gives_orders
from bot.orchestrator.looking import look_for
from bot.orchestrator.plan_rules import check_citations, check_files, choose_lane
from bot.orchestrator.prompts import Trouble, first_prompt, line, model_prompt, sheet_of_scope
from bot.orchestrator.route import rank_routes
from bot.orchestrator.trouble import trouble_of
from integrations.fault import IntegrationError
from integrations.git import EmptyRepository, NoDefaultBranch
from integrations.models import Ask
from integrations.models.judgements import (
    JudgementKind,
    PassageFact,
    RepositoryFact,
    ScopeAnswer,
    ScopeFacts,
    fence_facts,
)
from scheduler.judging import ScopedTask
from scheduler.judging import ScopeFacts as AskedScope
from scheduler.lifecycle import FINISHED
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.registry import Diagnosis, Judgement, Task

PASSAGES = 8
PASSAGE_WORDS = 1200  #: all passages together
_OPEN_TASKS = 20
_PAST_FAILURES = 3
_TITLE_LENGTH = 80


@dataclass(frozen=True)
class _Known:
    """What was gathered for one request.

    Attributes:
        files: all files of each repository that could be read.
        trouble: the error that it is about, when it is about one.
    """

    facts: ScopeFacts
    passages: dict[str, SearchResult]
    files: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]
    trouble: Trouble | None


async def scope(desk: Desk, row: Judgement, turn: Turn) -> Answered:
    """Answer a `scope` judgement.

    Raises:
        NobodyAnswered: no model gave a usable answer.
        EmptyRepository, NoDefaultBranch: there is nothing to plan for in any repository yet.
    """
    asked = AskedScope.model_validate(row.facts)
    policy = desk.policy()
    task = await desk.registry.read(lambda session: session.get(Task, row.task_id))
    assert task is not None
    if not policy.repositories:
        what = "No repository is configured. Add a [[repository]] to waggle.toml, then answer here."
        return Answered(ScopedTask(clear=False, question=what), "facts")
    known = await _gather(desk, policy, asked, task)
    system, prompt = model_prompt("scope", fence_facts(JudgementKind.SCOPE, known.facts))
    ask = Ask("scope", system, desk.clean(prompt))
    said = await ask_in_turn(turn.judges, ask, ScopeAnswer, _complaint)
    scoped, notes = _believe(desk, asked, known, said, task)
    return Answered(scoped, said.by, said.charges, said.failures, (*known.notes, *notes))


# --- gathering -----------------------------------------------------------------------------------------------------


async def _gather(desk: Desk, policy: Policy, asked: AskedScope, task: Task) -> _Known:
    wish = " ".join([asked.request, *asked.answers])
    slugs = [one.slug for one in policy.repositories if asked.repo_hint in {"", one.slug}]
    found, rows = await asyncio.gather(
        desk.context.search(wish, PASSAGES * 2),
        desk.registry.read(lambda session: _history(session, task, wish)),
    )
    passages, notes = _fit(found)
    repositories: list[RepositoryFact] = []
    files: dict[str, tuple[str, ...]] = {}
    unborn: list[IntegrationError] = []
    for slug in slugs or [one.slug for one in policy.repositories]:
        try:
            fact, names = await asyncio.to_thread(_look, desk, slug, wish)
        except IntegrationError as problem:
            if isinstance(problem, EmptyRepository | NoDefaultBranch):
                unborn.append(problem)
            # The task can be scoped without; whoever starts the agent reports what is wrong with the repository.
            notes.append(f"{slug} could not be read: {problem.user_message}")
            fact, names = RepositoryFact(slug=slug, base_branch=""), ()
        repositories.append(fact)
        files[slug] = names
    if len(unborn) == len(repositories) and unborn:
        raise unborn[0]  # a plan for code that does not exist yet would be made up
    open_tasks, failures = rows
    trouble = await trouble_of(desk, task)  # after the mirror was brought up to date
    facts = ScopeFacts(
        request=asked.request,
        requester=asked.requester,
        repositories=tuple(repositories),
        passages=tuple(passage_fact(one) for one in passages),
        past_failures=failures,
        open_tasks=open_tasks,
        answers=asked.answers,
        before=tuple(task.background),
        observed=_observed(trouble),
    )
    return _Known(facts, {str(one.passage_id): one for one in passages}, files, tuple(notes), trouble)


def _observed(trouble: Trouble | None) -> tuple[str, ...]:
    """An error's trace and the code that it leads to, as lines for the model."""
    if trouble is None:
        return ()
    code = [f"{one.path}, lines {one.first} to {one.last}:\n{one.text}" for one in trouble.code]
    return (f"{trouble.name}, {trouble.seen}:\n{trouble.trace}", *code)


def _look(desk: Desk, slug: str, wish: str) -> tuple[RepositoryFact, tuple[str, ...]]:
    desk.reader.refresh(slug)
    return look_for(desk.reader, slug, wish), desk.reader.list_files(slug)


def _fit(found: Sequence[SearchResult]) -> tuple[list[SearchResult], list[str]]:
    """The passages that go to the model, within the word budget; those that speak to machines are left out."""
    kept: list[SearchResult] = []
    notes: list[str] = []
    words = 0
    for one in found:
        orders = gives_orders(one.text)
        if orders:
            notes.append(f"passage {one.passage_id} of source {one.source_id} was left out: it says “{orders[:80]}”")
            continue
        words += len(one.text.split())
        if len(kept) == PASSAGES or (kept and words > PASSAGE_WORDS):
            break
        kept.append(one)
    return kept, notes


def passage_fact(one: SearchResult) -> PassageFact:
    trusts = {"external": "external", "system": "system"}
    return PassageFact.model_validate(
        {
            "passage_id": str(one.passage_id),
            "source_id": str(one.source_id),
            "text": one.text,
            "date": one.date,
            "speaker": one.speaker,
            "customer": one.customer,
            "url": one.url,
            "trust": trusts.get(one.trust, "internal"),
        }
    )


def _history(session: Session, task: Task, wish: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(other tasks that are not finished, what went wrong with tasks like this one)."""
    rows = session.exec(
        select(Task)
        .where(Task.id != task.id, col(Task.state).not_in(list(FINISHED)))
        .order_by(col(Task.id).desc())
        .limit(_OPEN_TASKS)
    ).all()
    open_tasks = tuple(f"{task_label(one.id)} {one.title}" for one in rows)
    wanted = set(content_words(wish))
    failures = []
    for diagnosis, other in session.exec(
        select(Diagnosis, Task)
        .join(Task, col(Task.id) == col(Diagnosis.task_id))
        .where(Task.id != task.id)
        .order_by(col(Diagnosis.id).desc())
        .limit(200)
    ).all():
        shared = wanted & set(content_words(f"{other.title} {other.goal}"))
        if len(shared) >= 2:
            failures.append((len(shared), f"{task_label(other.id)} {other.title}: {diagnosis.summary}"))
    failures.sort(key=lambda one: -one[0])
    return open_tasks, tuple(dict.fromkeys(text for _, text in failures))[:_PAST_FAILURES]


# --- believing -----------------------------------------------------------------------------------------------------


def _complaint(answer: ScopeAnswer) -> str:
    if not answer.clear:
        return "" if answer.question.strip() else "it is not clear and there is no question"
    if not answer.title.strip() or not answer.goal.strip():
        return "the title or the goal is empty"
    return "" if any(one.strip() for one in answer.acceptance) else "there is no acceptance check"


def _believe(
    desk: Desk, asked: AskedScope, known: _Known, said: Said[ScopeAnswer], task: Task
) -> tuple[ScopedTask, tuple[str, ...]]:
    answer, policy = said.value, desk.policy()
    if not answer.clear:
        return ScopedTask(clear=False, question=line(answer.question), options=tuple(answer.options[:6])), ()
    slug = asked.repo_hint or _slug(policy, answer.repo)
    if not slug:
        slugs = tuple(one.slug for one in policy.repositories)
        return ScopedTask(clear=False, question="Which repository should this go to?", options=slugs), ()
    existing = known.files.get(slug, ())
    cited = check_citations(answer.citations, known.passages)
    told = [one.path for one in known.trouble.code] if known.trouble else []
    files, unknown = check_files(list(dict.fromkeys([*told, *answer.expected_files])), existing)
    repository = policy.repository(slug)
    small, full = (repository.small_paths, repository.full_paths) if repository else ((), ())
    lane, reason = choose_lane(answer.kind, answer.size, files, existing, small, full)
    acceptance = [one for one in (line(desk.clean(check)) for check in answer.acceptance) if one]
    ordered = [one for one in acceptance if gives_orders(one)]
    scoped = ScopedTask(
        clear=True,
        repo=slug,
        title=_short(line(desk.clean(answer.title))),
        goal=_without_orders(desk.clean(answer.goal)),
        acceptance=tuple(one for one in acceptance if one not in ordered),
        expected_files=files,
        kind=answer.kind,
        size=answer.size,
        lane=lane,
        lane_reason=reason,
        priority=answer.priority,
        priority_reason=line(answer.priority_reason),
        routes=rank_routes(policy, answer.kind, answer.size),
        citations=cited.citations,
    )
    base = next((one.base_branch for one in known.facts.repositories if one.slug == slug), "")
    sheet = sheet_of_scope(task, scoped, base, policy.repository(slug), known.trouble)
    notes = [*cited.dropped, *(f"a file that is not there: {one}" for one in unknown)]
    notes += [f"an acceptance check that gives orders to machines: “{one[:80]}”" for one in ordered]
    if not scoped.routes:
        notes.append(f"no agent is configured for {scoped.kind} tasks; add one to [routes] in waggle.toml")
    return scoped.model_copy(update={"prompt": desk.clean(first_prompt(sheet))}), tuple(notes)


def _slug(policy: Policy, named: str) -> str:
    """The repository that the model named, or the only one there is; empty when it cannot be known."""
    if policy.repository(named) is not None:
        return named
    short = [one.slug for one in policy.repositories if one.slug.split("/")[-1] == named.strip()]
    if len(short) == 1:
        return short[0]
    return policy.repositories[0].slug if len(policy.repositories) == 1 and not named.strip() else ""


def _without_orders(goal: str) -> str:
    kept = [row for row in goal.strip().split("\n") if not gives_orders(row)]
    return "\n".join(kept).strip() or "See the title."


def _short(title: str) -> str:
    return title if len(title) <= _TITLE_LENGTH else title[: _TITLE_LENGTH - 1].rstrip() + "…"
