"""GraphQL resolvers: pull requests with their comments, reviews, threads and timeline."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLResolveInfo

from integrations.playground.github.checks import merge_state, rollup
from integrations.playground.github.graphql_repository import asking, branch, rollup_of, state_of
from integrations.playground.github.graphql_values import (
    EVENTS,
    CommitRef,
    Connection,
    FileView,
    Owner,
    connection,
    label,
    record_id,
)
from integrations.playground.github.people import account, association
from integrations.playground.github.records import (
    Branch,
    Comment,
    Happening,
    Pull,
    Record,
    Repo,
    Review,
    Thread,
    ThreadComment,
)
from integrations.playground.github.shapes import moment
from integrations.playground.github.store import R

Info = GraphQLResolveInfo

_ITEM_TYPES = {
    **{kind: "".join(f"_{c}" if c.isupper() else c.upper() for c in name)[1:] for kind, name in EVENTS.items()},
    "comment": "ISSUE_COMMENT",
    "review": "PULL_REQUEST_REVIEW",
}
_CHANGE_TYPES = {"added": "ADDED", "removed": "DELETED", "renamed": "RENAMED"}


def _repo(pull: Pull, info: Info) -> Repo:
    return asking(info).world.pulls.repo(pull.slug)


def _pull(record: Comment | Review | Thread | ThreadComment | Happening, info: Info) -> Pull:
    return _get(info, Pull, record.pull_id)


def _get(info: Info, kind: type[R], number: int) -> R:
    found = asking(info).world.store.get(kind, number)
    assert found is not None, "rows are never removed while others point at them"
    return found


def _all(kind: type[Record]) -> Any:
    def resolver(pull: Pull, info: Info, states: list[str] | None = None, **page: Any) -> Connection:
        found = asking(info).world.store.all(kind, "pull_id=?", pull.id)
        if states is not None:
            found = [record for record in found if isinstance(record, Review) and record.state in states]
        return connection(found, **page)

    return resolver


def _latest_reviews(pull: Pull, info: Info, **page: Any) -> Connection:
    newest = {review.author: review for review in asking(info).world.store.all(Review, "pull_id=?", pull.id)}
    return connection(list(newest.values()), **page)


def _comment_total(pull: Pull, info: Info) -> int:
    store = asking(info).world.store
    return store.count(Comment, "pull_id=?", pull.id) + store.count(ThreadComment, "pull_id=?", pull.id)


def _merge_state(pull: Pull, info: Info) -> str:
    return merge_state(pull, _repo(pull, info), rollup(asking(info).world.store, pull.slug, pull.head_sha))


def _is_behind(pull: Pull, info: Info) -> bool:
    base = asking(info).world.store.first(Branch, "slug=? AND name=?", pull.slug, pull.base_branch)
    return pull.is_open and base is not None and base.sha != pull.merge_base


async def _files(pull: Pull, info: Info, **page: Any) -> Connection:
    changes = await asking(info).world.pulls.files(pull)
    return connection([FileView(change) for change in changes], **page)


def _file_sum(name: str) -> Any:
    async def resolver(pull: Pull, info: Info) -> int:
        return sum(getattr(change, name) for change in await asking(info).world.pulls.files(pull))

    return resolver


async def _file_count(pull: Pull, info: Info) -> int:
    return len(await asking(info).world.pulls.files(pull))


async def _commits(pull: Pull, info: Info, **page: Any) -> Connection:
    found = await asking(info).world.pulls.commits(pull)
    return connection([{"id": f"PRC_{one.sha}", "commit": CommitRef(pull.slug, one.sha)} for one in found], **page)


def _timeline(pull: Pull, info: Info, itemTypes: list[str] | None = None, **page: Any) -> Connection:
    store = asking(info).world.store
    items: list[tuple[float, str, Any]] = [
        (one.created_at, one.kind, one) for one in store.all(Happening, "pull_id=?", pull.id) if one.kind in EVENTS
    ]
    items += [(one.created_at, "comment", one) for one in store.all(Comment, "pull_id=?", pull.id)]
    items += [(one.submitted_at, "review", one) for one in store.all(Review, "pull_id=?", pull.id)]
    wanted = [entry for entry in items if itemTypes is None or _ITEM_TYPES[entry[1]] in itemTypes]
    return connection([entry[2] for entry in sorted(wanted, key=lambda entry: entry[0])], **page)


def _auto_merge(pull: Pull, _info: Info) -> dict[str, Any] | None:
    if not pull.auto_merge_by:
        return None
    return {"enabledAt": moment(pull.auto_merge_at), "mergeMethod": pull.auto_merge_method}


def _thread_comments(thread: Thread, info: Info, **page: Any) -> Connection:
    return connection(asking(info).world.store.all(ThreadComment, "thread_id=?", thread.id), **page)


def _review_comments(review: Review, info: Info, **page: Any) -> Connection:
    return connection(asking(info).world.store.all(ThreadComment, "review_id=?", review.id), **page)


def _commit(name: str) -> Any:
    def resolver(record: Any, info: Info) -> CommitRef | None:
        sha = getattr(record, name)
        slug = record.slug if isinstance(record, Pull) else _pull(record, info).slug
        return CommitRef(slug, sha) if sha else None

    return resolver


def _reply_to(remark: ThreadComment, info: Info) -> ThreadComment | None:
    return _get(info, ThreadComment, remark.in_reply_to) if remark.in_reply_to else None


def _thread(remark: ThreadComment, info: Info) -> Thread:
    return _get(info, Thread, remark.thread_id)


def _time(name: str) -> Any:
    return lambda record, info: moment(getattr(record, name))


def _who(name: str) -> Any:
    def resolver(record: Any, _info: Info) -> Any:
        login = getattr(record, name)
        return account(login) if login else None

    return resolver


_SAID = {
    "id": record_id,
    "databaseId": lambda record, info: record.id,
    "fullDatabaseId": lambda record, info: str(record.id),
    "author": _who("author"),
    "authorAssociation": lambda record, info: association(record.author),
}
_EVENT = {"id": record_id, "createdAt": _time("created_at"), "actor": _who("actor")}

FIELDS: dict[str, dict[str, Any]] = {
    "PullRequest": {
        **_SAID,
        "url": lambda pull, info: asking(info).world.addresses.pull(pull),
        "permalink": lambda pull, info: asking(info).world.addresses.pull(pull),
        "state": state_of,
        "isDraft": lambda pull, info: pull.draft,
        "closed": lambda pull, info: not pull.is_open,
        "createdAt": _time("created_at"),
        "updatedAt": _time("updated_at"),
        "lastEditedAt": lambda pull, info: None,
        "closedAt": _time("closed_at"),
        "mergedAt": _time("merged_at"),
        "mergedBy": _who("merged_by"),
        "mergeCommit": lambda pull, info: CommitRef(pull.slug, pull.merge_sha) if pull.merged else None,
        "mergeStateStatus": _merge_state,
        "reviewDecision": lambda pull, info: asking(info).world.reviews.decision(pull),
        "headRefName": lambda pull, info: pull.head_branch,
        "headRefOid": lambda pull, info: pull.head_sha,
        "headRef": lambda pull, info: branch(info, _repo(pull, info), pull.head_branch),
        "headRepository": _repo,
        "headRepositoryOwner": lambda pull, info: Owner(_repo(pull, info).owner),
        "baseRefName": lambda pull, info: pull.base_branch,
        "baseRefOid": lambda pull, info: pull.base_sha,
        "baseRef": lambda pull, info: branch(info, _repo(pull, info), pull.base_branch),
        "baseRepository": _repo,
        "repository": _repo,
        "isCrossRepository": lambda pull, info: False,
        "maintainerCanModify": lambda pull, info: False,
        "viewerCanUpdateBranch": _is_behind,
        "viewerDidAuthor": lambda pull, info: asking(info).actor.login == pull.author,
        "labels": lambda pull, info, **page: connection([label(name) for name in pull.labels], **page),
        "comments": _all(Comment),
        "reviews": _all(Review),
        "reviewThreads": _all(Thread),
        "latestReviews": _latest_reviews,
        "latestOpinionatedReviews": lambda pull, info, **page: connection(
            asking(info).world.reviews.opinions(pull), **page
        ),
        "totalCommentsCount": _comment_total,
        "commits": _commits,
        "files": _files,
        "additions": _file_sum("additions"),
        "deletions": _file_sum("deletions"),
        "changedFiles": _file_count,
        "timelineItems": _timeline,
        "statusCheckRollup": lambda pull, info: rollup_of(info, pull.slug, pull.head_sha),
        "autoMergeRequest": _auto_merge,
        "mergeQueueEntry": lambda pull, info: None,
    },
    "PullRequestChangedFile": {
        "path": lambda view, info: view.change.path,
        "additions": lambda view, info: view.change.additions,
        "deletions": lambda view, info: view.change.deletions,
        "changeType": lambda view, info: _CHANGE_TYPES.get(view.change.status, "MODIFIED"),
    },
    "IssueComment": {
        **_SAID,
        "createdAt": _time("created_at"),
        "updatedAt": _time("updated_at"),
        "lastEditedAt": lambda c, info: moment(c.updated_at) if c.updated_at != c.created_at else None,
        "isMinimized": lambda comment, info: bool(comment.minimized),
        "minimizedReason": lambda comment, info: comment.minimized or None,
        "url": lambda comment, info: asking(info).world.addresses.comment(_pull(comment, info), comment),
    },
    "PullRequestReview": {
        **_SAID,
        "createdAt": _time("submitted_at"),
        "submittedAt": _time("submitted_at"),
        "authorCanPushToRepository": lambda review, info: True,
        "commit": _commit("commit_sha"),
        "comments": _review_comments,
        "url": lambda review, info: asking(info).world.addresses.review(_pull(review, info), review),
    },
    "PullRequestReviewThread": {
        "id": record_id,
        "isResolved": lambda thread, info: bool(thread.resolved_by),
        "isOutdated": lambda thread, info: thread.outdated,
        "line": lambda thread, info: thread.line or None,
        "startLine": lambda thread, info: thread.start_line or None,
        "diffSide": lambda thread, info: thread.side,
        "subjectType": lambda thread, info: "LINE",
        "resolvedBy": _who("resolved_by"),
        "viewerCanResolve": lambda thread, info: not thread.resolved_by,
        "comments": _thread_comments,
    },
    "PullRequestReviewComment": {
        **_SAID,
        "createdAt": _time("created_at"),
        "updatedAt": _time("updated_at"),
        "path": lambda remark, info: _thread(remark, info).path,
        "line": lambda remark, info: _thread(remark, info).line or None,
        "originalCommit": _commit("commit_sha"),
        "originalLine": lambda remark, info: _thread(remark, info).original_line,
        "outdated": lambda remark, info: _thread(remark, info).outdated,
        "isMinimized": lambda remark, info: False,
        "minimizedReason": lambda remark, info: None,
        "replyTo": _reply_to,
        "pullRequestReview": lambda remark, info: _get(info, Review, remark.review_id),
        "commit": _commit("commit_sha"),
        "url": lambda remark, info: asking(info).world.addresses.remark(_pull(remark, info), remark),
    },
    **dict.fromkeys(EVENTS.values(), _EVENT),
    "MergedEvent": {
        **_EVENT,
        "commit": _commit("after_sha"),
        "mergeRefName": lambda event, info: _pull(event, info).base_branch,
    },
    "HeadRefForcePushedEvent": {
        **_EVENT,
        "beforeCommit": _commit("before_sha"),
        "afterCommit": _commit("after_sha"),
    },
    "HeadRefDeletedEvent": {**_EVENT, "headRefName": lambda event, info: _pull(event, info).head_branch},
    "AutoMergeDisabledEvent": {
        "createdAt": _time("created_at"),
        "reason": lambda event, info: None,
        "reasonCode": lambda event, info: None,
    },
}
