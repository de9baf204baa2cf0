"""Attacks on the running loop where processes, git and GitHub matter."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

import psutil
import pytest

from integrations.git.hardening import HARDENING
from scheduler import commands
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import RepositoryPolicy, RetryPolicy
from scheduler.registry import Attempt, Event, Judgement
from tests.integration.git_world import git
from tests.integration.loop import SLUG, Loop, policy, running

CSV = "customers want CSV export of invoices"
SECRET = "ghp_0123456789abcdef0123456789abcdef"
TOKENS = {
    "SLACK_BOT_TOKEN": "xoxb-planted-slack-bot-token",
    "SLACK_APP_TOKEN": "xapp-planted-slack-app-token",
    "GITHUB_TOKEN": "ghp_planted_github_token",
    "GH_TOKEN": "ghp_planted_gh_token",
    "GITHUB_APP_PRIVATE_KEY": "planted-private-key",
    "SENTRY_AUTH_TOKEN": "sntrys_planted",
    "ANTHROPIC_API_KEY": "sk-ant-planted-model-key",
    "OPENAI_API_KEY": "sk-planted-model-key",
    "WAGGLE_DATABASE_URL": "postgresql://planted",
    "AWS_SECRET_ACCESS_KEY": "planted-cloud-key",
}


def environments(loop: Loop, *names: str) -> dict[int, str]:
    """What every live process of these runs, and each of its children, has in its environment."""
    found: dict[int, str] = {}
    for name in names:
        for pid in loop.marked(name):
            with contextlib.suppress(OSError, psutil.Error):
                tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                found |= {one.pid: Path(f"/proc/{one.pid}/environ").read_text() for one in tree}
    return found


async def fetched(loop: Loop) -> None:
    """Bring the mirror up to date; the playground answers from this very event loop."""
    await asyncio.to_thread(loop.outside.repositories.fetch, loop.outside.remotes(SLUG))


async def test_no_process_of_an_agent_or_a_command_holds_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """# invariant 8: every process of the install command, the agent and the verify command, while they live."""
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    wait = "while ! test -e {}; do sleep 0.05; done"
    gates = {name: tmp_path / name for name in ("install", "verify")}
    repository = RepositoryPolicy(
        SLUG,
        playground=True,
        has_ci=False,
        install=wait.format(gates["install"]),
        verify=wait.format(gates["verify"]),
    )
    async with running(tmp_path, policy(repositories=(repository,))) as loop:
        loop.behave("CSV", "slow:2")
        await loop.approved(CSV)
        planted = [*TOKENS.values(), loop.place.github_token, loop.place.model_key]
        for run in ("t-1-a1-install", "t-1-a1", "t-1-a1-verify"):
            seen = await loop.eventually(lambda run=run: _whole(environments(loop, run)))  # type: ignore[misc]  # a default
            for text in seen.values():
                assert not [token for token in planted if token in text]
                assert "WAGGLE_RUN=" in text, "it is the environment of one of our runs"
            if (gate := gates.get(run.rpartition("-")[2])) is not None:
                gate.touch()


def _whole(found: dict[int, str]) -> dict[int, str]:
    """Once the runner has a child: what is run, and not only what runs it."""
    return found if len(found) >= 2 else {}


async def test_a_secret_in_any_commit_of_the_branch_is_never_pushed(tmp_path: Path) -> None:
    """# invariant 8: planted in one commit and taken away in the next, so that the branch's difference is clean."""
    plant = (
        f"echo token={SECRET} > leak.txt && git add leak.txt && git -c user.name=x -c user.email=x@y commit -qm add"
        " && git rm -q leak.txt && git -c user.name=x -c user.email=x@y commit -qm 'never mind'"
    )
    repository = RepositoryPolicy(SLUG, playground=True, install=plant)
    async with running(tmp_path, policy(repositories=(repository,), retries=RetryPolicy(failures=0))) as loop:
        task_id = await loop.approved(CSV)
        task = await loop.until(task_id, TaskState.NEEDS_HELP)
        assert task.help_class == "secrets" and "leak.txt" in "\n".join(task.help_evidence)
        assert SECRET not in "\n".join([task.help_cause, *task.help_evidence])
        await fetched(loop)
        assert task.branch not in loop.outside.repositories.branches(SLUG)
        assert await loop.rows(Judgement, kind="review") == []


async def test_what_a_person_pushed_to_the_branch_is_in_the_next_attempt_and_never_undone(tmp_path: Path) -> None:
    """# invariant 7: the agent's next push is on top of the person's commit."""
    async with running(tmp_path) as loop:
        loop.behave("CSV", "succeed", "sloppy")
        task_id = await loop.approved(CSV)
        task = await loop.until(task_id, TaskState.READY)
        agents = (await loop.pull(task_id)).head_sha
        await loop.person.push_as_person(SLUG, task.branch, "NOTES.md", "A person's note.\n", user="ben")
        await loop.eventually(lambda: loop.said("ready_withdrawn"))
        theirs = (await loop.pull(task_id)).head_sha
        assert (await loop.do(commands.retry, task_id, guidance="also name the file after the customer")).ok

        async def pushed_again() -> bool:
            return (await loop.pull(task_id)).head_sha not in {agents, theirs}

        await loop.eventually(pushed_again)
        pull = await loop.pull(task_id)
        await fetched(loop)
        assert loop.outside.repositories.is_ancestor(SLUG, theirs, pull.head_sha)
        assert loop.outside.repositories.read_file(SLUG, pull.head_sha, "NOTES.md") == "A person's note.\n"


@pytest.mark.proves("26", "P")
async def test_uncommitted_work_of_a_dropped_task_is_rescued_before_its_workspace_goes(tmp_path: Path) -> None:
    """# invariant 7"""
    async with running(tmp_path) as loop:
        task_id = await loop.approved(CSV)
        await loop.until(task_id, TaskState.READY)
        (workspace,) = loop.outside.repositories.workspaces(SLUG)
        (workspace.path / "thought.txt").write_text("Nobody committed this.\n")
        (workspace.path / "README.md").write_text("Half a sentence")
        await loop.person.close(SLUG, (await loop.pull(task_id)).number, user="ben")
        await loop.until(task_id, TaskState.DROPPED)

        async def cleaned() -> bool:
            return (await loop.task(task_id)).cleaned_at is not None

        await loop.eventually(cleaned)
        assert not workspace.path.exists()
        mirror = loop.outside.repositories.places.mirror(SLUG)
        saved = "refs/waggle/rescue/t-1/1"
        assert git("show", f"{saved}:thought.txt", cwd=mirror) == "Nobody committed this."
        assert git("show", f"{saved}:README.md", cwd=mirror) == "Half a sentence"
        (event,) = await loop.rows(Event, task_id=task_id, what="cleaned")
        assert saved in event.why, "people can find it"


async def test_a_verify_command_ends_with_its_task(tmp_path: Path) -> None:
    """# invariant 13: a stop that leaves half an hour of tests running is no stop."""
    repository = RepositoryPolicy(SLUG, playground=True, has_ci=False, verify="sleep 300")
    async with running(tmp_path, policy(repositories=(repository,))) as loop:
        task_id = await loop.approved(CSV)
        await loop.eventually(lambda: loop.marked("t-1-a1-verify"))
        assert (await loop.do(commands.stop, task_id)).ok
        await loop.eventually(lambda: not loop.marked("t-1-a1-verify"), timeout=10.0)
        assert (await loop.task(task_id)).state is TaskState.STOPPED


async def test_a_paused_agent_goes_on_with_its_session_and_its_work(tmp_path: Path) -> None:
    """# invariant 7: nothing in the workspace is lost by the pause, and the agent is told what happened."""
    async with running(tmp_path) as loop:
        loop.behave("CSV", "hang:60", "succeed")
        task_id = await loop.approved(CSV)
        await loop.eventually(lambda: len(loop.marked("t-1-a1")) >= 3)
        (workspace,) = loop.outside.repositories.workspaces(SLUG)
        (workspace.path / "half.txt").write_text("half done\n")
        assert (await loop.do(commands.pause, task_id)).ok
        await loop.eventually(lambda: not loop.marked("t-1-a1"), timeout=10.0)
        assert (await loop.do(commands.resume, task_id)).ok
        task = await loop.until(task_id, TaskState.VERIFYING, TaskState.READY)
        first, second = await loop.rows(Attempt, task_id=task_id)
        assert (first.state, second.resumes, second.session_id) == (AttemptState.STOPPED, True, first.session_id)
        assert "paused" in second.prompt and task.infra_waits == 0
        pull = await loop.pull(task_id)
        await fetched(loop)
        assert loop.outside.repositories.read_file(SLUG, pull.head_sha, "half.txt") == "half done\n"


WATCHER = """#!/bin/sh
printf '%s\\037%s\\037%s\\037%s\\036' \\
  "$WAGGLE_RUN" "${{SLACK_BOT_TOKEN}}${{GITHUB_TOKEN}}" "$GIT_CONFIG_GLOBAL" "$*" >> {log}
exec {git} "$@"
"""


async def test_every_git_command_of_a_whole_life_is_hardened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """# invariant 9: from the clone to the cleanup, judged by what git itself was started with."""
    real, log, bin_ = shutil.which("git"), tmp_path / "git.log", tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "git").write_text(WATCHER.format(log=log, git=real))
    (bin_ / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    async with running(tmp_path) as loop:
        loop.behave("CSV", "break-test", "succeed")
        task_id = await loop.approved(CSV)
        await loop.until(task_id, TaskState.READY)
        (workspace,) = loop.outside.repositories.workspaces(SLUG)
        (workspace.path / "thought.txt").write_text("Nobody committed this.\n")
        await loop.person.merge(SLUG, (await loop.pull(task_id)).number)

        async def cleaned() -> bool:
            return (await loop.task(task_id)).cleaned_at is not None

        await loop.eventually(cleaned)
    home = str(tmp_path / "home")
    ours = []
    for record in log.read_text().split("\036")[:-1]:
        run, tokens, configuration, arguments = record.split("\037")
        if not run and f"--git-dir={home}" in arguments:  # neither the agent's nor the playground's
            ours.append(arguments)
            assert not tokens and configuration == "/dev/null", arguments
            missing = [setting for setting in HARDENING if f"-c {setting}" not in arguments]
            assert not missing, (missing, arguments)
    spoken = " ".join(ours)
    for verb in (
        " fetch ",
        " push ",
        " worktree add ",
        " read-tree ",
        " merge-tree ",
        " commit-tree ",
        " diff ",
        " log ",
    ):
        assert verb in spoken, f"{verb}was never used: this test looks at the wrong commands"
    strays = [one for one in log.read_text().split("\036")[:-1] if home in one and "-c core.hooksPath" not in one]
    assert not [one for one in strays if not one.split("\037")[0]], "a git command of ours without its flags"
