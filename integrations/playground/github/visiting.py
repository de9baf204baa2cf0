"""The GitHub half of the visitor: what a person does with pull requests, through the page's own API.

`integrations/playground/visitor.py` inherits from `GitHubVisitor` and gives it `page_call`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PullSeen:
    """A pull request as the page shows it.

    Attributes:
        state: open | closed | merged.
        merge_state: GitHub's word: CLEAN, BLOCKED, DIRTY, UNSTABLE, DRAFT, UNKNOWN.
        checks: by name: passed | failed | running | waiting.
        comments: author and text.
        reviews: author, state and text.
        version: another text whenever anything of it changed.
    """

    slug: str
    number: int
    url: str
    title: str
    body: str
    author: str
    state: str
    draft: bool
    head_branch: str
    head_sha: str
    base_branch: str
    merge_sha: str
    merged_by: str
    mergeable: str
    merge_state: str
    checks: Mapping[str, str]
    comments: tuple[tuple[str, str], ...]
    reviews: tuple[tuple[str, str, str], ...]
    version: str


class GitHubVisitor(ABC):
    """Acts as ana or ben on the stand-in's pull requests."""

    @abstractmethod
    async def page_call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call the page's API with its token and return the JSON of the answer.

        Parameters:
            path: from the root, such as `/page/github/acme/ledgerline/pulls`.

        Raises:
            an error with the answer's `error` sentence when the status is not 200.
        """

    async def pulls(self, slug: str) -> list[PullSeen]:
        """Every pull request of a repository, oldest first."""
        return [_seen(entry) for entry in await self.page_call("GET", f"/page/github/{slug}/pulls")]

    async def merge(self, slug: str, number: int, user: str = "ana", *, bypass: bool = False) -> PullSeen:
        """Press the merge button. `bypass` merges past required checks, which only ana may."""
        return _seen(await self._act(slug, number, "merge", user, bypass=bypass))

    async def close(self, slug: str, number: int, user: str = "ana") -> PullSeen:
        return _seen(await self._act(slug, number, "close", user))

    async def reopen(self, slug: str, number: int, user: str = "ana") -> PullSeen:
        return _seen(await self._act(slug, number, "reopen", user))

    async def comment(self, slug: str, number: int, body: str, user: str = "ana") -> None:
        await self._act(slug, number, "comment", user, body=body)

    async def review(
        self,
        slug: str,
        number: int,
        event: str,
        body: str = "",
        user: str = "ana",
        remarks: Sequence[tuple[str, int, str]] = (),
    ) -> None:
        """Review a pull request.

        Parameters:
            event: APPROVE, REQUEST_CHANGES or COMMENT.
            remarks: path, line and text of each inline comment.
        """
        entries = [{"path": path, "line": line, "body": text} for path, line, text in remarks]
        await self._act(slug, number, "review", user, event=event, body=body, remarks=entries)

    async def open_pull(self, slug: str, head: str, title: str, body: str = "", user: str = "ana") -> PullSeen:
        wish = {"user": user, "head": head, "title": title, "body": body}
        return _seen(await self.page_call("POST", f"/page/github/{slug}/pulls", wish))

    async def push_as_person(
        self, slug: str, branch: str, path: str, text: str | None, user: str = "ana", message: str = ""
    ) -> str:
        """Commit one file on a branch (made from the default branch when it is new) and return the commit.

        Parameters:
            text: the file's new content; None removes it.
        """
        body = {"user": user, "branch": branch, "path": path, "text": text, "message": message}
        answer = await self.page_call("POST", f"/page/github/{slug}/push", body)
        return str(answer["sha"])

    async def create_repository(self, slug: str, files: Mapping[str, str], default_branch: str = "main") -> str:
        """Make a repository with one commit (none without files); returns its clone address."""
        body = {"slug": slug, "files": dict(files), "default_branch": default_branch}
        answer = await self.page_call("POST", "/page/github/repositories", body)
        return str(answer["clone_url"])

    async def _act(self, slug: str, number: int, act: str, user: str, **more: object) -> Any:
        return await self.page_call("POST", f"/page/github/{slug}/pull/{number}/{act}", {"user": user, **more})


def _seen(entry: Mapping[str, Any]) -> PullSeen:
    lists = {name: tuple(tuple(row) for row in entry[name]) for name in ("comments", "reviews")}
    return PullSeen(**{**entry, **lists})
