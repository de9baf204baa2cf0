"""GraphQL: what Waggle asks is executed, partial failures are partial, and paging and price follow GitHub's rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playground_github_world import SLUG, TOKEN, Host, running, settled

TINY = '{ repository(owner: "acme", name: "tiny") { %s } }'

LIGHT = """
query Light($ids: [ID!]!) {
  rateLimit { cost limit remaining used resetAt nodeCount }
  nodes(ids: $ids) { __typename ... on PullRequest {
      id number url state isDraft merged mergedAt closedAt updatedAt mergeable mergeStateStatus reviewDecision
      headRefName headRefOid baseRefName baseRefOid
      autoMergeRequest { enabledAt } mergeQueueEntry { state position }
      totalCommentsCount reviews { totalCount } reviewThreads { totalCount }
      labels(first: 20) { nodes { name } }
      statusCheckRollup { state contexts {
        totalCount checkRunCountsByState { state count } statusContextCountsByState { state count } } } } } }
"""

MEDIUM = """
query Medium($ids: [ID!]!) {
  nodes(ids: $ids) { ... on PullRequest {
      title body author { login __typename } mergedBy { login __typename } mergeCommit { oid }
      viewerCanUpdateBranch repository { nameWithOwner }
      latestOpinionatedReviews(first: 20) { nodes { state author { login __typename } commit { oid } } }
      reviews(last: 20) { nodes { fullDatabaseId state body author { login } } }
      reviewThreads(last: 50) { totalCount nodes { id isResolved isOutdated path line } }
      comments(last: 20) { totalCount nodes { body isMinimized author { login __typename } } }
      timelineItems(last: 3, itemTypes: [CLOSED_EVENT, REOPENED_EVENT, MERGED_EVENT, HEAD_REF_FORCE_PUSHED_EVENT]) {
        nodes { __typename
          ... on ClosedEvent { actor { login __typename } }
          ... on ReopenedEvent { actor { login } }
          ... on MergedEvent { actor { login } } } }
      statusCheckRollup { contexts(first: 100) { checkRunCount pageInfo { hasNextPage } nodes { __typename
        ... on CheckRun { databaseId name status conclusion detailsUrl
          checkSuite { app { slug } workflowRun { databaseId event workflow { name } } } }
        ... on StatusContext { context state targetUrl description creator { login } } } } } } } }
"""

DETAIL = """
query Detail($number: Int!, $head: String!) {
  rateLimit { cost }
  repository(owner: "acme", name: "tiny") { pullRequest(number: $number) {
    baseRef { compare(headRef: $head) { aheadBy behindBy status } }
    files(first: 100) { totalCount nodes { path additions deletions changeType } }
    reviewThreads(first: 100) { nodes { comments(first: 10) { nodes { body outdated pullRequestReview { state } } } } }
    statusCheckRollup { contexts(first: 100) { nodes {
      ... on CheckRun { name conclusion isRequired(pullRequestNumber: $number)
        steps(first: 50) { nodes { number name conclusion } }
        annotations(first: 30) { nodes { path message location { start { line } } } } } } } } } } }
"""

RULES = """
query { repository(owner: "acme", name: "tiny") { ref(qualifiedName: "refs/heads/main") {
    target { oid }
    refUpdateRule { requiredStatusCheckContexts viewerCanPush }
    branchProtectionRule { requiresStatusChecks }
    rules(first: 50) { nodes { type parameters {
      __typename ... on RequiredStatusChecksParameters { requiredStatusChecks { context } } } } } } } }
"""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with running(tmp_path / "playground") as started:
        await started.tiny()
        yield started


async def _id(host: Host, number: int = 1) -> str:
    answer = await host.rest("GET", f"/repos/{SLUG}/pulls/{number}")
    return str((await answer.json())["node_id"])


async def test_viewer_is_the_bot(host: Host) -> None:
    assert (await host.graphql("{ viewer { login } }"))["data"]["viewer"] == {"login": "waggle-bot"}


async def test_light_query_shows_a_finished_pull_request(host: Host) -> None:
    await host.opened()
    await host.until(settled)
    answer = await host.graphql(LIGHT, ids=[await _id(host)])
    [pull] = answer["data"]["nodes"]
    assert "errors" not in answer
    assert pull["state"] == "OPEN"
    assert (pull["mergeable"], pull["mergeStateStatus"], pull["reviewDecision"]) == ("MERGEABLE", "CLEAN", None)
    assert pull["statusCheckRollup"]["contexts"]["checkRunCountsByState"] == [{"state": "SUCCESS", "count": 1}]
    assert answer["data"]["rateLimit"]["nodeCount"] == 21


async def test_an_unknown_node_is_null_beside_the_others(host: Host) -> None:
    await host.opened()
    answer = await host.graphql(LIGHT, ids=["PR_kwBAD", await _id(host)])
    assert [node and node["number"] for node in answer["data"]["nodes"]] == [None, 1]
    [error] = answer["errors"]
    assert (error["type"], error["path"]) == ("NOT_FOUND", ["nodes", 0])


async def test_medium_query_tells_bots_from_people_and_keeps_the_timeline(host: Host) -> None:
    await host.opened()
    await host.visitor.comment(SLUG, 1, "hello", user="ben")
    await host.visitor.review(SLUG, 1, "APPROVE", user="ana")
    await host.visitor.close(SLUG, 1, user="ben")
    await host.visitor.reopen(SLUG, 1)
    await host.until(settled)
    await host.visitor.merge(SLUG, 1, user="ana")
    [pull] = (await host.graphql(MEDIUM, ids=[await _id(host)]))["data"]["nodes"]
    assert pull["author"] == {"login": "waggle-bot", "__typename": "Bot"}
    assert pull["mergedBy"] == {"login": "ana", "__typename": "User"}
    assert pull["mergeCommit"]["oid"] == await host.world.repositories[SLUG].resolve("main")
    assert pull["comments"]["nodes"][0]["author"] == {"login": "ben", "__typename": "User"}
    assert pull["latestOpinionatedReviews"]["nodes"][0]["state"] == "APPROVED"
    assert [event["__typename"] for event in pull["timelineItems"]["nodes"]] == [
        "ReopenedEvent",
        "MergedEvent",
        "ClosedEvent",
    ]
    [check] = pull["statusCheckRollup"]["contexts"]["nodes"]
    assert (check["name"], check["conclusion"], check["checkSuite"]["app"]["slug"]) == (
        "tests",
        "SUCCESS",
        "github-actions",
    )


async def test_detail_query_shows_what_failed(host: Host) -> None:
    await host.opened(path="state.txt", text="bad\n")
    await host.until(settled)
    answer = await host.graphql(DETAIL, number=1, head="work")
    pull = answer["data"]["repository"]["pullRequest"]
    assert answer["data"]["rateLimit"]["cost"] == 3
    assert pull["baseRef"]["compare"] == {"aheadBy": 1, "behindBy": 0, "status": "AHEAD"}
    assert pull["files"]["nodes"] == [{"path": "state.txt", "additions": 1, "deletions": 1, "changeType": "MODIFIED"}]
    [check] = pull["statusCheckRollup"]["contexts"]["nodes"]
    assert (check["conclusion"], check["isRequired"]) == ("FAILURE", True)
    assert check["annotations"]["nodes"][-1]["message"] == "Process completed with exit code 1."
    assert "FAILURE" in [step["conclusion"] for step in check["steps"]["nodes"]]


async def test_rules_of_the_base_branch_name_the_required_checks(host: Host) -> None:
    ref = (await host.graphql(RULES))["data"]["repository"]["ref"]
    assert ref["refUpdateRule"] == {"requiredStatusCheckContexts": ["tests"], "viewerCanPush": False}
    assert ref["branchProtectionRule"] is None
    assert ref["rules"]["nodes"][1]["parameters"]["requiredStatusChecks"] == [{"context": "tests"}]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ('{ repository(owner: "a", name: "b") { id } }', "NOT_FOUND"),
        (TINY % "pullRequest(number: 9) { id }", "NOT_FOUND"),
        (TINY % "pullRequests { nodes { id } }", "MISSING_PAGINATION_BOUNDARIES"),
        (TINY % "pullRequests(first: 101) { nodes { id } }", "EXCESSIVE_PAGINATION"),
        ("{ nodes(ids: [" + '"x",' * 101 + "]) { id } }", "ARGUMENT_LIMIT"),
    ],
)  # fmt: skip
async def test_refused_queries_name_the_rule(host: Host, query: str, kind: str) -> None:
    assert (await host.graphql(query))["errors"][0]["type"] == kind


@pytest.mark.parametrize(
    "query", ["{ viewer { login nope } }", "{ viewer { ", "query A { viewer { login } } query B { viewer { login } }"]
)
async def test_unreadable_queries_answer_errors_without_data(host: Host, query: str) -> None:
    answer = await host.graphql(query)
    assert answer["errors"][0]["message"]
    assert "data" not in answer


async def test_bad_token_is_401(host: Host) -> None:
    answer = await host.session.post(
        f"{host.url}/github/api/graphql", json={"query": "{viewer{login}}"}, headers={"Authorization": "bearer no"}
    )
    assert answer.status == 401


async def test_pages_follow_cursors(host: Host) -> None:
    await host.opened()
    for number in range(3):
        await host.visitor.comment(SLUG, 1, str(number))
    query = """query($id: ID!, $after: String) { node(id: $id) { ... on PullRequest {
      comments(first: 2, after: $after) { nodes { body } pageInfo { hasNextPage endCursor } } } } }"""
    first = (await host.graphql(query, id=await _id(host)))["data"]["node"]["comments"]
    assert first["pageInfo"]["hasNextPage"]
    after = first["pageInfo"]["endCursor"]
    second = (await host.graphql(query, id=await _id(host), after=after))["data"]["node"]["comments"]
    assert ([one["body"] for one in second["nodes"]], second["pageInfo"]["hasNextPage"]) == (["2"], False)


async def _mutate(host: Host, name: str, given: str, wanted: str, **input: object) -> dict[str, Any]:
    return await host.graphql(f"mutation($input: {given}!) {{ {name}(input: $input) {{ {wanted} }} }}", input=input)


async def test_mutations_do_what_rest_does(host: Host) -> None:
    await host.opened()
    id = await _id(host)
    thread = {"path": "notes.txt", "line": 1, "body": "here"}
    await _mutate(
        host, "addPullRequestReview", "AddPullRequestReviewInput", "pullRequestReview { state }",
        pullRequestId=id, event="COMMENT", body="look", threads=[thread],
    )  # fmt: skip
    query = "query($id: ID!) { node(id: $id) { ... on PullRequest { reviewThreads(first: 5) { nodes { id } } } } }"
    [found] = (await host.graphql(query, id=id))["data"]["node"]["reviewThreads"]["nodes"]
    reply = await _mutate(
        host, "addPullRequestReviewThreadReply", "AddPullRequestReviewThreadReplyInput", "comment { id }",
        pullRequestReviewThreadId=found["id"], body="done",
    )  # fmt: skip
    assert reply["data"]["addPullRequestReviewThreadReply"]["comment"]["id"]
    solved = await _mutate(
        host, "resolveReviewThread", "ResolveReviewThreadInput", "thread { isResolved }", threadId=found["id"]
    )
    assert solved["data"]["resolveReviewThread"]["thread"]["isResolved"]
    draft = await _mutate(
        host, "convertPullRequestToDraft", "ConvertPullRequestToDraftInput", "pullRequest { isDraft }", pullRequestId=id
    )
    assert draft["data"]["convertPullRequestToDraft"]["pullRequest"]["isDraft"]
    assert (await host.rest("PUT", f"/repos/{SLUG}/pulls/1/merge")).status == 405
    closed = await _mutate(host, "closePullRequest", "ClosePullRequestInput", "pullRequest { state }", pullRequestId=id)
    assert closed["data"]["closePullRequest"]["pullRequest"]["state"] == "CLOSED"


async def test_own_pull_request_cannot_be_approved_by_mutation_either(host: Host) -> None:
    await host.opened()
    answer = await _mutate(
        host, "addPullRequestReview", "AddPullRequestReviewInput", "pullRequestReview { state }",
        pullRequestId=await _id(host), event="APPROVE",
    )  # fmt: skip
    assert answer["errors"][0]["message"] == "Can not approve your own pull request"


async def test_auto_merge_is_refused_unless_the_repository_allows_it(host: Host) -> None:
    await host.opened()
    answer = await _mutate(
        host, "enablePullRequestAutoMerge", "EnablePullRequestAutoMergeInput", "pullRequest { id }",
        pullRequestId=await _id(host),
    )  # fmt: skip
    assert answer["errors"][0]["message"] == "Auto merge is not allowed for this repository"


async def test_auto_merge_merges_when_the_checks_pass(host: Host) -> None:
    repo = host.world.pulls.repo(SLUG)
    host.world.store.change(repo, auto_merge=True)
    await host.opened()
    answer = await _mutate(
        host, "enablePullRequestAutoMerge", "EnablePullRequestAutoMergeInput",
        "pullRequest { autoMergeRequest { enabledAt } }", pullRequestId=await _id(host),
    )  # fmt: skip
    assert answer["data"]["enablePullRequestAutoMerge"]["pullRequest"]["autoMergeRequest"]["enabledAt"]
    await host.until(lambda pulls: pulls[0].state == "merged")


async def test_faults_of_graphql(host: Host) -> None:
    await host.opened()
    await host.until(settled)
    id = await _id(host)
    host.world.fault({"answer": "partial", "operation": "Light"})
    partial = await host.graphql(LIGHT, ids=[id, id])
    assert [node is None for node in partial["data"]["nodes"]] == [True, False]
    assert partial["errors"][0]["path"] == ["nodes", 0]
    host.world.fault({"answer": "forbidden_fields", "path": "/graphql"})
    hidden = await host.graphql(MEDIUM, ids=[id])
    assert hidden["data"]["nodes"][0]["statusCheckRollup"]["contexts"]["nodes"] == [None]
    assert hidden["errors"][0]["type"] == "FORBIDDEN"
    host.world.fault({"answer": "rate_limited", "path": "/graphql", "seconds": 60})
    assert (await host.graphql(LIGHT, ids=[id]))["errors"][0]["type"] == "RATE_LIMITED"


async def test_a_timeout_is_a_502_with_githubs_sentence(host: Host) -> None:
    host.world.fault({"answer": "timeout", "path": "/graphql"})
    answer = await host.session.post(
        f"{host.url}/github/api/graphql", json={"query": LIGHT}, headers={"Authorization": f"bearer {TOKEN}"}
    )
    assert answer.status == 502
    assert "timeout" in (await answer.json())["errors"][0]["message"]
    assert host.world.calls()[-1]["operation"] == "Light"
