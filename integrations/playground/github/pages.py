"""The pages for people: repositories, a pull request, a job's log, a commit. Read only; deeds are in `acting.py`."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from integrations.playground.github.ci_log import BOM
from integrations.playground.github.page_templates import Templates
from integrations.playground.github.records import Annotation, Branch, Job, Pull, Repo, Run
from integrations.playground.github.refusal import Refused, not_found
from integrations.playground.github.repositories import EMPTY_TREE
from integrations.playground.github.viewing import (
    Check,
    checks,
    conversation,
    job_check,
    merge_box,
    unfinished,
    version,
)
from integrations.playground.github.world import GitHubWorld
from integrations.playground.guard import page

_HERE = Path(__file__).parent
_SHOWN_LINES = 5000
_PULLS_SHOWN = 50
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_RAW_TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"}


@dataclass(frozen=True)
class PullRow:
    pull: Pull
    state: str
    checks: list[Check]


@dataclass(frozen=True)
class Shelf:
    repo: Repo
    clone_url: str
    pulls: list[PullRow]


@dataclass(frozen=True)
class LogLine:
    time: str
    text: str
    tone: str  #: "" | error | group | warning


class Pages:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world
        self._store = world.store
        self._templates = Templates(world)

    async def repositories(self, request: web.Request) -> web.StreamResponse:
        shelves = [self._shelf(repo) for repo in self._store.all(Repo)]
        return self._shelves(shelves, "/github/-/version")

    async def repository(self, request: web.Request) -> web.StreamResponse:
        return self._shelves([self._shelf(self._repo(request))], "/github/-/version")

    async def pull(self, request: web.Request) -> web.StreamResponse:
        pull = self._pull(request)
        repo = self._world.pulls.repo(pull.slug)
        seen = version(self._world, pull)  # before the rest is read, so that a change meanwhile is seen as one
        files = await self._world.pulls.files(pull)
        found = checks(self._world, pull)
        run_ids = {check.run_id for check in found if check.run_id}
        idle = all(check.state in ("passed", "failed") for check in found)
        return self._html(
            "pull.html",
            pull=pull,
            version=seen,
            watch=f"/github/{pull.slug}/pull/{pull.number}/version",
            act=f"/page/github/{pull.slug}",
            busy=unfinished(self._world, pull),
            state=_state(pull),
            box=merge_box(self._world, pull, repo),
            checks=found,
            rerun=max(run_ids) if run_ids and idle and pull.is_open else 0,
            commits=await self._world.pulls.commits(pull),
            files=files,
            additions=sum(change.additions for change in files),
            deletions=sum(change.deletions for change in files),
            conversation=conversation(self._world, pull),
            branch_exists=self._store.first(Branch, "slug=? AND name=?", pull.slug, pull.head_branch) is not None,
        )

    async def pull_version(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"version": version(self._world, self._pull(request))}, headers=HEADERS)

    async def list_version(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"version": self._list_version()}, headers=HEADERS)

    async def job(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        run = self._store.get(Run, job.run_id)
        assert run is not None, "every job belongs to a run"
        check = job_check(self._world, job, required=False)
        return self._html(
            "job.html",
            job=job,
            branch=run.branch,
            state=check.state,
            note=check.note,
            version=self._job_version(job),
            watch=f"/github/{job.slug}/actions/jobs/{job.id}/version",
            pull=self._store.first(Pull, "slug=? AND head_branch=?", job.slug, run.branch, order="id DESC"),
            annotations=self._store.all(Annotation, "job_id=?", job.id),
            lines=self._log_lines(job),
        )

    async def job_version(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"version": self._job_version(self._job(request))}, headers=HEADERS)

    async def commit(self, request: web.Request) -> web.StreamResponse:
        repo = self._repo(request)
        repository = self._world.repositories[repo.slug]
        commit = await repository.commit(request.match_info["sha"])
        if commit is None:
            raise not_found()
        before = commit.parents[0] if commit.parents else EMPTY_TREE
        files = await repository.changes(before, commit.sha)
        return self._html("commit.html", slug=repo.slug, commit=commit, files=files)

    async def raw(self, request: web.Request) -> web.StreamResponse:
        """A file as it is at a commit: how screenshots in a description are shown."""
        repo = self._repo(request)
        path = request.match_info["path"]
        content = await self._world.repositories[repo.slug].read(request.match_info["sha"], path)
        if content is None:
            raise not_found()
        guessed = mimetypes.guess_type(path)[0]
        kind = guessed if guessed in _RAW_TYPES else "text/plain"
        headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
        return web.Response(body=content, content_type=kind, headers=headers)

    def _shelf(self, repo: Repo) -> Shelf:
        pulls = self._store.all(Pull, "slug=?", repo.slug, order="id DESC", limit=_PULLS_SHOWN)
        rows = [PullRow(pull, _state(pull), checks(self._world, pull)) for pull in pulls]
        return Shelf(repo, self._world.addresses.clone(repo.slug), rows)

    def _shelves(self, shelves: list[Shelf], watch: str) -> web.Response:
        busy = any(unfinished(self._world, row.pull) for shelf in shelves for row in shelf.pulls)
        return self._html("repositories.html", shelves=shelves, version=self._list_version(), watch=watch, busy=busy)

    def _list_version(self) -> str:
        pulls = self._store.all(Pull, order="id DESC", limit=_PULLS_SHOWN)
        seen = [(pull.id, pull.updated_at, pull.state, checks(self._world, pull)) for pull in pulls]
        return _digest((seen, self._store.count(Repo, "1")))

    def _job_version(self, job: Job) -> str:
        log = self._world.ci.log_path(job)
        return _digest((job.status, job.conclusion, log.stat().st_size if log.exists() else 0))

    def _log_lines(self, job: Job) -> list[LogLine]:
        path = self._world.ci.log_path(job)
        if not path.exists():
            return []
        text = path.read_text(encoding="utf-8").removeprefix(BOM)
        return [_log_line(line) for line in text.splitlines()[-_SHOWN_LINES:]]

    def _repo(self, request: web.Request) -> Repo:
        return self._world.pulls.repo(f"{request.match_info['owner']}/{request.match_info['name']}")

    def _pull(self, request: web.Request) -> Pull:
        return self._world.pulls.find(self._repo(request).slug, int(request.match_info["number"]))

    def _job(self, request: web.Request) -> Job:
        job = self._store.get(Job, int(request.match_info["job"]))
        if job is None or job.slug != self._repo(request).slug:
            raise not_found()
        return job

    def _html(self, template: str, **values: object) -> web.Response:
        return web.Response(text=self._templates.html(template, **values), content_type="text/html", headers=HEADERS)


def _state(pull: Pull) -> str:
    if pull.merged:
        return "merged"
    return "draft" if pull.is_open and pull.draft else pull.state


def _log_line(line: str) -> LogLine:
    stamp, _, text = line.partition(" ")
    for mark, tone in (("##[error]", "error"), ("##[group]", "group"), ("##[warning]", "warning")):
        if text.startswith(mark):
            return LogLine(stamp[11:19], text.removeprefix(mark), tone)
    return LogLine(stamp[11:19], "" if text == "##[endgroup]" else text, "")


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def _static(name: str, content_type: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    body = (_HERE / name).read_text(encoding="utf-8")

    async def handler(_: web.Request) -> web.StreamResponse:
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return web.Response(text=body, content_type=content_type, headers=headers)

    return handler


def add_routes(app: web.Application, world: GitHubWorld) -> None:
    pages = Pages(world)
    repo = "/github/{owner}/{name}"
    routes = {
        "/github/": pages.repositories,
        "/github/-/version": pages.list_version,
        "/github/-/icon.svg": _static("icon.svg", "image/svg+xml"),
        "/github/-/page.css": _static("page.css", "text/css"),
        "/github/-/page.js": _static("page.js", "text/javascript"),
        f"{repo}/pull/{{number:\\d+}}": pages.pull,
        f"{repo}/pull/{{number:\\d+}}/version": pages.pull_version,
        f"{repo}/actions/runs/{{run:\\d+}}/job/{{job:\\d+}}": pages.job,
        f"{repo}/actions/jobs/{{job:\\d+}}/version": pages.job_version,
        f"{repo}/commit/{{sha:[0-9a-f]+}}": pages.commit,
        f"{repo}/raw/{{sha:[0-9a-f]+}}/{{path:.+}}": pages.raw,
        repo: pages.repository,
    }

    def shown(
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def show(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Refused as refused:
                return web.Response(status=refused.status, text=refused.message, headers=HEADERS)

        return page(world.place, show)

    for path, handler in routes.items():
        app.router.add_get(path, shown(handler), allow_head=False)

    async def to_list(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/github/")

    app.router.add_get("/github", page(world.place, to_list), allow_head=False)
