"""What people write on a pull request: told to an agent once, in a count of its own, answered after a re-check."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlmodel import Session

from integrations.github import Comment, LightBatch, NotFound, PullDetail, Review, Thread
from scheduler.answering_people import Respondent, answer_words
from scheduler.comments import is_talk, of_outsiders, open_comments, places
from scheduler.judging import Kind
from scheduler.lifecycle import TaskState
from scheduler.policy import RetryPolicy, SettleTimes
from scheduler.registry import Event, Judgement, PullRequest, Registry
from tests.conftest import Clock
from tests.unit.supervised import NODE, POLICY, FakeGitHub, Stand, Truth, sha
from tests.unit.test_scenarios_pulls import asked, mended, tick

ASK = "Use semicolons, please.\nAnd quote every field."


@dataclass
class Commented(FakeGitHub):
    """A pull request that people talk about."""

    comments: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    resolved: set[str] = field(default_factory=set)
    replies: list[tuple[str, str]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def light(self, node_ids):  # type: ignore[no-untyped-def]  # as above it
        batch: LightBatch = super().light(node_ids)
        (one,) = batch.pulls.values()
        said = f"{len(self.comments)}:{len(self.reviews)}:{len(self.replies)}:{sorted(self.resolved)}"
        return replace(batch, pulls={NODE: replace(one, fingerprint=f"{one.fingerprint}:{said}")})

    def detail(self, slug: str, number: int) -> PullDetail:
        seen = super().detail(slug, number)
        threads = tuple(
            Thread(one.thread_id, one.path, one.line, one.thread_id in self.resolved, False, (one,))
            for one in self.comments
            if one.thread_id
        )
        return replace(seen, threads=threads, people_comments=tuple(self.comments), reviews=tuple(self.reviews))

    def reply_in_thread(self, thread_id: str, marker: str, body: str) -> None:
        if thread_id in self.gone:
            raise NotFound("gone")
        self.replies.append((thread_id, body))

    def resolve_thread(self, thread_id: str) -> None:
        self.resolved.add(thread_id)

    def upsert_comment(self, slug: str, number: int, marker: str, body: str) -> str:
        self.written.append(body)
        return "https://github.test/comment"


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    made = Stand(registry, clock, replace(POLICY, settle=SettleTimes(10.0, 5.0, people_s=30.0)))
    made.github = Commented()
    made._parts()
    return made


@pytest.fixture
def github(stand: Stand) -> Commented:
    assert isinstance(stand.github, Commented)
    return stand.github


def comment(stand: Stand, n: int = 1, path: str = "app/export.py", **more: object) -> Comment:
    said = Comment(
        id=f"C{n}", author="ben", author_is_user=True, body=ASK, url="", created_at=stand.clock(),
        path=path, line=3 if path else None, thread_id=f"T{n}" if path else "",
    )  # fmt: skip
    return replace(said, **more)  # type: ignore[arg-type]  # fields of a comment


async def settled(stand: Stand, ticks: int = 4) -> None:
    for _ in range(ticks):
        await tick(stand)
        stand.council()
        if any("answers" in wants for wants in [await stand.judge()]):
            await Respondent(stand.outside).answer(1)


async def told(stand: Stand) -> None:
    """A task whose comment an agent was told, and that has pushed an answer to it."""
    stand.task_in(TaskState.VERIFYING)
    await settled(stand)
    mended(stand, 2)


async def test_a_comment_is_told_word_by_word_in_a_count_of_its_own(stand: Stand, github: Commented) -> None:
    github.comments = [comment(stand)]
    stand.task_in(TaskState.VERIFYING)
    await settled(stand)
    (row,) = stand.rows(Judgement, kind=Kind.DIAGNOSE)
    (shown,) = row.facts["comments"]
    assert (shown["by"], shown["path"], shown["line"], shown["body"]) == ("ben", "app/export.py", 3, ASK)
    task = stand.task()
    assert (task.retries_people, task.retries_failure, task.retries_review) == (1, 0, 0)


@pytest.mark.proves("19")
async def test_it_is_answered_and_resolved_only_after_the_new_commit_was_checked(
    stand: Stand, github: Commented
) -> None:
    github.comments = [comment(stand)]
    await told(stand)
    github.truths[sha(2)] = Truth(checks="wait")
    await settled(stand)
    assert github.replies == [] and github.resolved == set() and stand.said("needs_help") == []
    github.truths[sha(2)] = Truth()
    await settled(stand, 6)
    ((thread, words),) = github.replies
    assert thread == "T1" and sha(2) in words and "`app/export.py`" in words and "approved by" in words
    assert github.resolved == {"T1"} and stand.task().state is TaskState.READY
    assert asked(stand) == ["people"] and stand.said("needs_help") == []


async def test_the_council_holds_the_new_commit_against_what_was_asked(stand: Stand, github: Commented) -> None:
    github.comments = [comment(stand)]
    await told(stand)
    await tick(stand)
    await tick(stand)
    (row,) = stand.rows(Judgement, kind=Kind.REVIEW)
    assert row.facts["asked"] == [
        "What ben asked for at app/export.py:3: “Use semicolons, please. And quote every field.”"
    ]


async def test_what_nobody_reviewed_and_no_file_shows_stays_open_for_the_person(
    stand: Stand, github: Commented
) -> None:
    stand.policy = replace(stand.policy, reviews=replace(stand.policy.reviews, families=0))
    github.comments = [comment(stand, path="app/other.py")]
    await told(stand)
    await settled(stand, 6)
    ((_, words),) = github.replies
    assert "stays open" in words and github.resolved == set()
    (call,) = stand.said("needs_help")
    assert "resolve them, or comment again" in stand.task().help_cause and call.task_id == 1


async def test_a_look_from_before_the_answer_does_not_bring_the_thread_back(stand: Stand, github: Commented) -> None:
    github.comments = [comment(stand)]
    await told(stand)
    seen, began = github.detail("x", 1), stand.clock()
    await settled(stand, 6)
    assert github.resolved == {"T1"}
    stand.change(lambda s: stand.watcher._put_detail(s, 1, seen, "old", began))
    assert stand.pull.facts["unresolved"] == [] and stand.pull.fingerprint != "old"


async def test_a_thread_that_was_deleted_wants_no_answer(stand: Stand, github: Commented) -> None:
    github.comments, github.gone = [comment(stand)], {"T1"}
    await told(stand)
    await settled(stand, 6)
    assert stand.pull.owed_answers == [] and stand.said("needs_help") == []


async def test_a_person_who_is_still_writing_is_waited_for_and_ready_is_withdrawn_meanwhile(
    stand: Stand, github: Commented
) -> None:
    stand.task_in(TaskState.VERIFYING)
    await settled(stand, 6)
    assert stand.task().state is TaskState.READY
    github.comments = [comment(stand)]
    await tick(stand)
    assert stand.task().state is TaskState.VERIFYING and asked(stand) == []
    github.comments.append(comment(stand, 2, body="And a header."))
    await settled(stand)
    assert asked(stand) == ["people"]
    assert [one["body"] for one in stand.rows(Judgement, kind=Kind.DIAGNOSE)[0].facts["comments"]] == [
        ASK,
        "And a header.",
    ]


async def test_when_the_rounds_are_spent_a_person_is_asked(stand: Stand, github: Commented) -> None:
    stand.policy = replace(stand.policy, retries=RetryPolicy(people=1))
    github.comments = [comment(stand)]
    await told(stand)
    await settled(stand, 6)
    github.comments.append(comment(stand, 2, body="Not like this."))
    await settled(stand)
    assert asked(stand) == ["people", "people"]
    with pytest.raises(Exception, match="needs_help"):
        mended(stand, 3)  # the answer does not start a third attempt: it calls a person
    assert stand.task().retries_people == 2


async def test_words_beside_the_code_and_a_review_that_refuses_are_told_and_answered(
    stand: Stand, github: Commented
) -> None:
    github.comments = [comment(stand, 1, path=""), comment(stand, 2, path="", body="Thanks, looks great! 🎉")]
    github.reviews = [Review("ana", True, "CHANGES_REQUESTED", "Too slow.", sha(1), stand.clock(), id="R1")]
    await told(stand)
    await settled(stand, 6)
    assert [one["body"] for one in stand.rows(Judgement, kind=Kind.DIAGNOSE)[0].facts["comments"]] == [ASK, "Too slow."]
    assert len(github.written) == 2 and github.replies == []
    assert any(words.startswith("> Too slow.\n\n") for words in github.written)
    assert stand.task().state is TaskState.READY


@pytest.mark.parametrize(
    ("body", "talk"),
    [
        ("LGTM :+1:", True), ("thank you so much!", True), ("// ana, lunch?", True), ("@ana what do you think?", True),
        ("🎉", True), ("@waggle use tabs", False), ("Looks good, but rename it", False), ("use semicolons", False),
    ],
)  # fmt: skip
def test_talk_sends_nobody(body: str, talk: bool) -> None:
    assert is_talk(body) is talk


@pytest.mark.proves("19")
def test_outsiders_send_nobody_and_are_shown(stand: Stand) -> None:
    stranger = comment(stand, insider=False)
    thread = Thread("T1", "app/export.py", 3, False, False, (stranger,))
    seen = replace(FakeGitHub().detail("x", 1), threads=(thread,), people_comments=(stranger,))
    assert open_comments(seen, (), ()) == [] and of_outsiders(seen) == 1
    both = replace(thread, comments=(stranger, comment(stand, 2, thread_id="T1")))
    seen = replace(seen, threads=(both,), people_comments=both.comments)
    assert [one["id"] for one in open_comments(seen, (), ())] == ["C2"] and of_outsiders(seen) == 0


def test_a_thread_is_one_place_however_often_people_speak_in_it(stand: Stand) -> None:
    same = (comment(stand, 1, thread_id="T1"), comment(stand, 2, thread_id="T1"))
    seen = replace(
        FakeGitHub().detail("x", 1), threads=(Thread("T1", "a", 1, False, True, same),), people_comments=same
    )
    assert places(open_comments(seen, (), ())) == 1


def test_nothing_of_a_person_is_alive_in_the_answer(stand: Stand) -> None:
    words = answer_words({"thread": "", "path": "", "body": "@ana fixes #3 <!-- x -->"}, sha(2), (), (), settled=True)
    assert "@ana" not in words and "#3" not in words and "<!--" not in words


async def test_an_answer_is_an_event(stand: Stand, github: Commented) -> None:
    github.comments = [comment(stand)]
    await told(stand)
    await settled(stand, 6)
    (event,) = stand.rows(Event, what="answered_people")
    assert "1 threads resolved" in event.why and event.at >= stand.clock() - timedelta(hours=1)
    assert stand.registry.read_now(lambda s: _owed(s)) == []


def _owed(session: Session) -> list[dict[str, object]]:
    pull = session.get(PullRequest, 1)
    assert pull is not None
    return pull.owed_answers
