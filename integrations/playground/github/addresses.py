"""Where things are: pages for people and places in the API. Computed for each answer, never stored."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.playground.github.records import Comment, Job, Pull, Review, Run, ThreadComment


@dataclass(frozen=True)
class Addresses:
    """Addresses under one host.

    Parameters:
        site: `http://HOST:PORT`.
    """

    site: str

    @property
    def api(self) -> str:
        return f"{self.site}/github/api/v3"

    def user(self, login: str) -> str:
        return f"{self.site}/github/{login}"

    def repo(self, slug: str) -> str:
        return f"{self.site}/github/{slug}"

    def clone(self, slug: str) -> str:
        return f"{self.site}/github/git/{slug}.git"

    def pull(self, pull: Pull) -> str:
        return f"{self.repo(pull.slug)}/pull/{pull.number}"

    def comment(self, pull: Pull, comment: Comment) -> str:
        return f"{self.pull(pull)}#issuecomment-{comment.id}"

    def review(self, pull: Pull, review: Review) -> str:
        return f"{self.pull(pull)}#pullrequestreview-{review.id}"

    def remark(self, pull: Pull, remark: ThreadComment) -> str:
        return f"{self.pull(pull)}#discussion_r{remark.id}"

    def commit(self, slug: str, sha: str) -> str:
        return f"{self.repo(slug)}/commit/{sha}"

    def run(self, run: Run) -> str:
        return f"{self.repo(run.slug)}/actions/runs/{run.id}"

    def job(self, job: Job) -> str:
        return f"{self.repo(job.slug)}/actions/runs/{job.run_id}/job/{job.id}"

    def log(self, job: Job, ticket: str) -> str:
        """Where a job's log is downloaded from, on another path and without a token, as on GitHub."""
        return f"{self.site}/github/actions-logs/{job.id}/{ticket}"
