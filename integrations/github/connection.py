"""How calls reach GitHub: one PyGithub client and one HTTP session for each thread, and typed errors for both.

A PyGithub client keeps the current request on its connection, so that two threads sharing one can read each other's
answers (measured: rare and silent; PyGithub #2052). Its default retry repeats POST after a 5xx, which creates things
twice, and sleeps through rate limits for up to an hour; `ReadRetry` does neither.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from github import Auth, Github, GithubRetry
from github.GithubException import BadAttributeException, GithubException, IncompletableObject

from integrations.github.errors import AuthFailed, GitHubError, no_answer, no_connection, not_github, refused
from integrations.github.etags import Answers, ask_whether_changed
from integrations.github.limits import Clock, Limits
from integrations.github.values import Rate

T = TypeVar("T")
USER_AGENT = "waggle"
#: Seconds to wait for an answer. GitHub itself gives up on a query after about ten.
TIMEOUT_S = 20


class ReadRetry(GithubRetry):
    """Repeats a GET twice after a 5xx or a lost connection, and nothing else.

    403 and 429 are answers: what they say about waiting belongs into `not_before`, not into a sleeping thread.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**(_READS | options))

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code >= 500 and super().is_retry(method, status_code, False)


_READS: dict[str, Any] = {
    "total": 2,
    "backoff_factor": 0.5,
    "allowed_methods": frozenset({"GET", "HEAD"}),
    "respect_retry_after_header": False,
    "raise_on_status": False,
    "max_rate_limit_wait": 0,
}


#: How PyGithub meets an answer that is not GitHub's: it reads on until something is missing.
_SHAPELESS = (
    BadAttributeException,
    IncompletableObject,
    AssertionError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)


class LiveToken(Auth.Token):
    """A token that is asked for at each request, so that a refreshed one is used at once."""

    def __init__(self, ask: Callable[[], str]) -> None:
        super().__init__("asked for at each request")
        self._ask = ask

    @property
    def token(self) -> str:
        return self._ask()


class Connection:
    """The two ways to call GitHub, and what both must remember.

    Parameters:
        api_url: `https://api.github.com`, or `https://HOST/api/v3` of an own server.
        token: gives the credential.
        timeout_s: seconds to wait for an answer.
    """

    def __init__(
        self, api_url: str, token: Callable[[], str], clock: Clock, limits: Limits, timeout_s: int = TIMEOUT_S
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.graphql_url = graphql_url(self.api_url)
        self.clock = clock
        self.limits = limits
        self.timeout_s = timeout_s
        self._token = token
        self._answers = Answers()
        self._of_thread = threading.local()

    @property
    def rest(self) -> Github:
        """This thread's PyGithub client."""
        client: Github | None = getattr(self._of_thread, "client", None)
        if client is None:
            client = Github(
                auth=LiveToken(self.token),
                base_url=self.api_url,
                user_agent=USER_AGENT,
                timeout=self.timeout_s,
                per_page=100,
                retry=ReadRetry(),
                seconds_between_requests=None,
                seconds_between_writes=None,
                lazy=True,
            )
            ask_whether_changed(client, self._answers)
            self._of_thread.client = client
        return client

    @property
    def session(self) -> requests.Session:
        """This thread's HTTP session, for what PyGithub cannot do."""
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = self._of_thread.session = requests.Session()
            session.headers["User-Agent"] = USER_AGENT
            session.auth = as_it_is
        return session

    def token(self) -> str:
        """The credential. Raises AuthFailed when there is none: an empty one would be sent as anonymous."""
        value = self._token().strip()
        if not value:
            raise AuthFailed("the token is empty", user_message="The GitHub token is empty. Set GITHUB_TOKEN.")
        return value

    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    @contextmanager
    def calling(self, what: str, *, write: bool = False) -> Iterator[Github]:
        """A REST call through PyGithub: limits before it, quota after it, typed errors instead of PyGithub's.

        Parameters:
            what: what is being done, for messages.
            write: it changes something, and counts against our own budget.
        """
        self.limits.check("core", write=write)
        client = self.rest
        try:
            yield client
        except _SHAPELESS as problem:
            raise not_github(what, problem) from problem
        except GithubException as problem:
            error = self._typed(problem, what)
            self.limits.failed("core", error)
            raise error from problem
        except requests.Timeout as problem:
            raise no_answer(what, str(problem)) from problem
        except requests.RequestException as problem:
            raise no_connection(what, str(problem)) from problem
        finally:
            self._remember_quota(client)

    def _typed(self, problem: GithubException, what: str) -> GitHubError:
        data = problem.data if isinstance(problem.data, dict) else {}
        message = str(data.get("message") or problem.message or "")
        entries = data.get("errors") or []
        reasons = [str(entry.get("message") or entry) if isinstance(entry, dict) else str(entry) for entry in entries]
        return refused(problem.status, problem.headers or {}, message, what, self.clock(), reasons)

    def _remember_quota(self, client: Github) -> None:
        remaining, limit = client.requester.rate_limiting
        if limit > 0 and remaining >= 0:
            reset = datetime.fromtimestamp(client.requester.rate_limiting_resettime, tz=UTC)
            self.limits.reported("core", Rate(limit, remaining, reset))


def as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authentication of its own: without one, requests would put a password from ~/.netrc over our header."""
    return request


def said_by(response: requests.Response) -> str:
    """GitHub's own sentence about a refusal."""
    try:
        body = response.json()
    except ValueError:
        return response.reason or ""
    return str(body.get("message", "")) if isinstance(body, dict) else ""


def present(value: T | None) -> T:
    """A value that GitHub always sends. Raises ValueError when it is missing: then it was not GitHub that answered."""
    if value is None:
        raise ValueError("a value that GitHub always sends is missing")
    return value


def graphql_url(api_url: str) -> str:
    """Where GraphQL lives beside a REST root: an own server has it at /api/graphql."""
    if api_url.endswith("/api/v3"):
        return api_url.removesuffix("/v3") + "/graphql"
    return f"{api_url}/graphql"


def is_hosted(api_url: str) -> bool:
    """True for GitHub's own service, whose published limits hold; an own server has none by default."""
    host = urlsplit(api_url).hostname or ""
    return host == "api.github.com" or host.endswith(".ghe.com")
