"""What people see of a pull request, gathered from the records: for the pages, and as JSON for the visitor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from integrations.playground.github.checks import merge_state, required_contexts, rollup, unmet
from integrations.playground.github.records import (
    Comment,
    Happening,
    Job,
    Pull,
    Repo,
    Review,
    Status,
    Thread,
    ThreadComment,
)
from integrations.playground.github.world import GitHubWorld


@dataclass(frozen=True)
class Check:
    """One line of the checks: a CI job or a commit status."""

    name: str
    state: str  #: passed | failed | running | waiting
    note: str
    url: str
    required: bool
    run_id: int = 0


@dataclass(frozen=True)
class Conversation:
    """One entry of the conversation, oldest first."""

    at: float
    author: str
    verb: str
    body: str = ""
    anchor: str = ""
    tone: str = ""  #: good | bad | empty
    threads: tuple[tuple[Thread, tuple[ThreadComment, ...]], ...] = ()


_VERBS = {
    "closed": "closed this",
    "reopened": "reopened this",
    "merged": "merged this",
    "head_ref_force_pushed": "force-pushed the branch",
    "head_ref_deleted": "deleted the branch",
    "ready_for_review": "marked this ready for review",
    "convert_to_draft": "turned this into a draft",
    "base_ref_changed": "changed the base branch",
}
_REVIEW_VERBS = {
    "APPROVED": ("approved", "good"),
    "CHANGES_REQUESTED": ("asked for changes", "bad"),
    "COMMENTED": ("reviewed", ""),
    "DISMISSED": ("reviewed (dismissed)", ""),
}
_JOB_STATES = {"queued": "waiting", "in_progress": "running"}


def checks(world: GitHubWorld, pull: Pull) -> list[Check]:
    """Every check of the head, and the required ones that have not reported."""
    repo = world.pulls.repo(pull.slug)
    required = required_contexts(repo, pull.base_branch)
    found = rollup(world.store, pull.slug, pull.head_sha)
    lines = [job_check(world, job, job.name in required) for job in (found.jobs if found else ())]
    lines += [_status(status, status.context in required) for status in (found.statuses if found else ())]
    known = {line.name for line in lines}
    lines += [Check(name, "waiting", "expected, not reported yet", "", True) for name in required if name not in known]
    return sorted(lines, key=lambda line: line.name)


def job_check(world: GitHubWorld, job: Job, required: bool) -> Check:
    url = world.addresses.job(job)
    if job.status != "completed":
        note = "running" if job.status == "in_progress" else "queued"
        return Check(job.name, _JOB_STATES[job.status], note, url, required, job.run_id)
    took = max(job.completed_at - job.started_at, 0)
    note = f"{job.conclusion.replace('_', ' ')} in {took:.1f} s"
    return Check(job.name, "passed" if job.conclusion == "success" else "failed", note, url, required, job.run_id)


def _status(status: Status, required: bool) -> Check:
    state = {"success": "passed", "pending": "running"}.get(status.state, "failed")
    url = status.target_url if status.target_url.startswith(("http://", "https://")) else ""
    return Check(status.context, state, status.description or status.state, url, required)


def conversation(world: GitHubWorld, pull: Pull) -> list[Conversation]:
    """Comments, reviews with their threads, and what happened, in order."""
    store = world.store
    entries = [
        Conversation(one.created_at, one.author, "commented", one.body, f"issuecomment-{one.id}")
        for one in store.all(Comment, "pull_id=?", pull.id)
        if not one.minimized
    ]
    entries += [
        Conversation(one.created_at, one.actor, _VERBS.get(one.kind, one.kind.replace("_", " ")))
        for one in store.all(Happening, "pull_id=?", pull.id)
        if not (pull.merged and one.kind == "closed")
    ]
    threads = {thread.id: thread for thread in store.all(Thread, "pull_id=?", pull.id)}
    remarks = store.all(ThreadComment, "pull_id=?", pull.id)
    for review in store.all(Review, "pull_id=?", pull.id):
        verb, tone = _REVIEW_VERBS[review.state]
        opened = [one for one in remarks if one.review_id == review.id and not one.in_reply_to]
        shown = tuple(
            (threads[one.thread_id], tuple(other for other in remarks if other.thread_id == one.thread_id))
            for one in opened
        )
        if review.body or shown or tone:
            entries.append(
                Conversation(
                    review.submitted_at,
                    review.author,
                    f"{verb} {review.commit_sha[:7]}",
                    review.body,
                    f"pullrequestreview-{review.id}",
                    tone,
                    shown,
                )
            )
    return sorted(entries, key=lambda entry: entry.at)


@dataclass(frozen=True)
class MergeBox:
    """Whether it can be merged, in one sentence."""

    can_merge: bool
    can_bypass: bool
    sentence: str
    tone: str  #: good | bad | wait


def merge_box(world: GitHubWorld, pull: Pull, repo: Repo) -> MergeBox:
    if pull.merged:
        return MergeBox(False, False, f"Merged by {pull.merged_by} as {pull.merge_sha[:7]}.", "good")
    if not pull.is_open:
        return MergeBox(False, False, "Closed without a merge.", "bad")
    found = rollup(world.store, pull.slug, pull.head_sha)
    state = merge_state(pull, repo, found)
    if state == "UNKNOWN":
        return MergeBox(False, False, "Looking whether it merges cleanly…", "wait")
    if state == "DIRTY":
        return MergeBox(False, False, f"It conflicts with {pull.base_branch}.", "bad")
    if state == "DRAFT":
        return MergeBox(False, False, "This is still a draft.", "wait")
    if state == "BLOCKED":
        missing = unmet(required_contexts(repo, pull.base_branch), found)
        reasons = ", ".join(f"{context} is {why}" for context, why in missing.items())
        return MergeBox(False, True, f"Required checks: {reasons}.", "bad" if "failing" in missing.values() else "wait")
    if state == "UNSTABLE":
        return MergeBox(True, False, "It merges cleanly; a check that is not required did not pass.", "wait")
    return MergeBox(True, False, "It merges cleanly and every check passed.", "good")


def version(world: GitHubWorld, pull: Pull) -> str:
    """Changes when anything changes that the page shows."""
    store = world.store
    counts = [store.count(kind, "pull_id=?", pull.id) for kind in (Comment, Review, ThreadComment, Happening)]
    resolved = store.count(Thread, "pull_id=? AND resolved_by!=''", pull.id)
    parts = (store.again(pull), checks(world, pull), counts, resolved)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def unfinished(world: GitHubWorld, pull: Pull) -> bool:
    """Whether the page should look again soon."""
    waiting = any(check.state in ("running", "waiting") for check in checks(world, pull))
    return pull.is_open and (waiting or pull.mergeable == "UNKNOWN")


def pull_as_json(world: GitHubWorld, pull: Pull) -> dict[str, object]:
    """What `visiting.PullSeen` is made of."""
    repo = world.pulls.repo(pull.slug)
    store = world.store
    return {
        "slug": pull.slug,
        "number": pull.number,
        "url": world.addresses.pull(pull),
        "title": pull.title,
        "body": pull.body,
        "author": pull.author,
        "state": "merged" if pull.merged else pull.state,
        "draft": pull.draft,
        "head_branch": pull.head_branch,
        "head_sha": pull.head_sha,
        "base_branch": pull.base_branch,
        "merge_sha": pull.merge_sha if pull.merged else "",
        "merged_by": pull.merged_by,
        "mergeable": pull.mergeable,
        "merge_state": merge_state(pull, repo, rollup(store, pull.slug, pull.head_sha)),
        "checks": {check.name: check.state for check in checks(world, pull)},
        "comments": [[one.author, one.body] for one in store.all(Comment, "pull_id=?", pull.id)],
        "reviews": [[one.author, one.state, one.body] for one in store.all(Review, "pull_id=?", pull.id)],
        "version": version(world, pull),
    }
