"""What this credential can do in one repository, measured by asking, for `waggle doctor`."""

from __future__ import annotations

from collections.abc import Callable

from integrations.github.connection import Connection
from integrations.github.errors import GitHubError, NotFound
from integrations.github.values import Capability

_TOKEN_PAGE = "https://github.com/settings/tokens"  # noqa: S105 - an address, not a password


def probe(
    connection: Connection, slug: str, viewer: Callable[[], str], can_push: Callable[[], bool]
) -> list[Capability]:
    """Ask for one thing of each kind that Waggle needs; nothing is written. A check that cannot be made says so."""
    who = _try(
        "credential", viewer, "Set GITHUB_TOKEN to a valid token.", lambda login: (True, f"signed in as {login}")
    )
    if not who.ok:
        return [who]

    def readable(call: Callable[[], object]) -> Callable[[], bool]:
        def look() -> bool:
            try:
                call()
            except NotFound:
                return True  # the thing asked for is not there, and GitHub said so: the right to ask is
            return True

        return look

    def checks() -> None:
        with connection.calling(f"read checks of {slug}") as client:
            repository = client.get_repo(slug)
            branch = repository.get_branch(client.get_repo(slug).default_branch)
            repository.get_commit(branch.commit.sha).get_check_runs().totalCount  # noqa: B018 - asks for the first page

    def runs() -> None:
        with connection.calling(f"read workflow runs of {slug}") as client:
            client.get_repo(slug).get_workflow_runs().totalCount  # noqa: B018

    def pulls() -> None:
        with connection.calling(f"read pull requests of {slug}") as client:
            client.get_repo(slug).get_pulls(state="open").totalCount  # noqa: B018

    return [
        who,
        _try(
            "push",
            can_push,
            f"Give the token write access to {slug}: `repo` for a classic one, Contents and Pull requests "
            f"(read and write) for a fine-grained one. {_TOKEN_PAGE}",
            lambda allowed: (allowed, f"may write to {slug}" if allowed else f"may only read {slug}"),
        ),
        _try(
            "pull requests",
            readable(pulls),
            f"Give the token Pull requests: read and write for {slug}. {_TOKEN_PAGE}",
            lambda _: (True, "readable"),
        ),
        _try(
            "checks",
            readable(checks),
            "A fine-grained token cannot read check runs: use a GitHub App or a classic token with `repo`.",
            lambda _: (True, "readable"),
        ),
        _try(
            "actions",
            readable(runs),
            f"Give the token Actions: read for {slug}, or CI logs stay hidden. {_TOKEN_PAGE}",
            lambda _: (True, "readable"),
        ),
    ]


def _try(name: str, call: Callable[[], object], fix: str, read: Callable[..., tuple[bool, str]]) -> Capability:
    try:
        ok, detail = read(call())
    except GitHubError as problem:
        return Capability(name, False, problem.user_message, fix)
    return Capability(name, ok, detail, "" if ok else fix)
