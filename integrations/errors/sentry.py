"""Sentry: hosted, or on an own server that speaks the same API.

One call at a time: Sentry limits calls at once, and a scan is in no hurry. `statsPeriod` is always given, because its
default of 90 days times out for busy organisations (getsentry/sentry-mcp says so in its client).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests

from integrations.errors import Finding
from integrations.errors.answers import UnreadableError, read_event, read_issue, read_issues
from integrations.errors.faults import SCOPES, NotFound, TrackerError, no_answer, no_connection, not_tracker, refused
from integrations.errors.values import Changed, Event, Issue

T = TypeVar("T")
TIMEOUT_S = 20.0
_TRIES = 3
_PAUSE_S = 0.5
_PAGE = 100
_MOST_PAGES = 20
_LARGEST = 8 * 2**20


class Sentry:
    """The issues of an organisation, as a token may see them.

    Parameters:
        token: gives the token; it is sent in a header and stands in no message.
        organisation: its slug.
        projects: slugs of the projects to look at; all that the token sees when empty.
        url: the server's root.
        own_project_id: the project that Waggle reports its own errors to, which is left alone: it would try to
            repair itself in a loop.
        clock: the time now, UTC.
        sleep: waits some seconds between two tries.
    """

    name = "Sentry"

    def __init__(
        self,
        token: Callable[[], str],
        organisation: str,
        projects: Sequence[str] = (),
        url: str = "https://sentry.io",
        *,
        own_project_id: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._token = token
        self._organisation = organisation
        self._projects = tuple(projects)
        self._url = url.rstrip("/")
        self._own = own_project_id
        self._clock = clock
        self._sleep = sleep
        self._timeout_s = timeout_s
        self._one_at_a_time = threading.Lock()
        self._session = requests.Session()
        self._session.auth = _as_it_is
        self._session.headers["User-Agent"] = "waggle"
        self._ids: dict[str, str] = {}

    @property
    def scope(self) -> str:
        host = urlsplit(self._url).netloc
        return f"{host}/{self._organisation}/{','.join(sorted(self._projects)) or 'all'}"

    def changed_since(self, since: datetime) -> Changed:
        """Unresolved issues that happened after `since`, the latest first."""
        days = min(max((self._clock() - since) // timedelta(days=1) + 1, 1), 14)
        query: list[tuple[str, str]] = [
            ("query", "is:unresolved"),
            ("sort", "date"),
            ("statsPeriod", f"{days}d" if days > 1 else "24h"),
            ("limit", str(_PAGE)),
            *(("project", self._project_id(slug)) for slug in self._projects),
        ]
        what = f"list issues of {self._organisation}"
        found: dict[str, Issue] = {}
        for count, page in enumerate(self._pages(f"organizations/{self._organisation}/issues/", query, what)):
            issues = _readable(read_issues, page, what)
            fresh = [one for one in issues if one.last_seen > since]
            # An issue that happens while pages are read moves to the front, and pushes another onto the next page.
            found.update({one.id: one for one in fresh if one.id not in found})
            if len(fresh) < len(issues):
                break
            if count + 1 == _MOST_PAGES:
                return Changed(self._others(found.values()), complete=False)
        return Changed(self._others(found.values()))

    def issue(self, issue_id: str) -> Issue:
        """One issue as it is now, in whatever state."""
        what = f"read issue {issue_id}"
        answer, _ = self._get(f"organizations/{self._organisation}/issues/{quote(issue_id, safe='')}/", (), what)
        return _readable(read_issue, answer, what)

    def latest_event(self, issue_id: str) -> Event:
        """The newest event of an issue, with its stack trace."""
        what = f"read the latest event of issue {issue_id}"
        path = f"organizations/{self._organisation}/issues/{quote(issue_id, safe='')}/events/latest/"
        answer, _ = self._get(path, (), what)
        return _readable(read_event, answer, what)

    def probe(self) -> list[Finding]:
        """Whether the organisation, each project and the issues may be read."""
        organisation = f"organizations/{self._organisation}/"
        found = [self._try("organisation", lambda: self._get(organisation, (), f"read {self._organisation}"))]
        if not found[0].ok:
            return found
        for slug in self._projects:
            found.append(self._try(f"project {slug}", lambda slug=slug: self._project_id(slug)))  # type: ignore[misc]
        if all(one.ok for one in found):
            found.append(self._try("issues", lambda: self.changed_since(self._clock() - timedelta(hours=1))))
        return found

    def _try(self, check: str, look: Callable[[], object]) -> Finding:
        try:
            look()
        except TrackerError as problem:
            return Finding(check, False, str(problem), problem.user_message)
        return Finding(check, True, f"{self._organisation} at {urlsplit(self._url).netloc}")

    def _others(self, issues: Any) -> tuple[Issue, ...]:
        return tuple(one for one in issues if not self._own or one.project_id != self._own)

    def _project_id(self, slug: str) -> str:
        """The number of a project: the issues endpoint filters by it."""
        if slug not in self._ids:
            path, what = f"organizations/{self._organisation}/projects/", f"list projects of {self._organisation}"
            for page in self._pages(path, [], what):
                try:
                    self._ids.update({str(one["slug"]): str(one["id"]) for one in page})
                except (TypeError, KeyError) as problem:
                    raise not_tracker(what, repr(problem)) from problem
        if slug not in self._ids:
            known = ", ".join(sorted(self._ids)) or "none"
            raise NotFound(
                f"there is no project {slug} in {self._organisation}",
                user_message=f"The Sentry token sees no project `{slug}` in {self._organisation}; it sees: {known}."
                f" Correct SENTRY_PROJECTS, or give the integration {SCOPES}.",
            )
        return self._ids[slug]

    def _pages(self, path: str, query: Sequence[tuple[str, str]], what: str) -> Iterator[Any]:
        """One answer after the other. The cursor is taken from the Link header, the address never."""
        cursor = ""
        while True:
            answer, links = self._get(path, [*query, *([("cursor", cursor)] if cursor else [])], what)
            yield answer
            following = links.get("next", {})
            if following.get("results") != "true" or following.get("cursor", "") in {"", cursor}:
                return
            cursor = following["cursor"]

    def _get(self, path: str, query: Sequence[tuple[str, str]], what: str) -> tuple[Any, Mapping[str, Any]]:
        with self._one_at_a_time:
            for left in range(_TRIES - 1, -1, -1):
                try:
                    return self._ask(path, query, what)
                except TrackerError as problem:
                    if not left or not problem.retryable or problem.not_before is not None:
                        raise
                self._sleep(_PAUSE_S * (_TRIES - left))
        raise AssertionError("unreachable")

    def _ask(self, path: str, query: Sequence[tuple[str, str]], what: str) -> tuple[Any, Mapping[str, Any]]:
        token = self._token().strip()
        try:
            answer = self._session.get(
                f"{self._url}/api/0/{path}",
                params=list(query),
                headers={"Authorization": f"Bearer {token}"},
                timeout=self._timeout_s,
                allow_redirects=False,  # a token goes to the server that it was given for
            )
        except requests.Timeout as problem:
            raise no_answer(what, type(problem).__name__) from problem
        except requests.RequestException as problem:
            raise no_connection(what, type(problem).__name__) from problem
        if answer.status_code >= 300:
            raise refused(answer.status_code, answer.headers, _detail(answer), what, self._clock())
        if len(answer.content) > _LARGEST:
            raise not_tracker(what, f"{len(answer.content)} bytes")
        try:
            return answer.json(), answer.links
        except ValueError as problem:
            raise not_tracker(what, "no JSON") from problem


def _detail(answer: requests.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return ""  # a page; its first kilobyte helps nobody
    return str(body.get("detail", "")) if isinstance(body, dict) else ""


def _readable(read: Callable[[Any], T], answer: Any, what: str) -> T:
    try:
        return read(answer)
    except UnreadableError as problem:
        raise not_tracker(what, str(problem)) from problem


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authentication of its own: without one, requests would put a password from ~/.netrc over our header."""
    return request
