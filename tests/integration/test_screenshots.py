"""Screenshots of a change: before and after, on the pull request, in the evidence, and for Slack; nothing is left."""

from __future__ import annotations

import asyncio
from pathlib import Path

from integrations.github import marker
from scheduler.lifecycle import TaskState
from scheduler.policy import RepositoryPolicy
from scheduler.registry import Evidence, Outbox
from scheduler.screenshots import BRANCH
from tests.integration.loop import SLUG, policy, running

#: A PNG by its first bytes, with a page's text behind them, so that before and after differ. It listens on its port.
COMMAND = """python3 - <<'END'
import os, pathlib, socket
socket.create_server(("127.0.0.1", int(os.environ["PORT"]))).close()
room = pathlib.Path(os.environ["WAGGLE_PICTURES"])
page = pathlib.Path("templates/invoices.html").read_bytes()
(room / "invoices.png").write_bytes(b"\\x89PNG\\r\\n\\x1a\\n" + page)
(room / "same.png").write_bytes(b"\\x89PNG\\r\\n\\x1a\\nsame")
(room / "notes.txt").write_text("no picture")
os.symlink("/etc/passwd", room / "stolen.png")
END
"""


async def test_a_change_of_the_pages_is_shown(tmp_path: Path) -> None:
    repository = RepositoryPolicy(SLUG, playground=True, screenshots=COMMAND, ui_paths=("templates/**",))
    async with running(tmp_path, policy(repositories=(repository,))) as loop:
        task_id = await loop.approved("customers want CSV export of invoices")
        await loop.until(task_id, TaskState.READY)
        pull = await loop.pull(task_id)
        (line,) = await loop.rows(Evidence, pull_request_id=pull.id, head=pull.head_sha, check="screenshots")
        assert (line.state, line.detail) == ("ok", "4 attached") and "issuecomment" in line.url

        comments = [one for one in await loop.comments(pull.number) if marker("T-1", "screenshots") in one]
        (comment,) = comments
        assert "invoices, before" in comment and "invoices, after" in comment and "same (unchanged)" in comment
        assert "stolen" not in comment
        await asyncio.to_thread(loop.outside.repositories.fetch, loop.outside.remotes(SLUG))
        tip = loop.outside.repositories.resolve(SLUG, BRANCH)
        files = loop.outside.repositories.list_files(SLUG, tip)
        folder = f"T-1/{pull.head_sha[:12]}"
        assert set(files) == {
            f"{folder}/{side}/{name}.png" for side in ("before", "after") for name in ("invoices", "same")
        }
        assert not loop.outside.repositories.is_ancestor(SLUG, pull.base_sha, tip), "it is beside the code"

        (row,) = await loop.rows(Outbox, kind="pictures")
        assert [one["title"] for one in row.payload["files"]] == ["invoices, before", "invoices, after"]
        names = [one.name for one in loop.outside.repositories.workspaces(SLUG)]
        assert names == ["t-1"], "the workspace of before is gone"
        assert not loop.outside.repositories.dirty(loop.outside.repositories.workspaces(SLUG)[0].path)

        await loop.person.merge(SLUG, pull.number)
        await loop.eventually(lambda: _cleaned(loop, task_id))
        assert not (loop.home / "pictures" / "t-1").exists()


async def test_a_command_that_skips_leaves_the_look_to_whoever_merges(tmp_path: Path) -> None:
    repository = RepositoryPolicy(
        SLUG, playground=True, screenshots="echo no browser here; exit 77", ui_paths=("templates/**",)
    )
    async with running(tmp_path, policy(repositories=(repository,))) as loop:
        task_id = await loop.approved("customers want CSV export of invoices")
        await loop.until(task_id, TaskState.READY)
        pull = await loop.pull(task_id)
        (line,) = await loop.rows(Evidence, pull_request_id=pull.id, head=pull.head_sha, check="screenshots")
        assert (line.state, line.detail) == ("human", "no pictures: skipped: no browser here")


async def _cleaned(loop, task_id: int) -> bool:  # type: ignore[no-untyped-def]  # a helper of these tests
    return (await loop.task(task_id)).cleaned_at is not None
