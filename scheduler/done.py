"""The definition of done: one head commit held against it. Pure; what is not known counts as waiting.

Evidence is only ever about the head commit that it names. Facts that were seen at another commit are not
facts here: they make a line wait, never pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from scheduler.ci import CheckRun, CiState, Rerun, judge_ci
from scheduler.review_bots import BotFact


class Check(StrEnum):
    PR_OPEN = "pr_open"  #: a pull request exists for the task's branch and is open
    NOT_DRAFT = "not_draft"
    SYNCED = "synced"  #: it merges cleanly into the base branch
    CI = "ci"  #: every required check passed on the head commit
    AI_REVIEW = "ai_review"  #: enough model families approved the head commit
    SCREENSHOTS = "screenshots"  #: user-interface changes show what they look like
    THREADS = "threads"  #: no review thread of a person is unresolved
    SIZE = "size"  #: small enough for a person to review
    SECRETS = "secrets"  #: nothing in the diff looks like a credential
    WORKFLOW_FILES = "workflow_files"  #: CI configuration is untouched, or a person looks at it
    HUMAN_REVIEW = "human_review"  #: a person merged it; never automatic


class State(StrEnum):
    OK = "ok"
    WAIT = "wait"
    FAIL = "fail"
    HUMAN = "human"
    NA = "n/a"


#: lines that may stay `human` without holding "PR ready" back: the person who merges looks at them anyway
_SHOWN_ONLY = frozenset({Check.HUMAN_REVIEW, Check.WORKFLOW_FILES, Check.AI_REVIEW, Check.SIZE, Check.SCREENSHOTS})


_OF_CI = {
    CiState.PASSED: State.OK,
    CiState.FLAKY: State.OK,
    CiState.WAITING: State.WAIT,
    CiState.RUNS_AGAIN: State.WAIT,
    CiState.CANCELLED: State.WAIT,
    CiState.RED: State.FAIL,
    CiState.BASE_BROKEN: State.HUMAN,
    CiState.MACHINERY: State.HUMAN,
    CiState.UNFINISHED: State.HUMAN,
    CiState.ACTION_REQUIRED: State.HUMAN,
    CiState.MISSING: State.HUMAN,
    CiState.UNREADABLE: State.HUMAN,
    CiState.UNVERIFIED: State.HUMAN,
}


@dataclass(frozen=True)
class ReviewFact:
    """One reviewer's verdict on one head commit."""

    family: str
    verdict: str
    head: str
    blockers: int = 0
    unmet: int = 0  #: acceptance checks that it says are not met
    counts: bool = True  #: False for stand-ins on a real repository


@dataclass(frozen=True)
class DiffFact:
    """What the change touches, computed from git at one head commit."""

    head: str
    files: tuple[str, ...] = ()
    lines: int = 0
    secrets: tuple[str, ...] = ()
    ui_files: tuple[str, ...] = ()
    workflow_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class PullFacts:
    """Everything known about a pull request, with the head commit that each fact belongs to.

    Attributes:
        head: the head commit now.
        head_since: when it was first seen.
        checks_head: head commit for which `checks`, `required` and threads were fetched; empty when never.
        rerun: the jobs of this head that were started again; None when none were.
        machinery: failed jobs of this head that CI's own trouble failed, by their logs, and that run no more.
        was_red: names of checks that were red before on this head, for a reason of their own.
        verified_head, verified_ok: a run of the repository's own verify command, for repositories without CI.
    """

    state: str
    head: str
    head_since: datetime
    url: str = ""
    draft: bool = False
    mergeable: str = "unknown"
    checks_head: str = ""
    checks: tuple[CheckRun, ...] = ()
    required: tuple[str, ...] = ()
    checks_complete: bool = True  #: False when there are more checks than could be fetched
    rerun: Rerun | None = None
    machinery: tuple[int, ...] = ()
    was_red: tuple[str, ...] = ()
    unresolved_threads: int | None = None
    threads_handed: bool = False  #: an attempt was told every comment in them
    answers_due: bool = False  #: something was pushed since it was told, and nobody was answered yet
    outsider_threads: int = 0  #: unresolved ones in which only people spoke who do not belong to the repository
    diff: DiffFact | None = None
    has_ci: bool = True
    verified_head: str = ""
    verified_ok: bool | None = None
    verified_why: str = ""  #: why it is not known, where it is not
    reviews: tuple[ReviewFact, ...] = ()
    bots: tuple[BotFact, ...] = ()  #: review bots from outside
    reviewers_left: bool = True  #: a reviewer may still answer for this head
    screenshots_head: str = ""
    picture_count: int = 0
    pictures_why: str = ""  #: why there are none for `screenshots_head`
    pictures_url: str = ""
    shown_by: str = ""  #: who showed the change in the conversation since this head commit is there
    ui_label: bool = False  #: somebody labelled the pull request `ui`


@dataclass(frozen=True)
class DonePolicy:
    """What "done" asks for.

    Attributes:
        families: different model families that must approve.
        author_family: the family that wrote the change; it alone never suffices.
        no_checks_s, missing_checks_s: seconds after which a head without checks means something.
        max_lines: changed lines above which a person is warned.
        wants_screenshots: the repository has a screenshot command, so UI changes need pictures.
    """

    families: int = 2
    author_family: str = ""
    no_checks_s: float = 180.0
    missing_checks_s: float = 600.0
    max_lines: int = 1500
    wants_screenshots: bool = False


@dataclass(frozen=True)
class Line:
    """One line of the definition of done."""

    check: Check
    state: State
    detail: str = ""
    url: str = ""


@dataclass(frozen=True)
class Verdict:
    """The whole, for one head commit."""

    head: str
    lines: tuple[Line, ...] = field(default=())

    def line(self, check: Check) -> Line:
        return next(line for line in self.lines if line.check is check)

    @property
    def complete(self) -> bool:
        """Nothing waits, nothing fails, and nobody but the person who merges has to act."""
        return all(
            line.state in {State.OK, State.NA} or (line.state is State.HUMAN and line.check in _SHOWN_ONLY)
            for line in self.lines
        )

    def holds_but(self, left_out: Check) -> bool:
        """Whether it would be complete if one line were not looked at."""
        return Verdict(self.head, tuple(line for line in self.lines if line.check is not left_out)).complete

    @property
    def failed(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.state is State.FAIL)

    @property
    def needs_person(self) -> tuple[Line, ...]:
        """Lines that only a person can move and that hold "PR ready" back."""
        return tuple(line for line in self.lines if line.state is State.HUMAN and line.check not in _SHOWN_ONLY)


def verdict(facts: PullFacts, policy: DonePolicy, now: datetime) -> Verdict:
    """Hold one head commit against the definition of done."""
    return Verdict(
        facts.head,
        (
            _open(facts),
            _draft(facts),
            _synced(facts),
            _ci(facts, policy, now),
            _reviewed(facts, policy),
            _screenshots(facts, policy),
            _threads(facts),
            _size(facts, policy),
            _secrets(facts),
            _workflow(facts),
            Line(Check.HUMAN_REVIEW, State.OK if facts.state == "merged" else State.HUMAN, "a person merges"),
        ),
    )


def _open(facts: PullFacts) -> Line:
    ok = facts.state in {"open", "merged"}
    return Line(Check.PR_OPEN, State.OK if ok else State.FAIL, "" if ok else f"it is {facts.state}", facts.url)


def _draft(facts: PullFacts) -> Line:
    return Line(Check.NOT_DRAFT, State.WAIT if facts.draft else State.OK, "it is a draft" if facts.draft else "")


def _synced(facts: PullFacts) -> Line:
    match facts.mergeable:
        case "yes":
            return Line(Check.SYNCED, State.OK, "merges cleanly")
        case "no":
            return Line(Check.SYNCED, State.FAIL, "conflicts with the base branch")
        case _:
            return Line(Check.SYNCED, State.WAIT, "mergeability is being computed")


def _ci(facts: PullFacts, policy: DonePolicy, now: datetime) -> Line:
    ci = judge_ci(facts, policy, now)
    return Line(Check.CI, _OF_CI[ci.state], ci.detail, ci.url)


def _reviewed(facts: PullFacts, policy: DonePolicy) -> Line:
    own = [one for one in facts.reviews if one.head == facts.head]
    counted = [one for one in own if one.counts]
    blockers = sum(one.blockers for one in counted)
    unmet = sum(one.unmet for one in counted)
    approving = {one.family for one in counted if one.verdict == "approve"}
    if policy.families == 0:
        return Line(Check.AI_REVIEW, State.NA, "not asked for")
    if blockers or unmet:
        what = (
            f"{blockers} blocking finding{'s' if blockers != 1 else ''}"
            if blockers
            else "an acceptance check is not met"
        )
        return Line(Check.AI_REVIEW, State.FAIL, what)
    bots = [one for one in facts.bots if one.head == facts.head and one.counts]
    objecting = [one.name for one in bots if one.verdict == "request_changes"]
    others = approving - {policy.author_family}
    if approving:  # a bot from outside completes the council, and never replaces it
        helping = [one for one in bots if one.verdict == "approve"]
        approving |= {one.voice for one in helping}
        others |= {one.family for one in helping} - {policy.author_family, ""}
    if objecting and not facts.reviewers_left:  # with whatever the council says, so that it is one round
        return Line(Check.AI_REVIEW, State.FAIL, f"{' and '.join(objecting)} want{'s' * (len(objecting) == 1)} changes")
    if len(approving) >= policy.families and others and not objecting:
        return Line(Check.AI_REVIEW, State.OK, "approved by " + " and ".join(sorted(approving)))
    if facts.reviewers_left:
        return Line(Check.AI_REVIEW, State.WAIT, f"{len(approving)} of {policy.families} families approved")
    if approving and not others:
        who = ", ".join(sorted(approving))
        return Line(Check.AI_REVIEW, State.HUMAN, f"reviewed by the family that wrote it only ({who})")
    if approving:
        return Line(Check.AI_REVIEW, State.HUMAN, f"reviewed by one family only ({', '.join(sorted(approving))})")
    if own and not counted:
        return Line(Check.AI_REVIEW, State.HUMAN, "reviewed by rules only, which counts nowhere but in the playground")
    return Line(Check.AI_REVIEW, State.HUMAN, "no reviewer could answer; look closely")


def _screenshots(facts: PullFacts, policy: DonePolicy) -> Line:
    if facts.diff is None or facts.diff.head != facts.head:
        return Line(Check.SCREENSHOTS, State.WAIT, "the change of this commit is not known yet")
    if not facts.diff.ui_files and not facts.ui_label:
        return Line(Check.SCREENSHOTS, State.NA, "no user-interface file changed")
    taken = facts.screenshots_head == facts.head
    if taken and facts.picture_count:
        return Line(Check.SCREENSHOTS, State.OK, f"{facts.picture_count} attached", facts.pictures_url)
    if facts.shown_by:
        return Line(Check.SCREENSHOTS, State.OK, f"shown by {facts.shown_by} in the conversation")
    if taken:
        return Line(Check.SCREENSHOTS, State.HUMAN, f"no pictures: {facts.pictures_why}")
    if policy.wants_screenshots:
        return Line(Check.SCREENSHOTS, State.WAIT, "pictures of the change are missing")
    return Line(
        Check.SCREENSHOTS, State.HUMAN, "user interface changed, and there is no screenshot command: look at it"
    )


def _threads(facts: PullFacts) -> Line:
    if facts.checks_head != facts.head or facts.unresolved_threads is None:
        return Line(Check.THREADS, State.WAIT, "review threads are not known yet")
    if facts.unresolved_threads and facts.threads_handed and facts.answers_due:
        return Line(Check.THREADS, State.WAIT, "told to the agent; answered when this commit has been checked again")
    if facts.unresolved_threads and facts.threads_handed:
        # An agent cannot resolve a thread, and being told the same words again would not help it.
        return Line(
            Check.THREADS,
            State.HUMAN,
            f"{facts.unresolved_threads} unresolved, which the agent was told: resolve them, or comment again",
        )
    if facts.unresolved_threads:
        return Line(Check.THREADS, State.FAIL, f"{facts.unresolved_threads} unresolved")
    beside = f"; {facts.outsider_threads} of outsiders, for you to look at" if facts.outsider_threads else ""
    return Line(Check.THREADS, State.OK, f"none unresolved{beside}")


def _size(facts: PullFacts, policy: DonePolicy) -> Line:
    if facts.diff is None or facts.diff.head != facts.head:
        return Line(Check.SIZE, State.WAIT, "the change of this commit is not known yet")
    what = f"{len(facts.diff.files)} file{'s' if len(facts.diff.files) != 1 else ''}, {facts.diff.lines} lines"
    if facts.diff.lines > policy.max_lines:
        return Line(Check.SIZE, State.HUMAN, f"{what}: more than one review can hold")
    return Line(Check.SIZE, State.OK, what)


def _secrets(facts: PullFacts) -> Line:
    if facts.diff is None or facts.diff.head != facts.head:
        return Line(Check.SECRETS, State.WAIT, "the change of this commit is not known yet")
    if facts.diff.secrets:
        return Line(Check.SECRETS, State.FAIL, "looks like a secret: " + ", ".join(facts.diff.secrets[:3]))
    return Line(Check.SECRETS, State.OK, "none found")


def _workflow(facts: PullFacts) -> Line:
    if facts.diff is None or facts.diff.head != facts.head:
        return Line(Check.WORKFLOW_FILES, State.WAIT, "the change of this commit is not known yet")
    if facts.diff.workflow_files:
        return Line(Check.WORKFLOW_FILES, State.HUMAN, "changes CI itself: " + ", ".join(facts.diff.workflow_files[:3]))
    return Line(Check.WORKFLOW_FILES, State.OK, "untouched")
