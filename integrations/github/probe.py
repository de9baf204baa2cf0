"""What this credential can do in one repository, measured by asking, for `waggle doctor`.

A right to write is measured by a write that GitHub cannot carry out: it names a commit, an issue or a run that does not
exist, or leaves out what is required. GitHub checks rights first, so a refusal of the request itself (404, 422) says
that the right is there. Nothing is ever written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from integrations.github.answers import DetailAnswer, LightAnswer, MediumAnswer
from integrations.github.connection import Connection
from integrations.github.errors import Conflict, Forbidden, GitHubError, Invalid, NotFound
from integrations.github.graphql import ask
from integrations.github.values import Capability

_NOWHERE = "0" * 40


@dataclass(frozen=True)
class _Right:
    """One thing that Waggle does.

    Attributes:
        name: how its line is called.
        permission: GitHub's name of the permission, for whoever grants it.
        path: beneath `/repos/OWNER/NAME`.
        body: of a write that cannot be carried out; None for a read.
        without: what does not work without it.
    """

    name: str
    permission: str
    path: str
    body: Mapping[str, str] | None
    without: str


_RIGHTS = (
    _Right("contents", "Contents: read and write", "/git/refs", {}, "agents' branches cannot be pushed"),
    _Right("pull requests", "Pull requests: read and write", "/pulls", {}, "no pull request can be opened"),
    _Right(
        "issues", "Issues: read and write", "/issues/0/comments", {"body": ""}, "nothing can be said on pull requests"
    ),
    _Right(
        "statuses",
        "Commit statuses: read and write",
        f"/statuses/{_NOWHERE}",
        {"state": "pending", "context": "waggle/doctor"},
        "branch protection cannot require waggle/done",
    ),
    _Right("actions", "Actions: read", "/actions/runs?per_page=1", None, "logs of failed jobs stay hidden"),
    _Right(
        "reruns",
        "Actions: read and write",
        "/actions/runs/0/rerun-failed-jobs",
        {},
        "what a lost machine failed is not started again",
    ),
)


def probe(
    connection: Connection, slug: str, viewer: Callable[[], str], can_push: Callable[[], bool], root: str
) -> list[Capability]:
    """Ask for one thing of each kind that Waggle needs; nothing is written. What cannot be measured says so.

    Parameters:
        viewer: who is signed in.
        can_push: whether the account may write to the repository; its credential may be allowed less.
        root: of GitHub's pages.
    """
    who = _tried(
        "credential", viewer, "Set GITHUB_TOKEN to a valid token.", lambda login: (True, f"signed in as {login}")
    )
    if not who.ok:
        return [who]
    page = _page_of(connection.token(), root)
    push = _tried(
        "push",
        can_push,
        f"Give its account write access to {slug}: the repository's Settings, Collaborators and teams.",
        lambda allowed: (allowed, f"may write to {slug}" if allowed else f"may only read {slug}"),
    )
    rights = [_measured(connection, slug, right, page) for right in _RIGHTS]
    readable = {one.name for one in rights if one.ok}
    return [who, push, _queries(connection, slug), *rights, _checks(connection, slug, readable, page)]


def _page_of(token: str, root: str) -> str:
    """Where the owner of a credential changes what it may do; its kind is told by how it begins."""
    if token.startswith("ghs_"):
        return f"{root}/settings/apps, the App, Permissions & events; accept it then where the App is installed"
    if token.startswith("github_pat_"):
        return f"{root}/settings/personal-access-tokens, the token, Edit, Repository permissions"
    return f"{root}/settings/tokens, the token: tick `repo`"


def _measured(connection: Connection, slug: str, right: _Right, page: str) -> Capability:
    method = "GET" if right.body is None else "POST"

    def call() -> bool:
        try:
            with connection.calling(f"use {right.permission} of {slug}") as client:
                client.requester.requestJsonAndCheck(method, f"/repos/{slug}{right.path}", input=right.body)
        except (NotFound, Invalid, Conflict):
            return True  # the thing is not there or not complete, and GitHub said so: the right to ask is
        return True

    kind = "readable" if right.body is None else "writable"
    fix = f"Grant {right.permission} for {slug} ({page}); without it {right.without}."
    return _tried(right.name, call, fix, lambda _: (True, kind))


def _queries(connection: Connection, slug: str) -> Capability:
    """Whether this GitHub knows every field that is asked for; an own server may be older than our queries."""
    owner, _, name = slug.partition("/")

    def call() -> None:
        ask(connection, "light", {"ids": []}, LightAnswer, "try the light query")
        ask(connection, "medium", {"ids": []}, MediumAnswer, "try the medium query")
        try:
            ask(connection, "detail", {"owner": owner, "name": name, "number": 0}, DetailAnswer, "try the detail query")
        except NotFound:
            return  # there is no pull request 0

    return _tried(
        "queries",
        call,
        "GitHub Enterprise Server has to be of a version that knows these fields: update it.",
        lambda _: (True, "known to this GitHub"),
    )


def _checks(connection: Connection, slug: str, readable: set[str], page: str) -> Capability:
    """Check runs. A fine-grained token has no permission for them; what Actions and statuses say stands in."""
    fix = f"Use a GitHub App with Checks: read, or a classic token with `repo` ({page})."

    def call() -> None:
        with connection.calling(f"read checks of {slug}") as client:
            base = f"/repos/{slug}/commits/{client.get_repo(slug).default_branch}"
            client.requester.requestJsonAndCheck("GET", f"{base}/check-runs?per_page=1")

    try:
        call()
    except NotFound:
        return Capability("checks", True, "readable")
    except Forbidden as problem:
        if not {"actions", "statuses"} <= readable:
            return Capability("checks", False, problem.user_message, fix)
        detail = "read from Actions and commit statuses; checks of other apps stay unseen by a fine-grained token"
        return Capability("checks", True, detail, fix)
    except GitHubError as problem:
        return Capability("checks", False, problem.user_message, fix)
    return Capability("checks", True, "readable")


def _tried(name: str, call: Callable[[], object], fix: str, read: Callable[..., tuple[bool, str]]) -> Capability:
    try:
        ok, detail = read(call())
    except GitHubError as problem:
        return Capability(name, False, problem.user_message, fix)
    return Capability(name, ok, detail, "" if ok else fix)
