"""People at the pull request, and after its merge, over the whole loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scheduler import commands
from scheduler.lifecycle import TaskState
from scheduler.policy import ReviewPolicy
from scheduler.registry import Attempt, Question
from tests.integration.loop import SLUG, policy, running

CSV = "customers want CSV export of invoices"


async def test_people_comment_push_merge_and_take_it_back(tmp_path: Path) -> None:
    async with running(tmp_path, policy(reviews=ReviewPolicy(families=0))) as loop:
        loop.behave("CSV", "sloppy", "succeed", "hang:60", "succeed")
        task_id = await loop.approved(CSV)
        await loop.until(task_id, TaskState.READY)
        first = await loop.pull(task_id)
        words = "Take the debug line out, please."
        await loop.person.review(SLUG, first.number, "COMMENT", remarks=[("app/export.py", 1, words)])

        async def answered() -> bool:
            pull = await loop.pull(task_id)
            return pull.head_sha != first.head_sha and pull.ready_head == pull.head_sha and not pull.owed_answers

        await loop.eventually(answered)
        pull, task = await loop.pull(task_id), await loop.task(task_id)
        seen = await asyncio.to_thread(loop.outside.github.detail, SLUG, pull.number)
        (thread,) = seen.threads
        asked, answer = thread.comments
        assert thread.resolved and (asked.body, answer.author) == (words, "waggle-bot")
        assert pull.head_sha in answer.body and "`app/export.py`" in answer.body
        attempts = await loop.rows(Attempt, task_id=task_id)
        assert f"```comment\n{words}\n```" in attempts[1].prompt and "at `app/export.py:1`" in attempts[1].prompt
        assert (task.retries_people, task.retries_failure, task.state) == (1, 0, TaskState.READY)

        assert (await loop.do(commands.retry, task_id, guidance="and a header")).ok
        await loop.eventually(lambda: loop.marked("t-1-a3"))
        theirs = await loop.person.push_as_person(SLUG, task.branch, "NOTES.md", "A person's note.\n", user="ben")
        await loop.until(task_id, TaskState.ASKING)
        await loop.eventually(lambda: not loop.marked("t-1-a3"))
        (question,) = await loop.rows(Question, task_id=task_id)
        assert (question.about, (await loop.pull(task_id)).head_sha) == ("push", theirs)
        await loop.until(task_id, TaskState.READY)  # every check holds as it is, so nobody has to answer
        pull = await loop.pull(task_id)
        assert pull.head_sha == pull.ready_head == theirs
        assert len(await loop.rows(Attempt, task_id=task_id)) == 3

        await loop.person.merge(SLUG, pull.number)
        await loop.until(task_id, TaskState.MERGED)
        said = await loop.do(commands.revert, task_id, reason="the accountant wants something else")
        assert said.ok and said.task_id is not None
        await loop.until(said.task_id, TaskState.READY)
        back = await loop.pull(said.task_id)
        await loop.person.merge(SLUG, back.number)
        await loop.until(said.task_id, TaskState.MERGED)
        seen = {one.number: one for one in await loop.person.pulls(SLUG)}
        assert f"Reverts {SLUG}#{pull.number}" in seen[back.number].body
        repositories = loop.outside.repositories
        await asyncio.to_thread(repositories.fetch, loop.outside.remotes(SLUG))
        left = repositories.list_files(SLUG, repositories.resolve(SLUG, "main"))
        assert "app/export.py" not in left and "NOTES.md" not in left and "app/web.py" in left
