"""GraphQL mutations: they end in the same verbs as REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLResolveInfo

from integrations.playground.github.checks import merge_state, rollup
from integrations.playground.github.graphql_repository import asking
from integrations.playground.github.people import account
from integrations.playground.github.pull_requests import Opening
from integrations.playground.github.records import Comment, Pull, Repo, Thread, read_node_id
from integrations.playground.github.refusal import Refused, forbidden, not_found
from integrations.playground.github.reviews import Remark
from integrations.playground.github.store import R

Info = GraphQLResolveInfo
Input = Mapping[str, Any]


def _named(info: Info, kind: type[R], id: str) -> R:
    known = read_node_id(id)
    found = asking(info).world.store.get(kind, known[1]) if known and known[0] is kind else None
    if found is None:
        raise not_found(f"Could not resolve to a node with the global id of '{id}'")
    return found


def _pull(info: Info, input: Input) -> Pull:
    return _named(info, Pull, input["pullRequestId"])


def _answer(input: Input, **more: Any) -> dict[str, Any]:
    return {"clientMutationId": input.get("clientMutationId"), **more}


async def add_review(_: Any, info: Info, input: Input) -> dict[str, Any]:
    if input.get("comments"):
        raise Refused(422, "`position` is closing down and not understood here: use `threads` with lines")
    if not input.get("event"):
        raise Refused(422, "Pending reviews are not kept here: give an `event`")
    ask = asking(info)
    remarks = [
        Remark(entry["path"], entry["line"], entry["body"], entry.get("side") or "RIGHT", entry.get("startLine") or 0)
        for entry in input.get("threads") or []
    ]
    review = await ask.world.reviews.create(
        _pull(info, input),
        ask.actor.login,
        input["event"],
        input.get("body") or "",
        commit=input.get("commitOID") or "",
        remarks=remarks,
    )
    return _answer(input, pullRequestReview=review)


def add_comment(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    pull = _named(info, Pull, input["subjectId"])
    comment = ask.world.pulls.comment(pull, ask.actor.login, input["body"])
    return _answer(input, subject=pull, commentEdge={"cursor": str(comment.id), "node": comment})


def resolve_thread(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    return _answer(input, thread=ask.world.reviews.resolve(_named(info, Thread, input["threadId"]), ask.actor.login))


def unresolve_thread(_: Any, info: Info, input: Input) -> dict[str, Any]:
    return _answer(input, thread=asking(info).world.reviews.unresolve(_named(info, Thread, input["threadId"])))


def reply_in_thread(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    thread = _named(info, Thread, input["pullRequestReviewThreadId"])
    return _answer(input, comment=ask.world.reviews.reply(thread, ask.actor.login, input["body"]))


def enable_auto_merge(_: Any, info: Info, input: Input) -> dict[str, Any]:
    """Refused where GitHub refuses it: not allowed in the repository, or nothing left to wait for."""
    ask = asking(info)
    pull = _pull(info, input)
    repo = ask.world.pulls.repo(pull.slug)
    if not repo.auto_merge:
        raise Refused(422, "Auto merge is not allowed for this repository")
    state = merge_state(pull, repo, rollup(ask.world.store, pull.slug, pull.head_sha))
    if not pull.is_open or state in ("CLEAN", "UNSTABLE"):
        raise Refused(422, f"Pull request is in {state.lower()} status")
    if input.get("expectedHeadOid") not in (None, pull.head_sha):
        raise Refused(422, "Head sha didn't match expected value")
    pull = ask.world.store.change(
        pull,
        auto_merge_by=ask.actor.login,
        auto_merge_at=ask.world.clock(),
        auto_merge_method=input.get("mergeMethod") or "MERGE",
    )
    return _answer(input, actor=ask.actor, pullRequest=pull)


def disable_auto_merge(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    pull = ask.world.store.change(_pull(info, input), auto_merge_by="", auto_merge_method="")
    return _answer(input, actor=ask.actor, pullRequest=pull)


async def update_branch(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    if input.get("updateMethod") == "REBASE":
        raise Refused(422, "Rebasing the branch is not possible here: use MERGE")
    expected = input.get("expectedHeadOid") or ""
    return _answer(
        input, pullRequest=await ask.world.pulls.update_branch(_pull(info, input), ask.actor.login, expected)
    )


async def open_pull(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    repo = _named(info, Repo, input["repositoryId"])
    wish = Opening(
        input["headRefName"],
        input["baseRefName"],
        input["title"],
        input.get("body") or "",
        bool(input.get("draft")),
    )
    return _answer(input, pullRequest=await ask.world.pulls.open(repo.slug, wish, ask.actor.login))


def close_pull(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    return _answer(input, pullRequest=ask.world.pulls.close(_pull(info, input), ask.actor.login))


async def reopen_pull(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    return _answer(input, pullRequest=await ask.world.pulls.reopen(_pull(info, input), ask.actor.login))


async def merge_pull(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    pull = await ask.world.pulls.merge(
        _pull(info, input),
        ask.actor.login,
        expected_head=input.get("expectedHeadOid") or "",
        title=input.get("commitHeadline") or "",
        message=input.get("commitBody") or "",
        method=(input.get("mergeMethod") or "MERGE").lower(),
    )
    return _answer(input, actor=account(pull.merged_by), pullRequest=pull)


def to_draft(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    return _answer(input, pullRequest=ask.world.pulls.set_draft(_pull(info, input), True, ask.actor.login))


def ready_for_review(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    return _answer(input, pullRequest=ask.world.pulls.set_draft(_pull(info, input), False, ask.actor.login))


def minimize(_: Any, info: Info, input: Input) -> dict[str, Any]:
    ask = asking(info)
    comment = _named(info, Comment, input["subjectId"])
    if comment.author != ask.actor.login:
        raise forbidden("You do not have permission to minimize this comment.")
    comment = ask.world.store.change(comment, minimized=input["classifier"].lower().replace("_", "-"))
    return _answer(input, minimizedComment=comment)


FIELDS: dict[str, dict[str, Any]] = {
    "Mutation": {
        "addComment": add_comment,
        "addPullRequestReview": add_review,
        "addPullRequestReviewThreadReply": reply_in_thread,
        "closePullRequest": close_pull,
        "convertPullRequestToDraft": to_draft,
        "createPullRequest": open_pull,
        "disablePullRequestAutoMerge": disable_auto_merge,
        "enablePullRequestAutoMerge": enable_auto_merge,
        "markPullRequestReadyForReview": ready_for_review,
        "mergePullRequest": merge_pull,
        "minimizeComment": minimize,
        "reopenPullRequest": reopen_pull,
        "resolveReviewThread": resolve_thread,
        "unresolveReviewThread": unresolve_thread,
        "updatePullRequestBranch": update_branch,
    }
}
