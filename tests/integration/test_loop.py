"""The loop from a request to a merge, and what happens when something in it goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sqlmodel import Session

from scheduler import commands
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import RepositoryPolicy, RetryPolicy
from scheduler.registry import Attempt, Diagnosis, Evidence, PortLease, Question, Review
from scheduler.workspaces import Workspaces
from tests.integration.loop import SLUG, Loop, policy, running

CSV = "customers want CSV export of invoices"


def _sleeps(loop: Loop, name: str) -> bool:
    """Whether the agent got as far as the tool in which it hangs; its session is saved by then."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return "sleep" in [psutil.Process(pid).name() for pid in loop.marked(name)]
    return False


@pytest.mark.proves("22", "O")
async def test_a_request_becomes_a_merged_pull_request_and_nothing_is_left(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        task_id = await loop.approved(CSV)
        task = await loop.until(task_id, TaskState.READY)
        assert task.citations and "CSV export" in task.citations[0]["quote"]
        (attempt,) = await loop.rows(Attempt, task_id=task_id)
        assert "Northwind" in attempt.prompt, "the prompt holds the customer's words"
        pull = await loop.pull(task_id)
        reviews = await loop.rows(Review, pull_request_id=pull.id)
        assert {one.family for one in reviews if one.verdict == "approve"} == {"anthropic", "openai"}
        (workspace,) = loop.outside.repositories.workspaces(SLUG)
        assert workspace.path.exists()

        await loop.person.merge(SLUG, pull.number)
        task = await loop.until(task_id, TaskState.MERGED)
        await loop.eventually(lambda: _cleaned(loop, task_id))
        assert loop.outside.repositories.workspaces(SLUG) == []
        assert await loop.rows_of(PortLease) == []
        assert not workspace.path.exists()
        assert task.branch not in loop.outside.repositories.branches(SLUG)
        assert (await loop.pull(task_id)).merged_by == "ana"
        assert [len(await loop.said(kind)) for kind in ("pr_ready", "merged", "needs_help")] == [1, 1, 0]


async def _cleaned(loop, task_id: int) -> bool:  # type: ignore[no-untyped-def]  # a helper of two tests
    return (await loop.task(task_id)).cleaned_at is not None


@pytest.mark.proves("14")
async def test_red_ci_sends_the_agent_back_with_the_failing_lines(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        loop.behave("CSV", "break-test", "succeed")
        task_id = await loop.approved(CSV)
        task = await loop.until(task_id, TaskState.READY)
        first, second = await loop.rows(Attempt, task_id=task_id)
        assert first.outcome == second.outcome == "done"
        (diagnosis,) = await loop.rows(Diagnosis, task_id=task_id)
        assert diagnosis.cause == "ci"
        telling = next(line for line in diagnosis.evidence if "FAIL" in line or "Error" in line)
        assert telling.strip() in second.prompt, "the next prompt holds the failing lines"
        assert task.retries_failure == 0, "a stable green clears the count"


async def test_retries_are_spent_once_and_a_persons_words_reach_the_next_prompt(tmp_path: Path) -> None:
    async with running(tmp_path, policy(retries=RetryPolicy(failures=1))) as loop:
        task_id = await loop.approved("import customers from a CSV file")
        task = await loop.until(task_id, TaskState.NEEDS_HELP)
        assert len(await loop.rows(Attempt, task_id=task_id)) == 2
        assert len(await loop.said("needs_help")) == 1
        assert task.help_cause and task.help_evidence
        assert (await loop.do(commands.retry, task_id, guidance="the schema is in app/schema.py")).ok
        await loop.until(task_id, TaskState.READY)
        last = (await loop.rows(Attempt, task_id=task_id))[-1]
        assert "the schema is in app/schema.py" in last.prompt
        assert len(await loop.said("needs_help")) == 1


@pytest.mark.proves("26", "P")
async def test_a_stop_reaches_the_process_tree_and_keeps_the_work(tmp_path: Path) -> None:
    async with running(tmp_path, tick_s=30.0) as loop:
        loop.behave("CSV", "hang:60", "succeed")
        task_id = await loop.approved(CSV)
        await loop.eventually(lambda: len(loop.marked("t-1-a1")) >= 3)  # runner, agent, the child of its own session
        began = asyncio.get_running_loop().time()
        assert (await loop.do(commands.stop, task_id)).ok
        await loop.eventually(lambda: not loop.marked("t-1-a1"))
        assert asyncio.get_running_loop().time() - began < 2.0
        (workspace,) = loop.outside.repositories.workspaces(SLUG)
        assert workspace.path.exists(), "the work is kept"
        attempt = await loop.eventually(lambda: _first(loop, AttemptState.STOPPED))
        assert attempt.outcome == "stopped"


async def _first(loop, state: AttemptState):  # type: ignore[no-untyped-def]  # a helper of two tests
    attempts = await loop.rows(Attempt, n=1)
    return attempts[0] if attempts and attempts[0].state is state else None


@pytest.mark.proves("6", "N")
async def test_an_agent_killed_in_the_middle_is_resumed_without_spending_a_retry(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        loop.behave("CSV", "crash", "succeed")
        task_id = await loop.approved(CSV)
        task = await loop.until(task_id, TaskState.READY)
        first, second = await loop.rows(Attempt, task_id=task_id)
        assert (first.outcome, second.outcome) == ("crashed", "done")
        assert second.resumes and second.session_id == first.session_id
        assert task.retries_failure == 0


@pytest.mark.proves("2")
async def test_a_runner_killed_in_the_middle_leaves_no_stray_and_is_taken_up_again(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        loop.behave("CSV", "hang:60", "succeed")
        task_id = await loop.approved(CSV)
        await loop.eventually(lambda: _first(loop, AttemptState.RUNNING))
        await loop.eventually(lambda: _sleeps(loop, "t-1-a1"))
        runner = loop.outside.engine.find("t-1-a1").pid
        assert runner is not None
        os.kill(runner, signal.SIGKILL)
        await loop.until(task_id, TaskState.READY)
        assert not loop.marked("t-1-a1")
        first, second = await loop.rows(Attempt, task_id=task_id)
        assert (first.state, first.outcome) == (AttemptState.LOST, "lost")
        assert second.outcome == "done"


async def test_an_agents_question_waits_for_a_person_and_resumes_the_session(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        loop.behave("CSV", "ask", "succeed")
        task_id = await loop.approved(CSV)
        await loop.until(task_id, TaskState.ASKING)
        (question,) = await loop.rows(Question, task_id=task_id)
        assert question.options and question.about == "agent"
        assert len(await loop.said("question")) == 1
        assert (await loop.do(commands.guide, task_id, question.options[0])).ok
        await loop.until(task_id, TaskState.READY)
        first, second = await loop.rows(Attempt, task_id=task_id)
        assert second.resumes and second.session_id == first.session_id
        assert question.options[0] in second.prompt


async def test_a_claim_without_a_change_is_a_failure(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        loop.behave("CSV", "nothing", "succeed")
        task_id = await loop.approved(CSV)
        await loop.until(task_id, TaskState.READY)
        first, second = await loop.rows(Attempt, task_id=task_id)
        assert (first.outcome, second.outcome) == ("no-change", "done")


async def test_a_rate_limit_parks_and_spends_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        loop.behave("CSV", "rate-limit", "succeed")
        task_id = await loop.approved(CSV)
        await loop.eventually(lambda: _first(loop, AttemptState.PARKED))
        task = await loop.task(task_id)
        assert task.retries_failure == 0 and task.not_before is not None


async def test_a_repository_without_ci_is_verified_by_its_own_command(tmp_path: Path) -> None:
    repository = RepositoryPolicy(
        SLUG, playground=True, has_ci=False, verify="python3 -m unittest discover -s tests -t ."
    )
    async with running(tmp_path, policy(repositories=(repository,))) as loop:
        task_id = await loop.approved(CSV)
        await loop.until(task_id, TaskState.READY)
        pull = await loop.pull(task_id)
        (line,) = await loop.rows(Evidence, pull_request_id=pull.id, head=pull.head_sha, check="ci")
        assert line.state == "ok" and "verify command passed" in line.detail


@pytest.mark.proves("27", "R")
async def test_a_failing_install_goes_to_a_person_with_the_tail(tmp_path: Path) -> None:
    """Nothing of the workspace is left that would be in the way of the retry, unless an agent worked in it."""
    token, mended = "ghp_" + "a1B2" * 9, tmp_path / "mended"
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / ".env").write_text("KEY=value")
    install = (
        f"grep KEY .env && test $PORT = $WAGGLE_PORT && test -e {mended}"
        f" || {{ seq 30; echo no package of {token} >&2; exit 7; }}"
    )
    repository = RepositoryPolicy(
        SLUG, playground=True, install=install, include=(".env",), include_from=str(tmp_path / "kept")
    )
    async with running(tmp_path, policy(repositories=(repository,))) as loop:
        repositories = loop.outside.repositories
        task_id = await loop.approved(CSV)
        task = await loop.until(task_id, TaskState.NEEDS_HELP)
        assert (task.help_class, task.help_evidence[0], task.help_evidence[-2]) == (
            "install", "18", "no package of [secret removed]",
        )  # fmt: skip
        assert "ended with 7" in task.help_cause
        assert repositories.workspaces(SLUG) == [] and task.branch not in repositories.pool_branches(SLUG)
        assert not (loop.home / "work" / f"t-{task_id}").exists()
        assert await loop.rows_of(PortLease) == []

        mended.touch()
        await loop.do(commands.retry, task_id)
        task = await loop.until(task_id, TaskState.READY, after_help=True)
        work = Workspaces(loop.outside)
        (tree,) = repositories.workspaces(SLUG)
        failed = await asyncio.to_thread(work.install, task, "t-1-a9", replace(repository, install="exit 3"), tree.path)
        assert failed is not None
        await asyncio.to_thread(work.roll_back, task, tree.path)
        assert repositories.workspaces(SLUG) == [tree] and tree.path.exists(), "an agent's work is in it"
        assert (tree.path / ".env").exists()
        assert [one.workspace for one in await loop.rows_of(PortLease)] == [tree.name]
        assert ".env" not in repositories.list_files(SLUG, (await loop.pull(task_id)).head_sha)


async def test_a_head_that_moves_withdraws_ready_and_is_judged_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        task_id = await loop.approved(CSV)
        task = await loop.until(task_id, TaskState.READY)
        before = await loop.pull(task_id)
        await loop.person.push_as_person(SLUG, task.branch, "NOTES.md", "A note.\n", user="ben")
        await loop.eventually(lambda: loop.said("ready_withdrawn"))
        await loop.until(task_id, TaskState.READY)
        after = await loop.pull(task_id)
        assert after.head_sha != before.head_sha
        assert {one.head for one in await loop.said("pr_ready")} == {before.head_sha, after.head_sha}


@pytest.mark.proves("21")
async def test_a_pull_request_closed_by_a_person_drops_the_task_and_reopening_takes_it_up(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        task_id = await loop.approved(CSV)
        await loop.until(task_id, TaskState.READY)
        pull = await loop.pull(task_id)
        await loop.person.close(SLUG, pull.number, user="ben")
        await loop.until(task_id, TaskState.DROPPED)
        assert len(await loop.said("closed")) == 1
        await loop.person.reopen(SLUG, pull.number)
        await loop.until(task_id, TaskState.VERIFYING, TaskState.READY)


@pytest.mark.proves("24", "E''")
async def test_a_pull_request_is_watched_after_its_agent_is_long_gone(tmp_path: Path) -> None:
    """Its task needs help, no agent lives, and a person merges by hand all the same."""
    async with running(tmp_path, policy(retries=RetryPolicy(failures=0))) as loop:
        loop.behave("CSV", "break-test")
        task_id = await loop.approved(CSV)
        await loop.until(task_id, TaskState.NEEDS_HELP)
        pull = await loop.pull(task_id)
        await loop.person.merge(SLUG, pull.number, bypass=True)
        await loop.until(task_id, TaskState.MERGED, after_help=True)
        await loop.eventually(lambda: _cleaned(loop, task_id))


async def test_ready_is_reached_from_stored_reviews_while_every_model_call_fails(tmp_path: Path) -> None:
    """The supervisor spends no tokens: without any model it holds the pull request against what is stored."""
    async with running(tmp_path, model_key="refused everywhere") as loop:
        task_id = await loop.approved(CSV)
        task = await loop.until(task_id, TaskState.VERIFYING)
        assert task.scoped_by == "rules"
        pull = await loop.pull(task_id)
        now = loop.outside.clock()

        def store(session: Session) -> None:
            for family in ("anthropic", "openai"):
                session.add(
                    Review(
                        pull_request_id=pull.id,
                        head=pull.head_sha,
                        reviewer=f"{family} of yesterday",
                        family=family,
                        model="a model that answered before",
                        verdict="approve",
                        created_at=now,
                    )
                )

        await loop.registry.write(store)
        await loop.until(task_id, TaskState.READY)
        (line,) = await loop.rows(Evidence, pull_request_id=pull.id, head=pull.head_sha, check="ai_review")
        assert line.state == "ok" and "anthropic and openai" in line.detail
