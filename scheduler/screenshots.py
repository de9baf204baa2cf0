"""Screenshots of a change to the user interface: before and after, on the pull request and in Slack.

The repository's own command makes them, run like every command of its own. It finds the directory for its pictures in
`WAGGLE_PICTURES` and a free port in `PORT`. It may end with 77 where it cannot work here, and says why in its last
line: then a person looks for themselves. "Before" is a workspace of its own at the commit where the change began.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlmodel import Session

from integrations.engines import CommandResult
from integrations.fault import IntegrationError
from integrations.github import marker
from integrations.pictures import Picture
from integrations.redact import redact
from scheduler.background import NotYetError, in_own_thread
from scheduler.names import task_label
from scheduler.outside import Outside
from scheduler.policy import RepositoryPolicy
from scheduler.ports import give_back_port
from scheduler.pull_rows import PullCommands, load_pull, put_facts
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import PullRequest, Task
from scheduler.registry.writers import refresh_card, say
from scheduler.steps import StepName
from scheduler.workspaces import InterruptedCommandError, Workspaces, bring_included, run_command

SKIPPED = 77  #: exit status of a command that cannot work on this machine
BRANCH = "waggle-pictures"  #: beside the code; each commit only adds pictures
_COMMAND_S = 300.0
_INSTALL_S = 900.0


@dataclass(frozen=True)
class Shown:
    """What one view of the application looks like; either side may be missing."""

    name: str
    before: Picture | None = None
    after: Picture | None = None

    @property
    def same(self) -> bool:
        return self.before is not None and self.after is not None and self.before.read() == self.after.read()


@dataclass(frozen=True)
class Taken:
    """The pictures of a change, or why there are none."""

    views: tuple[Shown, ...] = field(default=())
    why: str = ""


class Photographer:
    """Takes the screenshots of pull requests that want them."""

    def __init__(self, out: Outside, commands: PullCommands) -> None:
        self._out = out
        self._commands = commands
        self._workspaces = Workspaces(out)

    async def take(self, pull_id: int) -> None:
        """Take the screenshots of the head commit, and show them.

        Raises:
            NotYetError: a command was interrupted, or the outside refused in a way that may pass.
        """
        out = self._out
        pull, task, repository = await load_pull(out, pull_id)
        attempt = await out.registry.read(lambda s: latest_attempt(s, task))
        if attempt is None or not attempt.workspace:
            await self._put(pull, task, Taken(why="there is no workspace to run the application in"), "")
            return
        run = f"{attempt.name}-{pull.head_sha[:8]}"
        names = [f"{run}{what}" for what in RUNS]
        try:
            with self._commands.during(pull, *names):
                work = partial(self._take, pull, task, repository, Path(attempt.workspace), run)
                taken = await in_own_thread(work)
            url = await asyncio.to_thread(self._show, pull, task, taken) if taken.views else ""
        except (InterruptedCommandError, IntegrationError) as problem:
            if isinstance(problem, IntegrationError) and not problem.retryable:
                await self._put(pull, task, Taken(why=f"they cannot be shown: {problem.user_message}"), "")
                return
            raise NotYetError(str(problem)) from problem
        await self._put(pull, task, taken, url)

    def _take(self, pull: PullRequest, task: Task, repository: RepositoryPolicy, path: Path, run: str) -> Taken:
        out, label = self._out, f"t-{task.id}"
        if out.repositories.head(path) != pull.head_sha:
            with out.steps(StepName.MIRROR, run):
                out.repositories.fetch(out.remotes(task.repo))
            self._workspaces.follow(task, run, path, pull)
        if out.repositories.head(path) != pull.head_sha:
            return Taken(why="the workspace holds something else than this commit")
        problem = self._workspaces.install(task, run, repository, path)
        if problem is not None:
            return Taken(why=problem.summary)
        result = self._photograph(f"{run}-pictures", repository, path, label, pull.head_sha)
        after = out.pictures.kept(label, pull.head_sha)
        why = _why_none(result, repository.screenshots, after, out.secrets)
        if why:
            return Taken(why=why)
        before = self._before(pull, task, repository, run)
        return Taken(pair(before, after))

    def _before(self, pull: PullRequest, task: Task, repository: RepositoryPolicy, run: str) -> tuple[Picture, ...]:
        """The same views at the commit where the change began; none when its command does not work there."""
        out, label, base = self._out, f"t-{task.id}", str(pull.facts["diff"]["base"])
        known = out.pictures.kept(label, base)
        if known:
            return known
        name, branch = f"{label}{BEFORE}", f"{task.branch}{BEFORE}"
        with out.steps(StepName.WORKSPACE, run):
            tree = out.repositories.create_workspace(task.repo, name, branch, base)
        try:
            bring_included(out, task.repo, run, tree.path)
            if repository.install:
                installed = run_command(
                    out, f"{run}-before-install", repository.install, tree.path, _INSTALL_S, StepName.INSTALL
                )
                if installed.rc != 0:
                    return ()
            self._photograph(f"{run}-before", repository, tree.path, label, base)
            return out.pictures.kept(label, base)
        finally:
            with out.steps(StepName.REMOVE_WORKSPACE, name):
                out.repositories.remove_workspace(task.repo, name, branch)
            out.registry.write_now(lambda s: give_back_port(s, name))

    def _photograph(self, run: str, repository: RepositoryPolicy, path: Path, label: str, commit: str) -> CommandResult:
        out = self._out
        with out.steps(StepName.KEEP_PICTURES, run):
            room = out.pictures.room(path)
        variables = {"WAGGLE_PICTURES": str(room)}
        result = run_command(out, run, repository.screenshots, path, _COMMAND_S, StepName.SCREENSHOT, variables)
        with out.steps(StepName.KEEP_PICTURES, run):
            out.pictures.keep(path, label, commit)
        return result

    def _show(self, pull: PullRequest, task: Task, taken: Taken) -> str:
        """Put the pictures on the pull request; the address of the comment that holds them."""
        out, label = self._out, task_label(task.id)
        files = {
            f"{label}/{pull.head_sha[:12]}/{side}/{one.path.name}": one.read()
            for view in taken.views
            for side, one in (("before", view.before), ("after", view.after))
            if one is not None
        }
        with out.steps(StepName.SHOW, label):
            commit = out.repositories.add_files(
                out.remotes(pull.repo), BRANCH, files, f"Screenshots of {label} at {pull.head_sha[:8]}"
            )
        root = f"{out.github.repository(pull.repo).html_url}/raw/{commit}/{label}/{pull.head_sha[:12]}"
        body = render_comment(taken.views, root, pull.head_sha)
        with out.steps(StepName.COMMENT, label):
            return out.github.upsert_comment(pull.repo, pull.number, marker(label, "screenshots"), body)

    async def _put(self, pull: PullRequest, task: Task, taken: Taken, url: str) -> None:
        facts = {
            "pictures": {
                "head": pull.head_sha,
                "count": sum((view.before is not None) + (view.after is not None) for view in taken.views),
                "why": taken.why,
                "url": url,
            }
        }
        files = [
            {"path": str(one.path), "title": f"{view.name}, {side}"}
            for view in taken.views
            if not view.same or all(other.same for other in taken.views)
            for side, one in (("before", view.before), ("after", view.after))
            if one is not None
        ]

        def also(session: Session, row: PullRequest) -> None:
            now = self._out.clock()
            owner = session.get(Task, task.id)
            assert owner is not None
            refresh_card(session, owner, now)
            if files:
                key = f"pictures:{row.id}:{row.head_sha}"
                payload: dict[str, Any] = {"files": files, "url": url}
                say(session, now, kind="pictures", dedupe_key=key, task=owner, head=row.head_sha, payload=payload)

        assert pull.id is not None
        await put_facts(self._out, pull.id, pull.head_sha, facts, also)


BEFORE = "-before"  #: ending of the workspace and branch of a task in which "before" is photographed
#: endings of the names of every run that takes screenshots of one head commit
RUNS = ("-install", "-pictures", "-before-install", "-before")


def pair(before: tuple[Picture, ...], after: tuple[Picture, ...]) -> tuple[Shown, ...]:
    """Both sides of each view, in the order of the names. Pure."""
    old, new = {one.name: one for one in before}, {one.name: one for one in after}
    return tuple(Shown(name, old.get(name), new.get(name)) for name in sorted({*old, *new}))


def render_comment(views: tuple[Shown, ...], root: str, head: str) -> str:
    """The comment that shows the pictures. Names were checked when the pictures were kept.

    Parameters:
        root: address below which the pictures lie.
    """

    def cell(view: Shown, side: str, one: Picture | None) -> str:
        return f"![{view.name}, {side}]({root}/{side}/{one.path.name})" if one is not None else "—"

    rows = [
        f"| {view.name}{' (unchanged)' if view.same else ''} | {cell(view, 'before', view.before)} "
        f"| {cell(view, 'after', view.after)} |"
        for view in views
    ]
    return "\n".join([f"### Screenshots at `{head[:8]}`", "", "| view | before | after |", "|---|---|---|", *rows])


def _why_none(result: CommandResult, command: str, after: tuple[Picture, ...], secrets: tuple[str, ...]) -> str:
    """Why there are no pictures; empty when there are."""
    last = next((line.strip() for line in reversed(result.output.splitlines()) if line.strip()), "")
    said = redact(last, secrets)[:200]
    if result.rc == SKIPPED:
        return f"skipped: {said or 'the command does not say why'}"
    if result.rc != 0:
        return f"`{command[:80]}` ended with {result.rc} ({result.why}): {said}"
    return "" if after else f"`{command[:80]}` left no picture in $WAGGLE_PICTURES"
