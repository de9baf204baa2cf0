"""GraphQL resolvers: the query root, repositories, branches and commits."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from integrations.playground.github.checks import rollup
from integrations.playground.github.graphql_values import (
    Asking,
    CommitRef,
    Connection,
    Owner,
    RefView,
    RequiredChecks,
    ReviewRule,
    RollupView,
    connection,
    record_id,
)
from integrations.playground.github.limits import GRAPHQL
from integrations.playground.github.people import account
from integrations.playground.github.records import Branch, Pull, Repo, read_node_id
from integrations.playground.github.refusal import Refused, not_found
from integrations.playground.github.repositories import Commit
from integrations.playground.github.rest_repositories import compare_status
from integrations.playground.github.shapes import moment

Info = GraphQLResolveInfo


def asking(info: Info) -> Asking:
    context: Asking = info.context
    return context


def node(_: Any, info: Info, id: str) -> Any:
    found = _behind(info, id)
    if isinstance(found, GraphQLError):
        raise found
    return found


def nodes(_: Any, info: Info, ids: list[str]) -> list[Any]:
    """Records by id. An unknown one is null in its own place, with an error of its own, beside the others."""
    return [_behind(info, id) for id in ids]


def _behind(info: Info, id: str) -> Any:
    known = read_node_id(id)
    found = asking(info).world.store.get(known[0], known[1]) if known else None
    if found is None:
        return GraphQLError(
            f"Could not resolve to a node with the global id of '{id}'.", extensions={"type": "NOT_FOUND"}
        )
    return found


def rate_limit(_: Any, info: Info, **__: Any) -> dict[str, Any]:
    ask = asking(info)
    bucket = ask.world.limits.bucket(GRAPHQL)
    return {
        "cost": ask.cost,
        "nodeCount": ask.nodes,
        "limit": bucket.limit,
        "remaining": bucket.remaining,
        "used": bucket.used,
        "resetAt": moment(bucket.reset),
    }


def repository(_: Any, info: Info, owner: str, name: str, **__: Any) -> Repo:
    try:
        return asking(info).world.pulls.repo(f"{owner}/{name}")
    except Refused:
        raise not_found(f"Could not resolve to a Repository with the name '{owner}/{name}'.") from None


def pull_request(repo: Repo, info: Info, number: int) -> Pull:
    try:
        return asking(info).world.pulls.find(repo.slug, number)
    except Refused:
        raise not_found(f"Could not resolve to a PullRequest with the number of {number}.") from None


def pull_requests(
    repo: Repo,
    info: Info,
    *,
    states: list[str] | None = None,
    headRefName: str | None = None,
    baseRefName: str | None = None,
    orderBy: dict[str, str] | None = None,
    labels: list[str] | None = None,
    **page: Any,
) -> Connection:
    order = orderBy or {"field": "CREATED_AT", "direction": "ASC"}
    column = "updated_at" if order["field"] == "UPDATED_AT" else "number"
    found = [
        pull
        for pull in asking(info).world.store.all(Pull, "slug=?", repo.slug, order=f"{column} {order['direction']}")
        if (states is None or state_of(pull) in states)
        and headRefName in (None, pull.head_branch)
        and baseRefName in (None, pull.base_branch)
        and (labels is None or set(labels) & set(pull.labels))
    ]
    return connection(found, **page)


def state_of(pull: Pull, _info: Info | None = None) -> str:
    return "MERGED" if pull.merged else pull.state.upper()


def branch(info: Info, repo: Repo, name: str) -> RefView | None:
    found = asking(info).world.store.first(Branch, "slug=? AND name=?", repo.slug, name)
    return RefView(repo, name, found.sha) if found else None


def ref(repo: Repo, info: Info, qualifiedName: str) -> RefView | None:
    return branch(info, repo, qualifiedName.removeprefix("refs/heads/"))


async def git_object(repo: Repo, info: Info, expression: str | None = None, oid: str | None = None) -> CommitRef | None:
    sha = await asking(info).world.repositories[repo.slug].resolve(oid or expression or "")
    return CommitRef(repo.slug, sha) if sha else None


async def compare(view: RefView, info: Info, headRef: str) -> dict[str, Any] | None:
    repository = asking(info).world.repositories[view.repo.slug]
    head = await repository.resolve(f"refs/heads/{headRef}") or await repository.resolve(headRef)
    if head is None:
        return None
    ahead, behind = await repository.ahead_behind(view.sha, head)
    return {"aheadBy": ahead, "behindBy": behind, "status": compare_status(ahead, behind).upper()}


def update_rule(view: RefView, _info: Info) -> dict[str, Any] | None:
    """What a pusher must know. `branchProtectionRule` is null: the bot is no administrator, as in real life."""
    if not view.is_protected:
        return None
    return {
        "requiredStatusCheckContexts": list(view.repo.required),
        "requiredApprovingReviewCount": None,
        "requiresConversationResolution": False,
        "requiresLinearHistory": False,
        "requiresCodeOwnerReviews": False,
        "viewerCanPush": False,
    }


def rules(view: RefView, _info: Info, **page: Any) -> Connection:
    found: list[dict[str, Any]] = []
    if view.is_protected:
        ruleset = {"name": "main is protected", "enforcement": "ACTIVE"}
        found = [{"type": "PULL_REQUEST", "repositoryRuleset": ruleset, "parameters": ReviewRule()}]
        if view.repo.required:
            checks = RequiredChecks(view.repo.required)
            found.append({"type": "REQUIRED_STATUS_CHECKS", "repositoryRuleset": ruleset, "parameters": checks})
    return connection(found, **page)


def rollup_of(info: Info, slug: str, sha: str) -> RollupView | None:
    found = rollup(asking(info).world.store, slug, sha)
    return RollupView(slug, sha, found) if found else None


async def whole(commit: CommitRef, info: Info) -> Commit:
    found = await asking(info).world.repositories[commit.slug].commit(commit.sha)
    if found is None:
        raise not_found(f"Could not resolve to a Commit with the oid of '{commit.sha}'.")
    return found


def _of_commit(read: Any) -> Any:
    async def resolver(commit: CommitRef, info: Info, **page: Any) -> Any:
        return read(await whole(commit, info), commit, page)

    return resolver


async def _lines(commit: CommitRef, info: Info) -> tuple[int, int, int]:
    found = await whole(commit, info)
    if not found.parents:
        return 0, 0, 0
    changes = await asking(info).world.repositories[commit.slug].changes(found.parents[0], found.sha)
    return sum(c.additions for c in changes), sum(c.deletions for c in changes), len(changes)


def _line_count(position: int) -> Any:
    async def resolver(commit: CommitRef, info: Info) -> int:
        return (await _lines(commit, info))[position]

    return resolver


def _branches_pulls(view: RefView, info: Info, **args: Any) -> Connection:
    return pull_requests(view.repo, info, **{**args, "headRefName": view.name})


FIELDS: dict[str, dict[str, Any]] = {
    "Query": {
        "node": node,
        "nodes": nodes,
        "rateLimit": rate_limit,
        "repository": repository,
        "viewer": lambda _, info: asking(info).actor,
    },
    "Repository": {
        "id": record_id,
        "databaseId": lambda repo, info: repo.id,
        "nameWithOwner": lambda repo, info: repo.slug,
        "owner": lambda repo, info: Owner(repo.owner),
        "url": lambda repo, info: asking(info).world.addresses.repo(repo.slug),
        "createdAt": lambda repo, info: moment(repo.created_at),
        "isPrivate": lambda repo, info: repo.private,
        "isArchived": lambda repo, info: False,
        "isDisabled": lambda repo, info: False,
        "isFork": lambda repo, info: False,
        "isEmpty": lambda repo, info: not asking(info).world.store.count(Branch, "slug=?", repo.slug),
        "viewerPermission": lambda repo, info: "WRITE",
        "viewerCanAdminister": lambda repo, info: False,
        "autoMergeAllowed": lambda repo, info: repo.auto_merge,
        "deleteBranchOnMerge": lambda repo, info: False,
        "mergeCommitAllowed": lambda repo, info: True,
        "squashMergeAllowed": lambda repo, info: True,
        "rebaseMergeAllowed": lambda repo, info: False,
        "defaultBranchRef": lambda repo, info: branch(info, repo, repo.default_branch),
        "ref": ref,
        "object": git_object,
        "pullRequest": pull_request,
        "pullRequests": pull_requests,
    },
    "Ref": {
        "prefix": lambda view, info: "refs/heads/",
        "target": lambda view, info: CommitRef(view.repo.slug, view.sha),
        "compare": compare,
        "refUpdateRule": update_rule,
        "branchProtectionRule": lambda view, info: None,
        "rules": rules,
        "associatedPullRequests": _branches_pulls,
    },
    "RequiredStatusChecksParameters": {
        "strictRequiredStatusChecksPolicy": lambda rule, info: False,
        "requiredStatusChecks": lambda rule, info: [
            {"context": context, "integrationId": None} for context in rule.contexts
        ],
    },
    "PullRequestParameters": {
        "requiredApprovingReviewCount": lambda rule, info: 0,
        "requiredReviewThreadResolution": lambda rule, info: False,
        "requireCodeOwnerReview": lambda rule, info: False,
        "dismissStaleReviewsOnPush": lambda rule, info: False,
        "requireLastPushApproval": lambda rule, info: False,
    },
    "Commit": {
        "url": lambda commit, info: asking(info).world.addresses.commit(commit.slug, commit.sha),
        "statusCheckRollup": lambda commit, info: rollup_of(info, commit.slug, commit.sha),
        "message": _of_commit(lambda found, commit, page: found.message),
        "messageHeadline": _of_commit(lambda found, commit, page: found.subject),
        "authoredDate": _of_commit(lambda found, commit, page: moment(found.authored_at)),
        "committedDate": _of_commit(lambda found, commit, page: moment(found.committed_at)),
        "parents": _of_commit(
            lambda found, commit, page: connection([CommitRef(commit.slug, sha) for sha in found.parents], **page)
        ),
        "author": _of_commit(
            lambda found, commit, page: {
                "name": found.author,
                "email": found.author_email,
                "date": moment(found.authored_at),
                "user": account(found.author),
            }
        ),
        "additions": _line_count(0),
        "deletions": _line_count(1),
        "changedFilesIfAvailable": _line_count(2),
    },
    "Organization": {"url": lambda owner, info: asking(info).world.addresses.user(owner.login)},
    "User": {
        "id": lambda who, info: f"U_{who.id}",
        "databaseId": lambda who, info: who.id,
        "url": lambda who, info: asking(info).world.addresses.user(who.login),
    },
    "Bot": {
        "id": lambda who, info: f"BOT_{who.id}",
        "databaseId": lambda who, info: who.id,
        "url": lambda who, info: asking(info).world.addresses.user(who.login),
    },
}
