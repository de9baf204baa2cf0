"""The door of the GitHub room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from integrations.github import ci_output, conversation, detail, probe, pulls, threads
from integrations.github.answers import ViewerAnswer
from integrations.github.connection import TIMEOUT_S, Connection, is_hosted, present
from integrations.github.graphql import ask, remember
from integrations.github.light import LightQuery
from integrations.github.limits import Clock, Limits, utc_now
from integrations.github.medium import MediumQuery
from integrations.github.values import (
    Capability,
    CheckOutput,
    JobAttempt,
    LightBatch,
    MediumBatch,
    PullDetail,
    PullRef,
    Rate,
    RepositoryFacts,
    ReviewComment,
)
from integrations.redact import redact

LONGEST_DESCRIPTION = 140
_STATUSES_REMEMBERED = 500


class GitHub:
    """GitHub as Waggle uses it. Blocking, and safe to call from any thread: use `asyncio.to_thread`.

    Reads are repeated by themselves after a 5xx; writes never are, they look first. Every error is a GitHubError.

    Parameters:
        api_url: `https://api.github.com`, or `https://HOST/api/v3` of an own server or the playground.
        token: gives the credential at each request.
        clock: the time now, UTC.
        limits: shared by all clients of a process that use the same credential; by default GitHub's own limits hold
            for GitHub's own service only.
        timeout_s: whole seconds to wait for one answer.
    """

    def __init__(
        self,
        api_url: str,
        token: Callable[[], str],
        clock: Clock = utc_now,
        limits: Limits | None = None,
        timeout_s: int = TIMEOUT_S,
    ) -> None:
        if limits is None:
            limits = Limits(clock) if is_hosted(api_url) else Limits(clock, None, None)
        self._connection = Connection(api_url, token, clock, limits, timeout_s)
        self._light = LightQuery(self._connection)
        self._medium = MediumQuery(self._connection)
        self._login: tuple[str, str] | None = None
        self._statuses: OrderedDict[tuple[str, str, str], tuple[str, str, str]] = OrderedDict()
        self._guard = threading.Lock()
        self._looking = threading.Lock()
        self._looking_closer = threading.Lock()

    def viewer(self) -> str:
        """The account of the credential, such as `ana` or `waggle[bot]`; asked once for each token."""
        token = self._connection.token()
        known = self._login
        if known is not None and known[0] == token:
            return known[1]
        reply = ask(self._connection, "viewer", {}, ViewerAnswer, "sign in")
        remember(self._connection.limits, reply.data.rate_limit)
        self._login = (token, reply.data.viewer.login)
        return reply.data.viewer.login

    def repository(self, slug: str) -> RepositoryFacts:
        """A repository. Raises NotFound when it does not exist or the credential may not see it."""
        with self._connection.calling(f"look at {slug}") as client:
            found = client.get_repo(slug)
            hosted = self._connection.api_url == "https://api.github.com"
            return RepositoryFacts(
                node_id=present(found.node_id),
                default_branch=found.default_branch,
                private=found.private,
                can_push=bool(found.permissions and found.permissions.push),
                html_url=found.html_url,
                clone_url=f"https://github.com/{slug}.git" if hosted else found.clone_url,
                archived=found.archived,
            )

    def find_pull(self, slug: str, branch: str) -> PullRef | None:
        """The open pull request of a branch of the repository itself; a fork's branch of that name does not count."""
        return pulls.find_pull(self._connection, slug, branch)

    def open_pull(self, slug: str, *, head: str, base: str, title: str, body: str, draft: bool) -> PullRef:
        """Open a pull request; one that is open for the branch is returned instead. Raises Invalid, Forbidden."""
        return pulls.open_pull(
            self._connection, slug, head=head, base=base, title=redact(title)[:250], body=redact(body), draft=draft
        )

    def close_pull(self, slug: str, number: int) -> None:
        """Close a pull request; does nothing to one that is closed or merged."""
        pulls.close_pull(self._connection, slug, number)

    def light(self, node_ids: Sequence[str]) -> LightBatch:
        """Look at many pull requests, cheaply. What could not be seen is in `failed`.

        Raises AuthFailed, RateLimited or SecondaryLimited (with `not_before`) when nothing could be seen for it.
        """
        with self._looking:
            return self._light.look(node_ids)

    def medium(self, node_ids: Sequence[str]) -> MediumBatch:
        """Look closer at pull requests, many at once. Those that need a look of their own are in `left`.

        Raises AuthFailed, RateLimited or SecondaryLimited (with `not_before`) when nothing could be seen for it.
        """
        own_login = self.viewer()
        with self._looking_closer:
            return self._medium.look(node_ids, own_login)

    def detail(self, slug: str, number: int) -> PullDetail:
        """Look at one pull request closely: checks, required ones, threads, comments, reviews, who ended it."""
        return detail.look_closely(self._connection, slug, number, self.viewer())

    def check_output(self, slug: str, job_id: int) -> CheckOutput:
        """What a check run reported, and its job's log (fetched without the credential, at most 8 MB of its end)."""
        return ci_output.check_output(self._connection, slug, job_id)

    def rerun_failed(self, slug: str, run_id: int) -> None:
        """Start the failed jobs of a workflow run again. Raises Forbidden without the right to Actions."""
        with self._connection.calling(f"start run {run_id} of {slug} again", write=True) as client:
            client.requester.requestJsonAndCheck("POST", f"/repos/{slug}/actions/runs/{run_id}/rerun-failed-jobs")

    def job_attempt(self, slug: str, job_id: int) -> JobAttempt:
        """Which attempt of its workflow run a job belongs to. Raises NotFound for what is no Actions job."""
        return ci_output.job_attempt(self._connection, slug, job_id)

    def upsert_comment(self, slug: str, number: int, marker: str, body: str) -> str:
        """Write a comment, or change ours with that marker (see `markers.marker`). Returns its address."""
        return conversation.upsert_comment(self._connection, slug, number, self.viewer(), marker, body)

    def post_review(self, slug: str, number: int, head: str, body: str, comments: Sequence[ReviewComment]) -> None:
        """Post one review of a head commit, as a comment; remarks on lines outside the diff go into its body."""
        conversation.post_review(self._connection, slug, number, self.viewer(), head, body, comments)

    def reply_in_thread(self, thread_id: str, marker: str, body: str) -> None:
        """Say something in a review thread, once for each marker. Raises NotFound when the thread is gone."""
        threads.reply_in_thread(self._connection, thread_id, self.viewer(), marker, body)

    def resolve_thread(self, thread_id: str) -> None:
        """Resolve a review thread; does nothing to one that is. Raises NotFound when it is gone."""
        threads.resolve_thread(self._connection, thread_id)

    def statuses(self, slug: str, sha: str) -> dict[str, tuple[str, str]]:
        """The newest commit status of each context: (state, description)."""
        with self._connection.calling(f"read the statuses of {slug} at {sha[:7]}") as client:
            combined = client.get_repo(slug).get_commit(sha).get_combined_status()
            return {one.context: (one.state, one.description or "") for one in present(combined.statuses)}

    def set_status(self, slug: str, sha: str, context: str, state: str, description: str, url: str) -> None:
        """Set a commit status; the same one twice is sent once.

        Parameters:
            state: pending, success, failure or error.
            description: cut at 140 characters.
        """
        said = (state, redact(description)[:LONGEST_DESCRIPTION], url)
        key = (slug, sha, context)
        with self._guard:
            if self._statuses.get(key) == said:
                return
        with self._connection.calling(f"set {context} of {slug}", write=True) as client:
            body = {"state": state, "context": context, "description": said[1]} | ({"target_url": url} if url else {})
            _, answer = client.requester.requestJsonAndCheck("POST", f"/repos/{slug}/statuses/{sha}", input=body)
            present((answer or {}).get("state"))
        with self._guard:
            self._statuses[key] = said
            if len(self._statuses) > _STATUSES_REMEMBERED:
                self._statuses.popitem(last=False)

    def probe(self, slug: str, root: str = "https://github.com") -> list[Capability]:
        """What the credential can do in a repository, with what to change where it cannot. Nothing is written.

        Parameters:
            root: of GitHub's pages, for what says where to click.
        """
        return probe.probe(self._connection, slug, self.viewer, lambda: self.repository(slug).can_push, root)

    def rates(self) -> dict[str, Rate]:
        """What GitHub last said about its quotas, "core" and "graphql"."""
        return self._connection.limits.rates()
