"""REST: the user, repositories, branches, refs, commits, contents and comparisons."""

from __future__ import annotations

import base64

from aiohttp import web

from integrations.playground.github.addresses import Addresses
from integrations.playground.github.doorway import Answer, Call, Doorway
from integrations.playground.github.records import Repo
from integrations.playground.github.refusal import Refused, not_found
from integrations.playground.github.repositories import EMPTY_TREE, Commit
from integrations.playground.github.shapes import Json, Shapes
from integrations.playground.github.world import GitHubWorld

DIFF = "application/vnd.github.diff"
_RAW = "application/vnd.github.raw"


def shapes(call: Call) -> Shapes:
    """JSON with addresses on the host that the caller used."""
    return Shapes(Addresses(f"{call.request.scheme}://{call.request.host}"))


def wants(call: Call, media_type: str) -> bool:
    accept = call.request.headers.get("Accept", "").replace(".v3.", ".")
    return media_type in accept


def paged(call: Call, items: list[Json]) -> Answer:
    """One page of a list, with GitHub's Link header."""
    size = min(max(_count(call, "per_page", 30), 1), 100)
    page = max(_count(call, "page", 1), 1)
    last = max((len(items) + size - 1) // size, 1)
    links = []
    if page < last:
        links += [_link(call, page + 1, "next"), _link(call, last, "last")]
    if page > 1:
        links += [_link(call, page - 1, "prev"), _link(call, 1, "first")]
    return Answer(items[(page - 1) * size : page * size], headers={"Link": ", ".join(links)} if links else {})


def _count(call: Call, name: str, default: int) -> int:
    text = call.query(name)
    return int(text) if text.isdigit() else default


def _link(call: Call, page: int, rel: str) -> str:
    return f'<{call.request.url.update_query(page=str(page))}>; rel="{rel}"'


class RepositoryCalls:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world

    async def user(self, call: Call) -> Answer:
        return Answer(shapes(call).user(call.actor.login))

    async def rate_limit(self, call: Call) -> Answer:
        return Answer(self._world.limits.as_json())

    async def meta(self, call: Call) -> Answer:
        return Answer({"installed_version": "playground", "verifiable_password_authentication": False})

    async def repo(self, call: Call) -> Answer:
        repo = self._repo(call)
        empty = not await self._world.repositories[repo.slug].branches()
        return Answer(shapes(call).repo(repo, empty=empty))

    async def branches(self, call: Call) -> Answer:
        repo = self._repo(call)
        found = await self._world.repositories[repo.slug].branches()
        return paged(call, [self._short_branch(call, repo, name, sha) for name, sha in sorted(found.items())])

    async def branch(self, call: Call) -> Answer:
        repo = self._repo(call)
        commit = await self._world.repositories[repo.slug].commit(f"refs/heads/{call.part('branch')}")
        if commit is None:
            raise not_found("Branch not found")
        short = self._short_branch(call, repo, call.part("branch"), commit.sha)
        return Answer({**short, "commit": shapes(call).commit(commit, repo.slug)})

    def _short_branch(self, call: Call, repo: Repo, name: str, sha: str) -> Json:
        return {
            "name": name,
            "commit": {"sha": sha, "url": f"{call.api}/repos/{repo.slug}/commits/{sha}"},
            "protected": name == repo.default_branch,
        }

    async def ref(self, call: Call) -> Answer:
        repo = self._repo(call)
        sha = await self._world.repositories[repo.slug].resolve(f"refs/{call.part('ref')}")
        if sha is None:
            raise not_found()
        return Answer(self._ref(call, repo, call.part("ref"), sha))

    async def matching_refs(self, call: Call) -> Answer:
        repo = self._repo(call)
        found = await self._world.repositories[repo.slug].branches()
        refs = {f"heads/{name}": sha for name, sha in found.items()}
        start = call.part("ref")
        return paged(call, [self._ref(call, repo, ref, sha) for ref, sha in refs.items() if ref.startswith(start)])

    def _ref(self, call: Call, repo: Repo, ref: str, sha: str) -> Json:
        return {
            "ref": f"refs/{ref}",
            "node_id": f"REF_{ref}",
            "url": f"{call.api}/repos/{repo.slug}/git/refs/{ref}",
            "object": {"type": "commit", "sha": sha, "url": f"{call.api}/repos/{repo.slug}/git/commits/{sha}"},
        }

    async def create_ref(self, call: Call) -> Answer:
        repo = self._repo(call)
        ref, wanted = call.text("ref"), call.text("sha")
        repository = self._world.repositories[repo.slug]
        if not ref.startswith("refs/heads/"):
            raise Refused(422, "Reference name must start with 'refs/heads/'.")
        sha = await repository.resolve(wanted)
        if sha is None:
            raise Refused(422, "Object does not exist")
        if not await repository.move(ref, sha, ""):
            raise Refused(422, "Reference already exists")
        await self._world.pushes.settle(repo.slug, call.actor.login)
        return Answer(self._ref(call, repo, ref.removeprefix("refs/"), sha), 201)

    async def update_ref(self, call: Call) -> Answer:
        repo = self._repo(call)
        repository = self._world.repositories[repo.slug]
        ref = call.part("ref")
        sha = await repository.resolve(call.text("sha"))
        old = await repository.resolve(f"refs/{ref}") if ref.startswith("heads/") else None
        if sha is None or old is None:
            raise Refused(422, "Reference does not exist" if old is None else "Object does not exist")
        if ref == f"heads/{repo.default_branch}" and call.actor.is_bot:
            raise Refused(422, "Changes must be made through a pull request.")
        if not call.body.get("force") and not await repository.is_ancestor(old, sha):
            raise Refused(422, "Update is not a fast forward")
        await repository.move(f"refs/{ref}", sha, old)
        await self._world.pushes.settle(repo.slug, call.actor.login)
        return Answer(self._ref(call, repo, ref, sha))

    async def delete_ref(self, call: Call) -> Answer:
        await self._world.pulls.delete_branch(call.slug, call.part("ref"), call.actor.login)
        return Answer(None, 204)

    async def commits(self, call: Call) -> Answer:
        repo = self._repo(call)
        start = await self._commit(repo, call.query("sha") or repo.default_branch)
        found = await self._world.repositories[repo.slug].commits(start.sha, newest_first=True)
        return paged(call, [shapes(call).commit(commit, repo.slug) for commit in found])

    async def commit(self, call: Call) -> Answer:
        repo = self._repo(call)
        commit = await self._commit(repo, call.part("sha"))
        repository = self._world.repositories[repo.slug]
        before = commit.parents[0] if commit.parents else EMPTY_TREE
        if wants(call, DIFF):
            return Answer(await repository.diff_text(before, commit.sha), content_type=f"{DIFF}")
        changes = await repository.changes(before, commit.sha)
        shape = shapes(call)
        stats = {"additions": sum(c.additions for c in changes), "deletions": sum(c.deletions for c in changes)}
        return Answer(
            {
                **shape.commit(commit, repo.slug),
                "stats": {**stats, "total": sum(stats.values())},
                "files": [shape.file(change, repo.slug, commit.sha) for change in changes],
            }
        )

    async def compare(self, call: Call) -> Answer:
        repo = self._repo(call)
        base_name, dots, head_name = call.part("range").partition("...")
        if not dots:
            raise not_found()
        repository = self._world.repositories[repo.slug]
        base, head = await self._commit(repo, base_name), await self._commit(repo, head_name)
        merge_base = await repository.merge_base(base.sha, head.sha)
        if merge_base is None:
            raise Refused(404, f"No common ancestor between {base_name} and {head_name}.")
        if wants(call, DIFF):
            return Answer(await repository.diff_text(merge_base, head.sha), content_type=DIFF)
        ahead, behind = await repository.ahead_behind(base.sha, head.sha)
        commits = await repository.commits(head.sha, f"^{base.sha}")
        shape = shapes(call)
        return Answer(
            {
                "url": f"{call.api}/repos/{repo.slug}/compare/{base_name}...{head_name}",
                "html_url": f"{self._world.addresses.repo(repo.slug)}/compare/{base_name}...{head_name}",
                "status": compare_status(ahead, behind),
                "ahead_by": ahead,
                "behind_by": behind,
                "total_commits": ahead,
                "base_commit": shape.commit(base, repo.slug),
                "merge_base_commit": shape.commit(await self._commit(repo, merge_base), repo.slug),
                "commits": [shape.commit(commit, repo.slug) for commit in commits],
                "files": [
                    shape.file(change, repo.slug, head.sha) for change in await repository.changes(merge_base, head.sha)
                ],
            }
        )

    async def contents(self, call: Call) -> Answer:
        repo = self._repo(call)
        path = call.part("path")
        commit = await self._commit(repo, call.query("ref") or repo.default_branch)
        content = await self._world.repositories[repo.slug].read(commit.sha, path)
        if content is None:
            raise not_found()
        if wants(call, _RAW):
            return Answer(content.decode("utf-8", "replace"), content_type=_RAW)
        return Answer(
            {
                "type": "file",
                "encoding": "base64",
                "size": len(content),
                "name": path.rpartition("/")[2],
                "path": path,
                "sha": commit.sha,
                "url": f"{call.api}/repos/{repo.slug}/contents/{path}?ref={commit.sha}",
                "content": base64.encodebytes(content).decode(),
            }
        )

    async def _commit(self, repo: Repo, rev: str) -> Commit:
        repository = self._world.repositories[repo.slug]
        name = rev.removeprefix(f"{repo.owner}:")
        commit = await repository.commit(f"refs/heads/{name}") or await repository.commit(name)
        if commit is None:
            raise Refused(422, f"No commit found for SHA: {rev}") if len(rev) == 40 else not_found()
        return commit

    def _repo(self, call: Call) -> Repo:
        return self._world.pulls.repo(call.slug)


def compare_status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"


def add_routes(app: web.Application, doorway: Doorway, world: GitHubWorld, api: str) -> None:
    calls = RepositoryCalls(world)
    repo = f"{api}/repos/{{owner}}/{{name}}"
    app.add_routes(
        [
            web.get(f"{api}/user", doorway.rest(calls.user), allow_head=False),
            web.get(f"{api}/rate_limit", doorway.rest(calls.rate_limit), allow_head=False),
            web.get(f"{api}/meta", doorway.rest(calls.meta), allow_head=False),
            web.get(repo, doorway.rest(calls.repo), allow_head=False),
            web.get(f"{repo}/branches", doorway.rest(calls.branches), allow_head=False),
            web.get(f"{repo}/branches/{{branch:.+}}", doorway.rest(calls.branch), allow_head=False),
            web.get(f"{repo}/git/ref/{{ref:.+}}", doorway.rest(calls.ref), allow_head=False),
            web.get(f"{repo}/git/matching-refs/{{ref:.*}}", doorway.rest(calls.matching_refs), allow_head=False),
            web.post(f"{repo}/git/refs", doorway.rest(calls.create_ref)),
            web.get(f"{repo}/git/refs/{{ref:.+}}", doorway.rest(calls.ref), allow_head=False),
            web.patch(f"{repo}/git/refs/{{ref:.+}}", doorway.rest(calls.update_ref)),
            web.delete(f"{repo}/git/refs/{{ref:.+}}", doorway.rest(calls.delete_ref)),
            web.get(f"{repo}/compare/{{range:.+}}", doorway.rest(calls.compare), allow_head=False),
            web.get(f"{repo}/contents/{{path:.+}}", doorway.rest(calls.contents), allow_head=False),
            web.get(f"{repo}/commits", doorway.rest(calls.commits), allow_head=False),
        ]
    )


def add_late_routes(app: web.Application, doorway: Doorway, world: GitHubWorld, api: str) -> None:
    """Routes whose pattern would swallow others."""
    calls = RepositoryCalls(world)
    commit = f"{api}/repos/{{owner}}/{{name}}/commits/{{sha:.+}}"
    app.add_routes([web.get(commit, doorway.rest(calls.commit), allow_head=False)])
