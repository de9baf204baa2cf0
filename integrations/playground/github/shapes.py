"""Records as the JSON of GitHub's REST API. Pure; only the fields that clients read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from integrations.playground.github.addresses import Addresses
from integrations.playground.github.diffs import FileChange
from integrations.playground.github.people import Account, account
from integrations.playground.github.records import (
    Comment,
    Happening,
    Pull,
    Repo,
    Review,
    Thread,
    ThreadComment,
    node_id,
)
from integrations.playground.github.repositories import Commit

Json = dict[str, object]


def moment(seconds: float) -> str | None:
    """GitHub's form of a time; null when it has not happened."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


@dataclass(frozen=True)
class Shapes:
    """Parameters: `at`, addresses on the host that the caller used."""

    at: Addresses

    def user(self, login: str) -> Json:
        who: Account = account(login)
        return {
            "login": who.login,
            "id": who.id,
            "node_id": f"U_{who.id}",
            "type": who.type,
            "site_admin": False,
            "name": who.name or None,
            "url": f"{self.at.api}/users/{who.login}",
            "html_url": self.at.user(who.login),
        }

    def repo(self, repo: Repo, *, empty: bool = False) -> Json:
        url = f"{self.at.api}/repos/{repo.slug}"
        return {
            "id": repo.id,
            "node_id": node_id(repo),
            "name": repo.name,
            "full_name": repo.slug,
            "owner": {**self.user("ana"), "login": repo.owner, "type": "Organization", "id": 7000 + repo.id},
            "private": repo.private,
            "visibility": "private" if repo.private else "public",
            "description": repo.description or None,
            "fork": False,
            "archived": False,
            "disabled": False,
            "default_branch": repo.default_branch,
            "url": url,
            "html_url": self.at.repo(repo.slug),
            "clone_url": self.at.clone(repo.slug),
            "pulls_url": url + "/pulls{/number}",
            "created_at": moment(repo.created_at),
            "pushed_at": moment(repo.created_at),
            "size": 0 if empty else 1,
            "has_issues": True,
            "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
            "allow_merge_commit": True,
            "allow_squash_merge": True,
            "allow_rebase_merge": False,
            "allow_auto_merge": repo.auto_merge,
            "delete_branch_on_merge": False,
        }

    def pull(self, pull: Pull, repo: Repo, *, more: Json | None = None) -> Json:
        """A pull request as lists have it.

        Parameters:
            more: what only the answer about a single one has.
        """
        url = f"{self.at.api}/repos/{pull.slug}/pulls/{pull.number}"
        issue = f"{self.at.api}/repos/{pull.slug}/issues/{pull.number}"
        return {
            "id": pull.id,
            "node_id": node_id(pull),
            "number": pull.number,
            "url": url,
            "issue_url": issue,
            "comments_url": f"{issue}/comments",
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "statuses_url": f"{self.at.api}/repos/{pull.slug}/statuses/{pull.head_sha}",
            "html_url": self.at.pull(pull),
            "diff_url": f"{self.at.pull(pull)}.diff",
            "state": pull.state,
            "locked": False,
            "title": pull.title,
            "body": pull.body or None,
            "user": self.user(pull.author),
            "draft": pull.draft,
            "labels": [{"name": label, "color": "ededed", "id": n} for n, label in enumerate(pull.labels, 1)],
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "author_association": "CONTRIBUTOR",
            "auto_merge": self._auto_merge(pull),
            "head": self._end(pull.head_branch, pull.head_sha, repo),
            "base": self._end(pull.base_branch, pull.base_sha, repo),
            "merge_commit_sha": pull.merge_sha or None,
            "created_at": moment(pull.created_at),
            "updated_at": moment(pull.updated_at),
            "closed_at": moment(pull.closed_at),
            "merged_at": moment(pull.merged_at),
            **(more or {}),
        }

    def _end(self, branch: str, sha: str, repo: Repo) -> Json:
        label = f"{repo.owner}:{branch}"
        return {"label": label, "ref": branch, "sha": sha, "user": self.user(repo.owner), "repo": self.repo(repo)}

    def _auto_merge(self, pull: Pull) -> Json | None:
        if not pull.auto_merge_by:
            return None
        return {"enabled_by": self.user(pull.auto_merge_by), "merge_method": pull.auto_merge_method}

    def file(self, change: FileChange, slug: str, sha: str) -> Json:
        shape: Json = {
            "sha": change.blob,
            "filename": change.path,
            "status": change.status,
            "additions": change.additions,
            "deletions": change.deletions,
            "changes": change.additions + change.deletions,
            "raw_url": f"{self.at.repo(slug)}/raw/{sha}/{change.path}",
            "contents_url": f"{self.at.api}/repos/{slug}/contents/{change.path}?ref={sha}",
        }
        if change.patch:
            shape["patch"] = change.patch
        if change.previous_path:
            shape["previous_filename"] = change.previous_path
        return shape

    def commit(self, commit: Commit, slug: str) -> Json:
        url = f"{self.at.api}/repos/{slug}/commits/{commit.sha}"
        return {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha}",
            "url": url,
            "html_url": self.at.commit(slug, commit.sha),
            "commit": {
                "message": commit.message,
                "author": {
                    "name": commit.author,
                    "email": commit.author_email,
                    "date": moment(commit.authored_at),
                },
                "committer": {
                    "name": commit.committer,
                    "email": commit.committer_email,
                    "date": moment(commit.committed_at),
                },
                "tree": {"sha": commit.tree, "url": f"{self.at.api}/repos/{slug}/git/trees/{commit.tree}"},
                "url": f"{self.at.api}/repos/{slug}/git/commits/{commit.sha}",
                "comment_count": 0,
            },
            "author": self.user(commit.author),
            "committer": self.user(commit.committer),
            "parents": [
                {"sha": parent, "url": f"{self.at.api}/repos/{slug}/commits/{parent}"} for parent in commit.parents
            ],
        }

    def comment(self, comment: Comment, pull: Pull) -> Json:
        return {
            "id": comment.id,
            "node_id": node_id(comment),
            "url": f"{self.at.api}/repos/{pull.slug}/issues/comments/{comment.id}",
            "issue_url": f"{self.at.api}/repos/{pull.slug}/issues/{pull.number}",
            "html_url": self.at.comment(pull, comment),
            "user": self.user(comment.author),
            "author_association": "CONTRIBUTOR",
            "body": comment.body,
            "created_at": moment(comment.created_at),
            "updated_at": moment(comment.updated_at),
        }

    def review(self, review: Review, pull: Pull) -> Json:
        return {
            "id": review.id,
            "node_id": node_id(review),
            "user": self.user(review.author),
            "author_association": "CONTRIBUTOR",
            "body": review.body,
            "state": review.state,
            "commit_id": review.commit_sha,
            "submitted_at": moment(review.submitted_at),
            "html_url": self.at.review(pull, review),
            "pull_request_url": f"{self.at.api}/repos/{pull.slug}/pulls/{pull.number}",
        }

    def remark(self, remark: ThreadComment, thread: Thread, pull: Pull) -> Json:
        shape: Json = {
            "id": remark.id,
            "node_id": node_id(remark),
            "url": f"{self.at.api}/repos/{pull.slug}/pulls/comments/{remark.id}",
            "html_url": self.at.remark(pull, remark),
            "pull_request_url": f"{self.at.api}/repos/{pull.slug}/pulls/{pull.number}",
            "pull_request_review_id": remark.review_id,
            "user": self.user(remark.author),
            "author_association": "CONTRIBUTOR",
            "body": remark.body,
            "path": thread.path,
            "side": thread.side,
            "line": None if thread.outdated else thread.line,
            "original_line": thread.original_line,
            "start_line": thread.start_line or None,
            "subject_type": "line",
            "diff_hunk": remark.diff_hunk,
            "commit_id": pull.head_sha if not thread.outdated else remark.commit_sha,
            "original_commit_id": remark.commit_sha,
            "created_at": moment(remark.created_at),
            "updated_at": moment(remark.updated_at),
        }
        if remark.in_reply_to:
            shape["in_reply_to_id"] = remark.in_reply_to
        return shape

    def happening(self, happening: Happening, slug: str) -> Json:
        return {
            "id": happening.id,
            "node_id": node_id(happening),
            "url": f"{self.at.api}/repos/{slug}/issues/events/{happening.id}",
            "actor": self.user(happening.actor),
            "event": happening.kind,
            "commit_id": happening.after_sha or None,
            "created_at": moment(happening.created_at),
        }
