"""What can be done with a pull request, by whom, and when GitHub says no. Both APIs and the pages end up here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from integrations.playground.github.checks import required_contexts, rollup, unmet
from integrations.playground.github.diffs import FileChange
from integrations.playground.github.mergeability import Mergeability
from integrations.playground.github.pushes import Pushes
from integrations.playground.github.records import Comment, Happening, Pull, Repo
from integrations.playground.github.refusal import Refused, invalid, not_found
from integrations.playground.github.repositories import BareRepository, Commit, Repositories
from integrations.playground.github.store import Store

MAX_BODY = 65_536
MAX_TITLE = 256


@dataclass(frozen=True)
class Opening:
    """The wish to open a pull request."""

    head: str
    base: str
    title: str
    body: str = ""
    draft: bool = False


class PullRequests:
    def __init__(
        self,
        store: Store,
        repositories: Repositories,
        pushes: Pushes,
        mergeability: Mergeability,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._repositories = repositories
        self._pushes = pushes
        self._mergeability = mergeability
        self._clock = clock

    def repo(self, slug: str) -> Repo:
        repo = self._store.first(Repo, "lower(slug)=lower(?)", slug)
        if repo is None:
            raise not_found()
        return repo

    def find(self, slug: str, number: int) -> Pull:
        pull = self._store.first(Pull, "slug=? AND number=?", self.repo(slug).slug, number)
        if pull is None:
            raise not_found()
        return pull

    async def open(self, slug: str, wish: Opening, actor: str) -> Pull:
        repo = self.repo(slug)
        repository = self._repositories[repo.slug]
        owner, _, branch = wish.head.rpartition(":")
        if not wish.title.strip():
            raise invalid("PullRequest", "title can't be blank", field="title", code="missing_field")
        async with repository.lock:  # a push between looking and remembering would leave a stale head behind
            base = await repository.resolve(f"refs/heads/{wish.base}")
            head = await repository.resolve(f"refs/heads/{branch}") if owner in ("", repo.owner) else None
            if base is None:
                raise invalid("PullRequest", "base is invalid", field="base", code="invalid")
            if head is None:
                raise invalid("PullRequest", "head is invalid", field="head", code="invalid")
            self._refuse_duplicate(repo, branch, wish.base)
            merge_base = await repository.merge_base(base, head)
            if merge_base is None:
                raise invalid("PullRequest", f"The {branch} branch has no history in common with {wish.base}")
            if merge_base == head:
                raise invalid("PullRequest", f"No commits between {wish.base} and {branch}")
            pull = self._remember(repo, branch, head, base, merge_base, wish, actor)
            await repository.move(f"refs/pull/{pull.number}/head", head)
        self._mergeability.ask(pull)
        return pull

    def _refuse_duplicate(self, repo: Repo, branch: str, base: str) -> None:
        where = "slug=? AND head_branch=? AND base_branch=? AND state='open'"
        if self._store.first(Pull, where, repo.slug, branch, base) is not None:
            raise invalid("PullRequest", f"A pull request already exists for {repo.owner}:{branch}.")

    def _remember(
        self, repo: Repo, branch: str, head: str, base: str, merge_base: str, wish: Opening, actor: str
    ) -> Pull:
        now = self._clock()
        with self._store.together():
            return self._store.add(
                Pull(
                    slug=repo.slug,
                    number=self._store.count(Pull, "slug=?", repo.slug) + 1,
                    title=wish.title[:MAX_TITLE],
                    body=_body(wish.body, "PullRequest"),
                    author=actor,
                    head_branch=branch,
                    head_sha=head,
                    base_branch=wish.base,
                    base_sha=base,
                    merge_base=merge_base,
                    created_at=now,
                    updated_at=now,
                    draft=wish.draft,
                )
            )

    async def edit(self, pull: Pull, actor: str, *, title: str | None, body: str | None, base: str | None) -> Pull:
        if title is not None:
            pull = self._touch(pull, title=title[:MAX_TITLE])
        if body is not None:
            pull = self._touch(pull, body=_body(body, "PullRequest"))
        if base is not None and base != pull.base_branch:
            repository = self._repositories[pull.slug]
            tip = await repository.resolve(f"refs/heads/{base}")
            if tip is None:
                raise invalid("PullRequest", "base is invalid", field="base", code="invalid")
            merge_base = await repository.merge_base(tip, pull.head_sha) or tip
            pull = self._touch(pull, base_branch=base, base_sha=tip, merge_base=merge_base)
            self._happened(pull, "base_ref_changed", actor)
            self._mergeability.ask(pull)
        return pull

    def close(self, pull: Pull, actor: str) -> Pull:
        if not pull.is_open:
            return pull
        with self._store.together():
            self._happened(pull, "closed", actor)
            return self._touch(pull, state="closed", closed_at=self._clock(), auto_merge_by="")

    async def reopen(self, pull: Pull, actor: str) -> Pull:
        if pull.is_open:
            return pull
        repository = self._repositories[pull.slug]
        async with repository.lock:
            head = await repository.resolve(f"refs/heads/{pull.head_branch}")
            if pull.merged or head is None:
                why = "it was merged" if pull.merged else f"the {pull.head_branch} branch has been deleted"
                raise invalid("PullRequest", f"state cannot be changed: {why}", field="state", code="invalid")
            self._refuse_duplicate(self.repo(pull.slug), pull.head_branch, pull.base_branch)
            base = await repository.resolve(f"refs/heads/{pull.base_branch}") or pull.base_sha
            merge_base = await repository.merge_base(base, head) or pull.merge_base
            await repository.move(f"refs/pull/{pull.number}/head", head)
            with self._store.together():
                self._happened(pull, "reopened", actor)
                pull = self._touch(
                    pull, state="open", closed_at=0.0, head_sha=head, base_sha=base, merge_base=merge_base
                )
        self._mergeability.ask(pull)
        return pull

    def set_draft(self, pull: Pull, draft: bool, actor: str) -> Pull:
        if pull.draft == draft:
            return pull
        with self._store.together():
            self._happened(pull, "convert_to_draft" if draft else "ready_for_review", actor)
            return self._touch(pull, draft=draft)

    async def update_branch(self, pull: Pull, actor: str, expected_head: str = "") -> Pull:
        """Merge the base into the head branch, as a commit by the actor."""
        if expected_head and expected_head != pull.head_sha:
            raise Refused(422, f"expected head sha didn't match current head ref. {pull.head_sha}")
        repository = self._repositories[pull.slug]
        async with repository.lock:
            base = await self._tip(repository, pull.base_branch)
            if await repository.is_ancestor(base, pull.head_sha):
                raise Refused(422, "There are no new commits on the base branch.")
            merged = await repository.merge_tree(pull.head_sha, base)
            if not merged.clean:
                raise Refused(422, f"merge conflict between base and head: {', '.join(merged.conflicts)}")
            message = f"Merge branch '{pull.base_branch}' into {pull.head_branch}"
            sha = await repository.write_commit(
                merged.tree, [pull.head_sha, base], message, author=actor, committer="GitHub", at=self._clock()
            )
            if not await repository.move(f"refs/heads/{pull.head_branch}", sha, pull.head_sha):
                raise Refused(422, "expected head sha didn't match current head ref.")
            await self._pushes.settle_locked(repository, actor)
        return self._store.again(pull)

    async def merge(
        self,
        pull: Pull,
        actor: str,
        *,
        expected_head: str = "",
        title: str = "",
        message: str = "",
        method: str = "merge",
        bypass: bool = False,
    ) -> Pull:
        """Merge for real in the bare repository, and close the pull request.

        Parameters:
            expected_head: refuse (409) when the head is another commit by now.
            method: `merge` makes a merge commit, `squash` one commit with one parent.
            bypass: merge although required checks did not pass; only administrators at the page may.
        """
        if method not in ("merge", "squash"):
            raise Refused(405, f"{method.capitalize()} merges are not allowed on this repository.")
        repository = self._repositories[pull.slug]
        async with repository.lock:
            await self._pushes.settle_locked(repository, actor)
            pull = self._store.again(pull)
            self._refuse_merge(pull, expected_head, bypass)
            base = await self._tip(repository, pull.base_branch)
            merged = await repository.merge_tree(base, pull.head_sha)
            if not merged.clean:
                raise Refused(405, "Pull Request is not mergeable")
            owner = pull.slug.partition("/")[0]
            subject = f"Merge pull request #{pull.number} from {owner}/{pull.head_branch}"
            default = (f"{pull.title} (#{pull.number})", "") if method == "squash" else (subject, pull.title)
            text = f"{title or default[0]}\n\n{message or default[1]}".strip() + "\n"
            parents = [base] if method == "squash" else [base, pull.head_sha]
            sha = await repository.write_commit(
                merged.tree, parents, text, author=actor, committer="GitHub", at=self._clock()
            )
            # Written first: were the process killed right after the branch moved, the next start finds who merged.
            pull = self._store.change(pull, merging_by=actor, merge_sha=sha)
            if not await repository.move(f"refs/heads/{pull.base_branch}", sha, base):
                self._store.change(pull, merging_by="", merge_sha="")
                raise Refused(405, "Base branch was modified. Review and try the merge again.")
            await self._pushes.settle_locked(repository, actor)
        return self._store.again(pull)

    def _refuse_merge(self, pull: Pull, expected_head: str, bypass: bool) -> None:
        if not pull.is_open:
            raise Refused(405, "Pull Request is not mergeable")
        if expected_head and expected_head != pull.head_sha:
            raise Refused(409, "Head branch was modified. Review and try the merge again.")
        if pull.draft:
            raise Refused(405, "Pull Request is still a draft")
        if bypass:
            return
        required = required_contexts(self.repo(pull.slug), pull.base_branch)
        missing = unmet(required, rollup(self._store, pull.slug, pull.head_sha))
        if len(missing) == 1:
            [(context, why)] = missing.items()
            raise Refused(405, f'Required status check "{context}" is {why}.')
        if missing:
            raise Refused(
                405, f"{len(missing)} of {len(required)} required status checks have not succeeded: {_count(missing)}."
            )

    async def delete_branch(self, slug: str, ref: str, actor: str) -> None:
        """Delete `heads/NAME`; an open pull request from it is closed by that."""
        repo = self.repo(slug)
        if ref == f"heads/{repo.default_branch}":
            raise Refused(422, "Cannot delete the default branch")
        repository = self._repositories[repo.slug]
        async with repository.lock:
            if not ref.startswith("heads/") or not await repository.delete(f"refs/{ref}"):
                raise Refused(422, "Reference does not exist")
            await self._pushes.settle_locked(repository, actor)

    async def files(self, pull: Pull) -> tuple[FileChange, ...]:
        return await self._repositories[pull.slug].changes(pull.merge_base, pull.head_sha)

    async def commits(self, pull: Pull) -> list[Commit]:
        return await self._repositories[pull.slug].commits(pull.head_sha, f"^{pull.merge_base}")

    def comment(self, pull: Pull, actor: str, body: str) -> Comment:
        if not body.strip():
            raise invalid("IssueComment", "body can't be blank", field="body", code="missing_field")
        now = self._clock()
        with self._store.together():
            self._touch(pull)
            return self._store.add(Comment(pull.id, actor, _body(body, "IssueComment"), now, now))

    def edit_comment(self, comment: Comment, body: str) -> Comment:
        if not body.strip():
            raise invalid("IssueComment", "body can't be blank", field="body", code="missing_field")
        return self._store.change(comment, body=_body(body, "IssueComment"), updated_at=self._clock())

    async def _tip(self, repository: BareRepository, branch: str) -> str:
        tip = await repository.resolve(f"refs/heads/{branch}")
        if tip is None:
            raise Refused(405, "Pull Request is not mergeable")
        return tip

    def _touch(self, pull: Pull, **values: object) -> Pull:
        return self._store.change(pull, updated_at=self._clock(), **values)

    def _happened(self, pull: Pull, kind: str, actor: str) -> None:
        self._store.add(Happening(pull.id, kind, actor, self._clock()))


def _body(text: str, resource: str) -> str:
    if len(text) > MAX_BODY:
        raise invalid(resource, f"body is too long (maximum is {MAX_BODY} characters)", field="body")
    return text


def _count(missing: dict[str, str]) -> str:
    return ", ".join(f"{context} is {why}" for context, why in missing.items())
