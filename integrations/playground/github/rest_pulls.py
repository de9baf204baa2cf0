"""REST: pull requests, their comments, reviews, files and the merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from integrations.playground.github.checks import merge_state, rollup
from integrations.playground.github.doorway import Answer, Call, Doorway
from integrations.playground.github.pull_requests import Opening
from integrations.playground.github.records import Comment, Happening, Pull, Review, Thread, ThreadComment
from integrations.playground.github.refusal import Refused, invalid, not_found
from integrations.playground.github.rest_repositories import DIFF, paged, shapes, wants
from integrations.playground.github.reviews import Remark
from integrations.playground.github.shapes import Json
from integrations.playground.github.world import GitHubWorld

_MERGEABLE = {"MERGEABLE": True, "CONFLICTING": False, "UNKNOWN": None}


class PullCalls:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world
        self._store = world.store

    async def list_pulls(self, call: Call) -> Answer:
        repo = self._world.pulls.repo(call.slug)
        state = call.query("state", "open")
        head_owner, _, head = call.query("head").rpartition(":")
        base = call.query("base")
        order = f"{'updated_at' if call.query('sort') == 'updated' else 'number'} {_direction(call)}"
        found = [
            pull
            for pull in self._store.all(Pull, "slug=?", repo.slug, order=order)
            if state in ("all", pull.state)
            and (not head or (pull.head_branch == head and head_owner in ("", repo.owner)))
            and base in ("", pull.base_branch)
        ]
        return paged(call, [shapes(call).pull(pull, repo) for pull in found])

    async def open_pull(self, call: Call) -> Answer:
        for name in ("head", "base"):
            if not call.text(name):
                raise invalid("PullRequest", f"{name} is missing", field=name, code="missing_field")
        wish = Opening(
            call.text("head"), call.text("base"), call.text("title"), call.text("body"), bool(call.body.get("draft"))
        )
        pull = await self._world.pulls.open(call.slug, wish, call.actor.login)
        return Answer(await self._whole(call, pull), 201)

    async def get_pull(self, call: Call) -> Answer:
        pull = self._pull(call)
        if wants(call, DIFF):
            repository = self._world.repositories[pull.slug]
            return Answer(await repository.diff_text(pull.merge_base, pull.head_sha), content_type=DIFF)
        return Answer(await self._whole(call, pull))

    async def edit_pull(self, call: Call) -> Answer:
        pull, actor = self._pull(call), call.actor.login
        title, body, base = (call.text(name) if name in call.body else None for name in ("title", "body", "base"))
        pull = await self._world.pulls.edit(pull, actor, title=title, body=body, base=base)
        state = call.text("state")
        if state == "closed":
            pull = self._world.pulls.close(pull, actor)
        elif state == "open":
            pull = await self._world.pulls.reopen(pull, actor)
        elif state:
            raise invalid("PullRequest", f"{state} is not a valid state", field="state", code="invalid")
        return Answer(await self._whole(call, pull))

    async def files(self, call: Call) -> Answer:
        pull = self._pull(call)
        shape = shapes(call)
        changes = await self._world.pulls.files(pull)
        return paged(call, [shape.file(change, pull.slug, pull.head_sha) for change in changes])

    async def commits(self, call: Call) -> Answer:
        pull = self._pull(call)
        return paged(call, [shapes(call).commit(one, pull.slug) for one in await self._world.pulls.commits(pull)])

    async def is_merged(self, call: Call) -> Answer:
        if not self._pull(call).merged:
            raise not_found()
        return Answer(None, 204)

    async def merge(self, call: Call) -> Answer:
        pull = await self._world.pulls.merge(
            self._pull(call),
            call.actor.login,
            expected_head=call.text("sha"),
            title=call.text("commit_title"),
            message=call.text("commit_message"),
            method=call.text("merge_method") or "merge",
        )
        return Answer({"sha": pull.merge_sha, "merged": True, "message": "Pull Request successfully merged"})

    async def update_branch(self, call: Call) -> Answer:
        pull = self._pull(call)
        await self._world.pulls.update_branch(pull, call.actor.login, call.text("expected_head_sha"))
        url = f"{call.api}/repos/{pull.slug}/pulls/{pull.number}"
        return Answer({"message": "Updating pull request branch.", "url": url}, 202)

    async def comments(self, call: Call) -> Answer:
        pull = self._pull(call)
        shape = shapes(call)
        return paged(call, [shape.comment(one, pull) for one in self._store.all(Comment, "pull_id=?", pull.id)])

    async def add_comment(self, call: Call) -> Answer:
        pull = self._pull(call)
        return Answer(
            shapes(call).comment(self._world.pulls.comment(pull, call.actor.login, call.text("body")), pull), 201
        )

    async def comment(self, call: Call) -> Answer:
        return Answer(shapes(call).comment(*self._comment(call)))

    async def edit_comment(self, call: Call) -> Answer:
        comment, pull = self._comment(call)
        _only_own(call, comment.author)
        return Answer(shapes(call).comment(self._world.pulls.edit_comment(comment, call.text("body")), pull))

    async def delete_comment(self, call: Call) -> Answer:
        comment, _ = self._comment(call)
        _only_own(call, comment.author)
        self._store.remove(comment)
        return Answer(None, 204)

    async def labels(self, call: Call) -> Answer:
        pull = self._pull(call)
        wanted = call.body.get("labels", [])
        if not isinstance(wanted, list) or not all(isinstance(label, str) for label in wanted):
            raise invalid("Label", "labels is a list of names", field="labels", code="invalid")
        pull = self._store.change(pull, labels=tuple(dict.fromkeys([*pull.labels, *wanted])))
        return Answer([{"id": n, "name": label, "color": "ededed"} for n, label in enumerate(pull.labels, 1)])

    async def events(self, call: Call) -> Answer:
        pull = self._pull(call)
        shape = shapes(call)
        found = self._store.all(Happening, "pull_id=?", pull.id)
        return paged(call, [shape.happening(happening, pull.slug) for happening in found])

    async def reviews(self, call: Call) -> Answer:
        pull = self._pull(call)
        shape = shapes(call)
        return paged(call, [shape.review(one, pull) for one in self._store.all(Review, "pull_id=?", pull.id)])

    async def add_review(self, call: Call) -> Answer:
        pull = self._pull(call)
        review = await self._world.reviews.create(
            pull,
            call.actor.login,
            call.text("event"),
            call.text("body"),
            commit=call.text("commit_id"),
            remarks=[_remark(entry) for entry in call.body.get("comments") or []],
        )
        return Answer(shapes(call).review(review, pull))

    async def remarks(self, call: Call) -> Answer:
        pull = self._pull(call)
        threads = {thread.id: thread for thread in self._store.all(Thread, "pull_id=?", pull.id)}
        shape = shapes(call)
        found = self._store.all(ThreadComment, "pull_id=?", pull.id)
        return paged(call, [shape.remark(remark, threads[remark.thread_id], pull) for remark in found])

    async def add_remark(self, call: Call) -> Answer:
        pull = self._pull(call)
        answered = call.body.get("in_reply_to")
        if isinstance(answered, int):
            first = self._store.get(ThreadComment, answered)
            thread = self._store.get(Thread, first.thread_id) if first and first.pull_id == pull.id else None
            if thread is None:
                raise not_found()
            remark = self._world.reviews.reply(thread, call.actor.login, call.text("body"))
        else:
            review = await self._world.reviews.create(
                pull, call.actor.login, "COMMENT", "", commit=call.text("commit_id"), remarks=[_remark(call.body)]
            )
            found = self._store.first(ThreadComment, "review_id=?", review.id)
            assert found is not None
            remark = found
            thread = self._store.get(Thread, remark.thread_id)
            assert thread is not None
        return Answer(shapes(call).remark(remark, thread, pull), 201)

    async def reply(self, call: Call) -> Answer:
        """Reply through `/pulls/N/comments/ID/replies`."""
        pull = self._pull(call)
        first = self._store.get(ThreadComment, call.number("id"))
        thread = self._store.get(Thread, first.thread_id) if first and first.pull_id == pull.id else None
        if thread is None:
            raise not_found()
        remark = self._world.reviews.reply(thread, call.actor.login, call.text("body"))
        return Answer(shapes(call).remark(remark, thread, pull), 201)

    async def _whole(self, call: Call, pull: Pull) -> Json:
        repo = self._world.pulls.repo(pull.slug)
        changes = await self._world.pulls.files(pull)
        state = merge_state(pull, repo, rollup(self._store, pull.slug, pull.head_sha))
        more: Json = {
            "merged": pull.merged,
            "mergeable": _MERGEABLE[pull.mergeable] if pull.is_open else None,
            "mergeable_state": state.lower(),
            "rebaseable": False,
            "merged_by": shapes(call).user(pull.merged_by) if pull.merged_by else None,
            "comments": self._store.count(Comment, "pull_id=?", pull.id),
            "review_comments": self._store.count(ThreadComment, "pull_id=?", pull.id),
            "commits": len(await self._world.pulls.commits(pull)),
            "additions": sum(change.additions for change in changes),
            "deletions": sum(change.deletions for change in changes),
            "changed_files": len(changes),
            "maintainer_can_modify": False,
        }
        return shapes(call).pull(pull, repo, more=more)

    def _pull(self, call: Call) -> Pull:
        return self._world.pulls.find(call.slug, call.number())

    def _comment(self, call: Call) -> tuple[Comment, Pull]:
        comment = self._store.get(Comment, call.number("id"))
        pull = self._store.get(Pull, comment.pull_id) if comment else None
        if comment is None or pull is None or pull.slug.lower() != call.slug.lower():
            raise not_found()
        return comment, pull


def _direction(call: Call) -> str:
    """Newest first, unless the caller sorts by creation and says otherwise."""
    return "ASC" if call.query("direction", "desc") == "asc" else "DESC"


def _only_own(call: Call, author: str) -> None:
    if author != call.actor.login:
        raise Refused(403, "You do not have permission to change this comment.", kind="FORBIDDEN")


def _remark(entry: Mapping[str, Any]) -> Remark:
    line, start = entry.get("line"), entry.get("start_line")
    if not isinstance(entry.get("path"), str) or not isinstance(line, int):
        raise invalid("PullRequestReviewComment", "path and line are needed", field="line", code="missing_field")
    return Remark(
        str(entry["path"]),
        line,
        str(entry.get("body") or ""),
        str(entry.get("side") or "RIGHT"),
        start if isinstance(start, int) else 0,
    )


def add_routes(app: web.Application, doorway: Doorway, world: GitHubWorld, api: str) -> None:
    calls = PullCalls(world)
    repo = f"{api}/repos/{{owner}}/{{name}}"
    pull, issue = f"{repo}/pulls/{{number:\\d+}}", f"{repo}/issues/{{number:\\d+}}"
    comment = f"{repo}/issues/comments/{{id:\\d+}}"

    app.add_routes(
        [
            web.get(f"{repo}/pulls", doorway.rest(calls.list_pulls), allow_head=False),
            web.post(f"{repo}/pulls", doorway.rest(calls.open_pull)),
            web.get(pull, doorway.rest(calls.get_pull), allow_head=False),
            web.patch(pull, doorway.rest(calls.edit_pull)),
            web.get(f"{pull}/files", doorway.rest(calls.files), allow_head=False),
            web.get(f"{pull}/commits", doorway.rest(calls.commits), allow_head=False),
            web.get(f"{pull}/merge", doorway.rest(calls.is_merged), allow_head=False),
            web.put(f"{pull}/merge", doorway.rest(calls.merge)),
            web.put(f"{pull}/update-branch", doorway.rest(calls.update_branch)),
            web.get(f"{pull}/reviews", doorway.rest(calls.reviews), allow_head=False),
            web.post(f"{pull}/reviews", doorway.rest(calls.add_review)),
            web.get(f"{pull}/comments", doorway.rest(calls.remarks), allow_head=False),
            web.post(f"{pull}/comments", doorway.rest(calls.add_remark)),
            web.post(f"{pull}/comments/{{id:\\d+}}/replies", doorway.rest(calls.reply)),
            web.get(f"{issue}/comments", doorway.rest(calls.comments), allow_head=False),
            web.post(f"{issue}/comments", doorway.rest(calls.add_comment)),
            web.get(f"{issue}/events", doorway.rest(calls.events), allow_head=False),
            web.post(f"{issue}/labels", doorway.rest(calls.labels)),
            web.get(comment, doorway.rest(calls.comment), allow_head=False),
            web.patch(comment, doorway.rest(calls.edit_comment)),
            web.delete(comment, doorway.rest(calls.delete_comment)),
        ]
    )
