"""What a person does at the page, as JSON calls behind the page's guard: `/page/github/…`.

The visitor of the demo and the tests uses the same calls. Every call names who acts: `{"user": "ana"}` or `ben`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from integrations.playground.github.people import ANA, PEOPLE
from integrations.playground.github.pull_requests import Opening
from integrations.playground.github.records import Pull, Run, Thread
from integrations.playground.github.refusal import Refused, not_found
from integrations.playground.github.reviews import Remark
from integrations.playground.github.viewing import pull_as_json
from integrations.playground.github.world import GitHubWorld
from integrations.playground.guard import page


@dataclass(frozen=True)
class Deed:
    """One thing that a person wants done."""

    request: web.Request
    user: str
    body: Mapping[str, Any]

    @property
    def slug(self) -> str:
        return f"{self.request.match_info['owner']}/{self.request.match_info['name']}"

    @property
    def number(self) -> int:
        return int(self.request.match_info["number"])

    def text(self, name: str) -> str:
        value = self.body.get(name, "")
        if not isinstance(value, str):
            raise Refused(422, f"{name} is not a string")
        return value


Act = Callable[[Deed], Awaitable[object]]


class Acting:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world

    async def merge(self, deed: Deed) -> object:
        """Merge. `bypass` is for ana, the administrator, and means: although required checks did not pass."""
        bypass = bool(deed.body.get("bypass"))
        if bypass and deed.user != ANA.login:
            raise Refused(403, "Only an administrator can merge past required checks: choose ana.")
        pull = await self._world.pulls.merge(
            self._pull(deed),
            deed.user,
            expected_head=deed.text("sha"),
            method=deed.text("method") or "merge",
            bypass=bypass,
        )
        return pull_as_json(self._world, pull)

    async def close(self, deed: Deed) -> object:
        return pull_as_json(self._world, self._world.pulls.close(self._pull(deed), deed.user))

    async def reopen(self, deed: Deed) -> object:
        return pull_as_json(self._world, await self._world.pulls.reopen(self._pull(deed), deed.user))

    async def draft(self, deed: Deed) -> object:
        draft = bool(deed.body.get("draft"))
        return pull_as_json(self._world, self._world.pulls.set_draft(self._pull(deed), draft, deed.user))

    async def comment(self, deed: Deed) -> object:
        comment = self._world.pulls.comment(self._pull(deed), deed.user, deed.text("body"))
        return {"id": comment.id}

    async def review(self, deed: Deed) -> object:
        remarks = [
            Remark(str(entry["path"]), int(entry["line"]), str(entry["body"])) for entry in deed.body.get("remarks", ())
        ]
        review = await self._world.reviews.create(
            self._pull(deed), deed.user, deed.text("event"), deed.text("body"), remarks=remarks
        )
        return {"id": review.id, "state": review.state}

    async def resolve(self, deed: Deed) -> object:
        thread = self._world.store.get(Thread, int(deed.body.get("thread", 0)))
        if thread is None or thread.pull_id != self._pull(deed).id:
            raise not_found()
        return {"resolved_by": self._world.reviews.resolve(thread, deed.user).resolved_by}

    async def delete_branch(self, deed: Deed) -> object:
        pull = self._pull(deed)
        await self._world.pulls.delete_branch(pull.slug, f"heads/{pull.head_branch}", deed.user)
        return {}

    async def rerun(self, deed: Deed) -> object:
        run = self._world.store.get(Run, int(deed.body.get("run", 0)))
        if run is None or run.slug != deed.slug:
            raise not_found()
        return {"jobs": [job.id for job in self._world.ci.rerun(run, only_failed=False)]}

    async def pulls(self, deed: Deed) -> object:
        repo = self._world.pulls.repo(deed.slug)
        return [pull_as_json(self._world, pull) for pull in self._world.store.all(Pull, "slug=?", repo.slug)]

    async def open_pull(self, deed: Deed) -> object:
        wish = Opening(
            deed.text("head"),
            deed.text("base") or self._world.pulls.repo(deed.slug).default_branch,
            deed.text("title"),
            deed.text("body"),
            bool(deed.body.get("draft")),
        )
        return pull_as_json(self._world, await self._world.pulls.open(deed.slug, wish, deed.user))

    async def push(self, deed: Deed) -> object:
        """Commit one file on a branch, which starts at the default branch when it is new. `text: null` removes it."""
        repo = self._world.pulls.repo(deed.slug)
        repository = self._world.repositories[repo.slug]
        branch, path, text = deed.text("branch"), deed.text("path"), deed.body.get("text")
        async with repository.lock:
            old = await repository.resolve(f"refs/heads/{branch}")
            base = old or await repository.resolve(f"refs/heads/{repo.default_branch}")
            with tempfile.TemporaryDirectory(prefix="playground-push-") as scratch:
                content = {path: text.encode() if isinstance(text, str) else None}
                tree = await repository.write_tree(base, content, Path(scratch))
            message = deed.text("message") or f"{'Update' if text is not None else 'Remove'} {path}"
            sha = await repository.write_commit(
                tree,
                [base] if base else [],
                message + "\n",
                author=deed.user,
                committer=deed.user,
                at=self._world.clock(),
            )
            if not await repository.move(f"refs/heads/{branch}", sha, old or ""):
                raise Refused(409, f"{branch} moved meanwhile, or is no name for a branch")
            await self._world.pushes.settle_locked(repository, deed.user)
        return {"sha": sha}

    async def create_repository(self, deed: Deed) -> object:
        """Make a repository: `{"slug", "files": {path: text}, "default_branch"}`."""
        files = deed.body.get("files") or {}
        repo = await self._world.seeding.create(
            deed.text("slug"),
            {str(path): str(text).encode() for path, text in files.items()},
            default_branch=deed.text("default_branch") or "main",
        )
        return {"slug": repo.slug, "clone_url": self._world.addresses.clone(repo.slug)}

    def _pull(self, deed: Deed) -> Pull:
        return self._world.pulls.find(deed.slug, deed.number)


def _act(act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            body = await _body(request)
            user = str(body.get("user", ANA.login))
            if user not in {person.login for person in PEOPLE}:
                raise Refused(422, f"{user} is nobody here: {' or '.join(person.login for person in PEOPLE)}")
            return web.json_response(await act(Deed(request, user, body)))
        except Refused as refused:
            sentences = [entry if isinstance(entry, str) else str(entry.get("message")) for entry in refused.errors]
            return web.json_response({"error": "; ".join(sentences) or refused.message}, status=refused.status)
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"The call is not understood: {error!r}"}, status=422)

    return handler


async def _body(request: web.Request) -> Mapping[str, Any]:
    if request.method == "GET":
        return {}
    if request.content_type != "application/json":  # no form of another site can send this
        raise Refused(415, "Send JSON.")
    body = json.loads(await request.text() or "{}")
    if not isinstance(body, dict):
        raise Refused(422, "Send a JSON object.")
    return body


def add_routes(app: web.Application, world: GitHubWorld) -> None:
    acting = Acting(world)
    repo = "/page/github/{owner}/{name}"
    pull = f"{repo}/pull/{{number:\\d+}}"
    posts: dict[str, Act] = {
        "/page/github/repositories": acting.create_repository,
        f"{repo}/pulls": acting.open_pull,
        f"{repo}/push": acting.push,
        f"{repo}/rerun": acting.rerun,
        f"{pull}/merge": acting.merge,
        f"{pull}/close": acting.close,
        f"{pull}/reopen": acting.reopen,
        f"{pull}/draft": acting.draft,
        f"{pull}/comment": acting.comment,
        f"{pull}/review": acting.review,
        f"{pull}/resolve": acting.resolve,
        f"{pull}/delete-branch": acting.delete_branch,
    }
    for path, act in posts.items():
        app.router.add_post(path, page(world.place, _act(act)))
    app.router.add_get(f"{repo}/pulls", page(world.place, _act(acting.pulls)), allow_head=False)
