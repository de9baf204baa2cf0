"""Every state of tasks, attempts, questions and pull requests, and the one function that changes them.

Pure: `move` takes a state, the state wanted and the cause, and returns the step to record or raises.
No other file decides whether a transition is legal, and none assigns a state without asking here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class TaskState(StrEnum):
    PROPOSED = "proposed"  #: found by Waggle itself; a person has not started it
    SCOPING = "scoping"  #: the orchestrator turns the request into a task
    PLANNED = "planned"  #: scoped; waits for a person's approval
    QUEUED = "queued"  #: wants an agent; waits for a slot, a time or its prompt
    RUNNING = "running"  #: an attempt is being prepared, is running or is being published
    ASKING = "asking"  #: a question waits for a person
    VERIFYING = "verifying"  #: the pull request is held against the definition of done
    READY = "ready"  #: every check holds for the head commit; a person may merge
    DIAGNOSING = "diagnosing"  #: a failure is being named and the next prompt written
    NEEDS_HELP = "needs_help"  #: only a person can go on
    TAKEN_OVER = "taken_over"  #: a person works on the branch
    MERGED = "merged"  #: a person merged it; the end
    DROPPED = "dropped"  #: rejected, duplicate, or its pull request was closed by a person
    STOPPED = "stopped"  #: a person stopped it; the work is kept
    PAUSED = "paused"  #: a person paused it; remembers where from


class AttemptState(StrEnum):
    INTENDED = "intended"  #: the row exists; nothing was done yet
    PREPARING = "preparing"  #: worktree and installation
    STARTING = "starting"  #: the engine was asked to start it
    RUNNING = "running"  #: its process was seen
    PARKED = "parked"  #: a provider's limit ended it; the session goes on later
    ENDED = "ended"  #: it came to an end by itself; see its outcome
    LOST = "lost"  #: the process is gone and left no exit record
    STOPPED = "stopped"  #: a person or a budget stopped it


class QuestionState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"  #: by a person
    DEFAULTED = "defaulted"  #: the deadline passed and there was a default
    EXPIRED = "expired"  #: the deadline passed without one
    WITHDRAWN = "withdrawn"  #: the task went another way


class PullState(StrEnum):
    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


class SignalState(StrEnum):
    NEW = "new"  #: noticed; not everything that its gates want to know was looked at yet
    REFUSED = "refused"  #: a gate says no; what happens next may change that
    WAITING = "waiting"  #: it passed every gate, and the quotas are spent
    PROPOSED = "proposed"  #: a task waits for a person
    SNOOZED = "snoozed"  #: a person wants to see it later
    STARTED = "started"  #: a person started the task
    MERGED = "merged"  #: the fix is merged; the tracker has not resolved it yet
    RESOLVED = "resolved"  #: gone, until it comes back
    MUTED = "muted"  #: a person said never


State = TaskState | AttemptState | QuestionState | PullState | SignalState


class Cause(StrEnum):
    """Why a state changed. Recorded with every event."""

    # requests and plans
    START = "start"
    RULE = "rule"
    NEVER = "never"
    SNOOZED = "snoozed"
    GATED = "gated"
    PASSED = "passed"
    CAME_BACK = "came_back"
    RESOLVED = "resolved"
    NEEDS_APPROVAL = "needs_approval"
    POLICY = "policy"
    TOO_VAGUE = "too_vague"
    DUPLICATE = "duplicate"
    DEPENDENCY_GONE = "dependency_gone"
    APPROVED = "approved"
    EDITED = "edited"
    REJECTED = "rejected"
    # attempts
    ADMITTED = "admitted"
    PR_OPENED = "pr_opened"
    ATTEMPT_FAILED = "attempt_failed"
    AGENT_ASKS = "agent_asks"
    PARKED = "parked"
    BUDGET_SPENT = "budget_spent"
    PREPARED = "prepared"
    SPAWNED = "spawned"
    SEEN_ALIVE = "seen_alive"
    FINISHED = "finished"
    VANISHED = "vanished"
    # questions
    ANSWERED = "answered"
    DEFAULT_TAKEN = "default_taken"
    DEADLINE_PASSED = "deadline_passed"
    MOOT = "moot"
    # the pull request
    ALL_CHECKS = "all_checks"
    CI_FAILED = "ci_failed"
    REVIEW_BLOCKED = "review_blocked"
    CONFLICT = "conflict"
    PEOPLE_COMMENTED = "people_commented"
    ONLY_A_PERSON = "only_a_person"
    HEAD_MOVED = "head_moved"
    BASE_MOVED = "base_moved"
    CHECK_WITHDRAWN = "check_withdrawn"
    MERGED = "merged"
    CLOSED_BY_PERSON = "closed_by_person"
    PR_REOPENED = "pr_reopened"
    PERSON_PUSHED = "person_pushed"
    # failures
    RETRY = "retry"
    RETRY_WANTS_APPROVAL = "retry_wants_approval"
    RETRIES_SPENT = "retries_spent"
    SAME_FAILURE_TWICE = "same_failure_twice"
    PERSON_RETRY = "person_retry"
    CAUSE_GONE = "cause_gone"
    # people
    TAKEN_OVER = "taken_over"
    GIVEN_BACK = "given_back"
    PERSON_RESTARTED = "person_restarted"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"


class IllegalTransitionError(Exception):
    """A state change that the lifecycle does not know.

    Attributes:
        current, wanted: the two states.
        cause: the cause that was given.
    """

    def __init__(self, current: State, wanted: State, cause: Cause) -> None:
        super().__init__(f"{type(current).__name__} cannot go from {current} to {wanted} because of {cause}")
        self.current = current
        self.wanted = wanted
        self.cause = cause


@dataclass(frozen=True)
class Step:
    """One accepted transition, ready to be recorded as an event."""

    before: State
    after: State
    cause: Cause


Causes = frozenset[Cause]


def _by(*causes: Cause) -> Causes:
    return frozenset(causes)


_T, _A, _Q, _P, _S, _C = TaskState, AttemptState, QuestionState, PullState, SignalState, Cause

_END_OF_PULL: Mapping[TaskState, Causes] = {
    # A pull request is watched until it is merged or closed, whatever its task is doing meanwhile.
    _T.MERGED: _by(_C.MERGED),
    _T.DROPPED: _by(_C.CLOSED_BY_PERSON),
}

TASKS: Mapping[TaskState, Mapping[TaskState, Causes]] = {
    _T.PROPOSED: {_T.SCOPING: _by(_C.START, _C.RULE), _T.DROPPED: _by(_C.NEVER, _C.RESOLVED)},
    _T.SCOPING: {
        _T.PLANNED: _by(_C.NEEDS_APPROVAL),
        _T.QUEUED: _by(_C.POLICY),
        _T.ASKING: _by(_C.TOO_VAGUE),
        _T.DROPPED: _by(_C.DUPLICATE, _C.REJECTED),
    },
    _T.PLANNED: {_T.QUEUED: _by(_C.APPROVED), _T.SCOPING: _by(_C.EDITED), _T.DROPPED: _by(_C.REJECTED)},
    _T.QUEUED: {
        _T.RUNNING: _by(_C.ADMITTED),
        # Questions and reviews cost too: nothing may be left when its turn comes.
        _T.NEEDS_HELP: _by(_C.BUDGET_SPENT),
        # What it was to wait for will not come; or a person went on with the branch.
        _T.ASKING: _by(_C.DEPENDENCY_GONE, _C.PERSON_PUSHED),
        **_END_OF_PULL,
    },
    _T.RUNNING: {
        _T.VERIFYING: _by(_C.PR_OPENED),
        _T.DIAGNOSING: _by(_C.ATTEMPT_FAILED),
        _T.ASKING: _by(_C.AGENT_ASKS, _C.PERSON_PUSHED),
        _T.QUEUED: _by(_C.PARKED),
        _T.NEEDS_HELP: _by(_C.BUDGET_SPENT),
        **_END_OF_PULL,
    },
    _T.ASKING: {
        _T.QUEUED: _by(_C.ANSWERED, _C.DEFAULT_TAKEN, _C.APPROVED),
        _T.SCOPING: _by(_C.ANSWERED),
        _T.NEEDS_HELP: _by(_C.DEADLINE_PASSED),
        # Who goes on after a person's push: the agent, when a check fails; the person; or nobody has to.
        _T.VERIFYING: _by(_C.ANSWERED, _C.CAUSE_GONE, _C.HEAD_MOVED),
        _T.TAKEN_OVER: _by(_C.TAKEN_OVER),
        _T.MERGED: _by(_C.MERGED),
        _T.DROPPED: _by(_C.REJECTED, _C.CLOSED_BY_PERSON),
    },
    _T.VERIFYING: {
        _T.READY: _by(_C.ALL_CHECKS),
        _T.DIAGNOSING: _by(_C.CI_FAILED, _C.REVIEW_BLOCKED, _C.CONFLICT, _C.PEOPLE_COMMENTED),
        _T.NEEDS_HELP: _by(_C.ONLY_A_PERSON),
        _T.ASKING: _by(_C.PERSON_PUSHED),
        **_END_OF_PULL,
    },
    _T.READY: {
        _T.VERIFYING: _by(_C.HEAD_MOVED, _C.BASE_MOVED, _C.CHECK_WITHDRAWN),
        _T.DIAGNOSING: _by(_C.CI_FAILED, _C.PEOPLE_COMMENTED),
        **_END_OF_PULL,
    },
    _T.DIAGNOSING: {
        _T.QUEUED: _by(_C.RETRY),
        _T.ASKING: _by(_C.RETRY_WANTS_APPROVAL, _C.PERSON_PUSHED),
        _T.NEEDS_HELP: _by(_C.RETRIES_SPENT, _C.SAME_FAILURE_TWICE, _C.ONLY_A_PERSON),
        **_END_OF_PULL,
    },
    _T.NEEDS_HELP: {
        _T.QUEUED: _by(_C.PERSON_RETRY, _C.ANSWERED),
        # It was never scoped: the question that nobody answered in time was about the request itself.
        _T.SCOPING: _by(_C.PERSON_RETRY, _C.ANSWERED),
        _T.VERIFYING: _by(_C.CAUSE_GONE),
        _T.TAKEN_OVER: _by(_C.TAKEN_OVER),
        _T.MERGED: _by(_C.MERGED),
        _T.DROPPED: _by(_C.REJECTED, _C.CLOSED_BY_PERSON),
    },
    _T.TAKEN_OVER: {
        _T.VERIFYING: _by(_C.GIVEN_BACK),
        _T.MERGED: _by(_C.MERGED),
        _T.DROPPED: _by(_C.REJECTED, _C.CLOSED_BY_PERSON),
    },
    _T.DROPPED: {
        _T.QUEUED: _by(_C.PERSON_RESTARTED),
        _T.SCOPING: _by(_C.PERSON_RESTARTED),  # no attempt was ever approved
        _T.VERIFYING: _by(_C.PR_REOPENED),
        _T.MERGED: _by(_C.MERGED),
    },
    _T.STOPPED: {
        _T.QUEUED: _by(_C.PERSON_RESTARTED),
        _T.SCOPING: _by(_C.PERSON_RESTARTED),
        _T.VERIFYING: _by(_C.PR_REOPENED),
        _T.MERGED: _by(_C.MERGED),
        _T.DROPPED: _by(_C.CLOSED_BY_PERSON),
    },
    _T.PAUSED: {**_END_OF_PULL},
    _T.MERGED: {},
}

_GONE: Mapping[AttemptState, Causes] = {
    _A.ENDED: _by(_C.FINISHED, _C.ATTEMPT_FAILED),
    _A.LOST: _by(_C.VANISHED),
    _A.STOPPED: _by(_C.STOPPED, _C.BUDGET_SPENT, _C.PAUSED, _C.MERGED, _C.CLOSED_BY_PERSON),
}

ATTEMPTS: Mapping[AttemptState, Mapping[AttemptState, Causes]] = {
    _A.INTENDED: {_A.PREPARING: _by(_C.ADMITTED), **_GONE},
    _A.PREPARING: {_A.STARTING: _by(_C.PREPARED), **_GONE},
    _A.STARTING: {_A.RUNNING: _by(_C.SPAWNED, _C.SEEN_ALIVE), **_GONE},
    _A.RUNNING: {_A.PARKED: _by(_C.PARKED), **_GONE},
    _A.PARKED: {_A.STOPPED: _by(_C.STOPPED, _C.MERGED, _C.CLOSED_BY_PERSON), _A.ENDED: _by(_C.FINISHED)},
    _A.ENDED: {},
    _A.LOST: {},
    _A.STOPPED: {},
}

QUESTIONS: Mapping[QuestionState, Mapping[QuestionState, Causes]] = {
    _Q.OPEN: {
        _Q.ANSWERED: _by(_C.ANSWERED),
        _Q.DEFAULTED: _by(_C.DEFAULT_TAKEN),
        _Q.EXPIRED: _by(_C.DEADLINE_PASSED),
        _Q.WITHDRAWN: _by(_C.MOOT),
    },
    # A late answer is still an answer: the person read the thread after the deadline.
    _Q.EXPIRED: {_Q.ANSWERED: _by(_C.ANSWERED)},
    _Q.ANSWERED: {},
    _Q.DEFAULTED: {},
    _Q.WITHDRAWN: {},
}

PULLS: Mapping[PullState, Mapping[PullState, Causes]] = {
    _P.OPEN: {_P.MERGED: _by(_C.MERGED), _P.CLOSED: _by(_C.CLOSED_BY_PERSON)},
    _P.CLOSED: {_P.OPEN: _by(_C.PR_REOPENED), _P.MERGED: _by(_C.MERGED)},
    _P.MERGED: {},
}

_JUDGED: Mapping[SignalState, Causes] = {
    _S.REFUSED: _by(_C.GATED),
    _S.WAITING: _by(_C.PASSED),
    _S.PROPOSED: _by(_C.PASSED),
}

SIGNALS: Mapping[SignalState, Mapping[SignalState, Causes]] = {
    _S.NEW: _JUDGED,
    _S.REFUSED: {_S.NEW: _by(_C.PASSED), **_JUDGED},
    _S.WAITING: _JUDGED,
    _S.PROPOSED: {
        _S.SNOOZED: _by(_C.SNOOZED),
        _S.STARTED: _by(_C.START),
        _S.MUTED: _by(_C.NEVER),
        _S.RESOLVED: _by(_C.RESOLVED),
    },
    _S.SNOOZED: {
        _S.PROPOSED: _by(_C.CAME_BACK),
        _S.STARTED: _by(_C.START),
        _S.MUTED: _by(_C.NEVER),
        _S.RESOLVED: _by(_C.RESOLVED),
    },
    _S.STARTED: {_S.MERGED: _by(_C.MERGED)},
    # Fixed once: only what came back after the fix is judged again.
    _S.MERGED: {_S.NEW: _by(_C.PASSED), _S.RESOLVED: _by(_C.RESOLVED), **_JUDGED},
    _S.RESOLVED: {_S.NEW: _by(_C.PASSED), **_JUDGED},
    _S.MUTED: {_S.STARTED: _by(_C.START)},
}

LIVE_ATTEMPT = frozenset({_A.INTENDED, _A.PREPARING, _A.STARTING, _A.RUNNING})
#: states in which a task can hold a process, a workspace in use or both
BUSY = frozenset({_T.RUNNING})
#: states in which a person is waited for
WAITS_FOR_PERSON = frozenset({_T.PROPOSED, _T.PLANNED, _T.ASKING, _T.NEEDS_HELP, _T.READY})
#: states after which nothing happens by itself
FINISHED = frozenset({_T.MERGED, _T.DROPPED, _T.STOPPED})


def allowed(current: State, wanted: State, came_from: TaskState | None = None) -> Causes:
    """The causes for which `current` may become `wanted`; empty when it may not.

    Parameters:
        came_from: for a paused task, the state it was paused in: the only one it can resume to.
    """
    if isinstance(current, TaskState) and isinstance(wanted, TaskState):
        causes = TASKS[current].get(wanted, frozenset())
        if current is _T.MERGED or current is wanted:
            return causes
        if wanted is _T.STOPPED:
            causes |= {_C.STOPPED}
        if wanted is _T.PAUSED:
            causes |= {_C.PAUSED}
        if current is _T.PAUSED and wanted is came_from:
            causes |= {_C.RESUMED}
        return causes
    if isinstance(current, AttemptState) and isinstance(wanted, AttemptState):
        return ATTEMPTS[current].get(wanted, frozenset())
    if isinstance(current, QuestionState) and isinstance(wanted, QuestionState):
        return QUESTIONS[current].get(wanted, frozenset())
    if isinstance(current, PullState) and isinstance(wanted, PullState):
        return PULLS[current].get(wanted, frozenset())
    if isinstance(current, SignalState) and isinstance(wanted, SignalState):
        return SIGNALS[current].get(wanted, frozenset())
    return frozenset()


def move(current: State, wanted: State, cause: Cause, came_from: TaskState | None = None) -> Step:
    """The step from `current` to `wanted`.

    Raises:
        IllegalTransitionError: the lifecycle does not allow it for this cause.
    """
    if cause not in allowed(current, wanted, came_from):
        raise IllegalTransitionError(current, wanted, cause)
    return Step(current, wanted, cause)
