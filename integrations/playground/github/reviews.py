"""Reviews and the threads of their comments, with the rules by which GitHub refuses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from integrations.playground.github.diffs import FileChange
from integrations.playground.github.records import Pull, Review, Thread, ThreadComment
from integrations.playground.github.refusal import Refused, invalid, not_found
from integrations.playground.github.repositories import Repositories
from integrations.playground.github.store import Store

_STATES = {"COMMENT": "COMMENTED", "APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED"}


@dataclass(frozen=True)
class Remark:
    """One inline comment of a review to be made."""

    path: str
    line: int
    body: str
    side: str = "RIGHT"
    start_line: int = 0


class Reviews:
    def __init__(self, store: Store, repositories: Repositories, clock: Callable[[], float]) -> None:
        self._store = store
        self._repositories = repositories
        self._clock = clock

    async def create(
        self, pull: Pull, actor: str, event: str, body: str, *, commit: str = "", remarks: Sequence[Remark] = ()
    ) -> Review:
        """Submit a review. One remark outside the diff refuses the whole of it, as on GitHub."""
        state = _STATES.get(event or "COMMENT")
        if state is None:
            raise invalid("PullRequestReview", f"{event} is not a valid event", field="event", code="invalid")
        if actor == pull.author and state == "APPROVED":
            raise Refused(422, "Unprocessable Entity", errors=["Can not approve your own pull request"])
        if actor == pull.author and state == "CHANGES_REQUESTED":
            raise Refused(422, "Unprocessable Entity", errors=["Can not request changes on your own pull request"])
        if not body.strip() and not remarks and state != "APPROVED":
            raise Refused(422, "Unprocessable Entity", errors=["body can't be blank"])
        commit = commit or pull.head_sha
        hunks = await self._hunks(pull, commit, remarks)
        now = self._clock()
        with self._store.together():
            review = self._store.add(Review(pull.id, actor, state, body, commit, now))
            for remark, hunk in zip(remarks, hunks, strict=True):
                thread = self._store.add(
                    Thread(pull.id, remark.path, remark.side, remark.line, remark.line, remark.start_line)
                )
                self._store.add(
                    ThreadComment(pull.id, thread.id, review.id, actor, remark.body, commit, hunk, now, now)
                )
            self._store.change(pull, updated_at=now)
        return review

    async def _hunks(self, pull: Pull, commit: str, remarks: Sequence[Remark]) -> list[str]:
        if not remarks:
            return []
        repository = self._repositories[pull.slug]
        if await repository.resolve(commit) is None:
            raise Refused(422, "Unprocessable Entity", errors=["Commit could not be found"])
        changes = {change.path: change for change in await repository.changes(pull.merge_base, commit)}
        return [_hunk_of(remark, changes.get(remark.path)) for remark in remarks]

    def reply(self, thread: Thread, actor: str, body: str) -> ThreadComment:
        """Answer in a thread. GitHub makes a COMMENTED review of its own for it."""
        if not body.strip():
            raise Refused(422, "Unprocessable Entity", errors=["body can't be blank"])
        first = self._store.first(ThreadComment, "thread_id=?", thread.id)
        pull = self._store.get(Pull, thread.pull_id)
        if first is None or pull is None:
            raise not_found()
        now = self._clock()
        with self._store.together():
            review = self._store.add(Review(pull.id, actor, "COMMENTED", "", pull.head_sha, now))
            self._store.change(pull, updated_at=now)
            return self._store.add(
                ThreadComment(
                    pull.id, thread.id, review.id, actor, body, first.commit_sha, first.diff_hunk, now, now, first.id
                )
            )

    def resolve(self, thread: Thread, actor: str) -> Thread:
        return self._store.change(thread, resolved_by=actor)

    def unresolve(self, thread: Thread) -> Thread:
        return self._store.change(thread, resolved_by="")

    def dismiss(self, review: Review) -> Review:
        if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
            raise Refused(422, "Unprocessable Entity", errors=["Can not dismiss a commented pull request review"])
        return self._store.change(review, state="DISMISSED")

    def opinions(self, pull: Pull) -> list[Review]:
        """Each person's newest review that approves or requests changes (`latestOpinionatedReviews`)."""
        where = "pull_id=? AND state IN ('APPROVED','CHANGES_REQUESTED','DISMISSED')"
        return list({review.author: review for review in self._store.all(Review, where, pull.id)}.values())

    def decision(self, pull: Pull) -> str | None:
        """GitHub's `reviewDecision`: None where no rule demands a review and nobody gave an opinion."""
        states = {review.state for review in self.opinions(pull)}
        if "CHANGES_REQUESTED" in states:
            return "CHANGES_REQUESTED"
        return "APPROVED" if "APPROVED" in states else None


def _hunk_of(remark: Remark, change: FileChange | None) -> str:
    if not remark.body.strip():
        raise Refused(422, "Unprocessable Entity", errors=["Body can't be blank"])
    if change is None:
        raise Refused(422, "Unprocessable Entity", errors=["Path could not be resolved"])
    hunk = change.hunk_at(remark.side, remark.line)
    if hunk is None or (remark.start_line and change.hunk_at(remark.side, remark.start_line) is not hunk):
        raise Refused(422, "Unprocessable Entity", errors=["Line could not be resolved"])
    numbers = [line.old if remark.side == "LEFT" else line.new for line in hunk.lines]
    shown = hunk.lines[: numbers.index(remark.line) + 1][-8:]
    return "\n".join([hunk.header, *(line.kind + line.text for line in shown)])
