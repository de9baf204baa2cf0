"""Pull requests over REST: find, open, close. Opening is idempotent by its branch."""

from __future__ import annotations

from github.PullRequest import PullRequest as RestPull

from integrations.github.connection import Connection, present
from integrations.github.errors import Invalid, TimedOut, Unavailable
from integrations.github.values import PullRef


def find_pull(connection: Connection, slug: str, branch: str) -> PullRef | None:
    """The open pull request of a branch of this repository. A fork's branch of the same name is another's."""
    owner = slug.split("/", 1)[0]
    with connection.calling(f"find the pull request of {branch} in {slug}") as client:
        for pull in client.get_repo(slug).get_pulls(state="open", head=f"{owner}:{branch}"):
            if pull.head.ref == branch and pull.head.repo is not None and pull.head.repo.full_name == slug:
                return _ref(pull)
    return None


def open_pull(
    connection: Connection, slug: str, *, head: str, base: str, title: str, body: str, draft: bool
) -> PullRef:
    """Open a pull request, or return the one that is open for the branch.

    Raises Invalid when there is nothing to open, such as no commit between head and base.
    """
    try:
        with connection.calling(f"open a pull request for {head} in {slug}", write=True) as client:
            repository = client.get_repo(slug)
            return _ref(repository.create_pull(base=base, head=head, title=title, body=body, draft=draft))
    except (Invalid, TimedOut, Unavailable) as problem:
        # A lost answer to a create may have created it; a 422 says that it exists. Looking tells, repeating would not.
        if isinstance(problem, Invalid) and not any("already exists" in reason for reason in problem.reasons):
            raise
        found = find_pull(connection, slug, head)
        if found is None:
            raise
        return found


def close_pull(connection: Connection, slug: str, number: int) -> None:
    """Close a pull request; one that is closed or merged already stays as it is."""
    with connection.calling(f"look at {slug}#{number}") as client:
        pull = client.get_repo(slug).get_pull(number)
        state = present(pull.state)
    if state == "open":
        with connection.calling(f"close {slug}#{number}", write=True):
            pull.edit(state="closed")


def _ref(pull: RestPull) -> PullRef:
    return PullRef(present(pull.node_id), pull.number, pull.html_url, pull.head.sha)
