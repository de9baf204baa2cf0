"""What a failure means: from the name of an outcome to who acts on it. Pure tables.

The names are the failure taxonomy of `integrations.agents`; the causes below it (`ci`, `review`, `conflict`,
`people`, `secrets`, `install`) come from the pull request and the workspace.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    NONE = "none"  #: somebody stopped it; nothing follows by itself
    PARK = "park"  #: wait, then go on with the same session; spends nothing
    RESUME = "resume"  #: go on with the same session at once; spends nothing while few
    HOLD = "hold"  #: every task of that agent waits until its account is mended; spends nothing
    DIAGNOSE = "diagnose"  #: name the cause, change the prompt, spend a retry
    PERSON = "person"  #: no retry can help


@dataclass(frozen=True)
class Rule:
    """How one cause is treated.

    Attributes:
        sentence: the cause in words, for people.
        resumes: the attempt that follows goes on with the session, instead of a new one in the same worktree.
        cure: what a person can do, for causes that only a person can mend.
    """

    action: Action
    sentence: str
    resumes: bool = False
    cure: str = ""


RULES: dict[str, Rule] = {
    "stopped": Rule(Action.NONE, "It was stopped."),
    "timeout": Rule(Action.DIAGNOSE, "It ran out of time.", resumes=True),
    "lost": Rule(Action.RESUME, "Its process vanished without a trace (a reboot, or the system killed it)."),
    "session-gone": Rule(Action.RESUME, "The session it was to go on with does not exist; it starts anew."),
    "crashed": Rule(Action.RESUME, "Its process died in the middle of the work."),
    "memory": Rule(Action.DIAGNOSE, "It used more memory than a run may, and was stopped.", resumes=True),
    "processes": Rule(Action.DIAGNOSE, "It started more processes than a run may, and was stopped.", resumes=True),
    "output": Rule(Action.DIAGNOSE, "It wrote more output than a run may, and was stopped.", resumes=True),
    "bad-setup": Rule(
        Action.PERSON,
        "The agent could not start.",
        cure="`waggle doctor` names what is missing; then reply `retry`.",
    ),
    "auth": Rule(Action.HOLD, "The agent's login was refused.", cure="Renew its API key, or log it in again."),
    "billing": Rule(
        Action.HOLD, "The model provider says that the account has no credit left.", cure="Top up the account."
    ),
    "rate-limit": Rule(Action.PARK, "The model provider limits the rate."),
    "overloaded": Rule(Action.PARK, "The model provider is overloaded or cannot be reached."),
    "no-model": Rule(
        Action.PERSON,
        "The configured model does not exist for this account.",
        cure="Correct the model in `waggle.toml`, then reply `retry`.",
    ),
    "context": Rule(Action.DIAGNOSE, "It ran out of context: the task was too wide for one session."),
    "max-turns": Rule(Action.DIAGNOSE, "It used all its turns without finishing."),
    "budget": Rule(
        Action.PERSON, "The budget of this task is spent.", cure="Reply `extend` to grant one more attempt, or `stop`."
    ),
    "refused": Rule(Action.DIAGNOSE, "The model declined to do it."),
    "output-cap": Rule(Action.DIAGNOSE, "Its answer was cut off: the steps were too large."),
    "idle": Rule(Action.DIAGNOSE, "It stopped making progress.", resumes=True),
    "no-change": Rule(Action.DIAGNOSE, "It ended without changing anything."),
    "blocked": Rule(
        Action.PERSON, "The agent started but said nothing.", cure="See `waggle logs`, then reply `retry`."
    ),
    "install": Rule(
        Action.PERSON,
        "The install command failed in the fresh workspace.",
        cure="Mend the repository's install command, then reply `retry`.",
    ),
    "workspace": Rule(
        Action.PERSON, "The workspace could not be made.", cure="See the evidence below, then reply `retry`."
    ),
    "secrets": Rule(Action.DIAGNOSE, "The change holds something that looks like a secret; nothing was pushed."),
    "push": Rule(
        Action.PERSON,
        "The branch could not be pushed.",
        cure="See the evidence below; mend the access, then reply `retry`.",
    ),
    "ci": Rule(Action.DIAGNOSE, "CI is red on the pull request."),
    "verify": Rule(Action.DIAGNOSE, "The repository's own verify command failed."),
    "review": Rule(Action.DIAGNOSE, "The AI review wants changes."),
    "conflict": Rule(Action.DIAGNOSE, "The branch conflicts with its base."),
    "people": Rule(Action.DIAGNOSE, "A person wants changes."),
    "person_retry": Rule(Action.DIAGNOSE, "A person asked for one more attempt."),
}

#: causes whose failures are counted apart from the three retries of agents and CI
_REVIEW, _PEOPLE = frozenset({"review"}), frozenset({"people"})

#: causes for which the same signature twice means that another attempt will not help
_HAS_SIGNATURE = frozenset({"ci", "verify", "conflict", "secrets"})


#: what stands in lines that say what failed
_TELLING = re.compile(r"fail(?!ures?=)|error|exception|assert|panic|conflict|secret|token|key\b", re.IGNORECASE)


class Counter(StrEnum):
    FAILURE = "failure"
    REVIEW = "review"
    PEOPLE = "people"


def rule_for(cause: str) -> Rule:
    """The rule of a cause; an unknown one goes to a person rather than being tried again blindly."""
    return RULES.get(cause) or Rule(Action.PERSON, f"Something unknown happened ({cause}).", cure="Reply `retry`.")


def counter_for(cause: str) -> Counter:
    """Which of the three counts a cause spends."""
    if cause in _REVIEW:
        return Counter.REVIEW
    return Counter.PEOPLE if cause in _PEOPLE else Counter.FAILURE


def wait_s(waits: int) -> float:
    """Seconds to wait after the `waits`-th limit in a row: 30 s doubled each time, at most 15 minutes."""
    return float(min(30 * 2 ** max(waits - 1, 0), 900))


def signature(cause: str, lines: Sequence[str]) -> str:
    """A short name of this failure, equal for the same failure at another time; empty when it has none.

    The lines that say what failed count, not the first one: that only names the check, which is the same each time.
    Numbers, hashes, times and paths' temporary parts are masked, since they differ between equal failures.
    """
    if cause not in _HAS_SIGNATURE:
        return ""
    shown = [" ".join(line.split()) for line in lines if line.strip()]
    telling = [line for line in shown if _TELLING.search(line)] or shown
    masked = {re.sub(r"0x[0-9a-f]+|[0-9a-f]{7,40}|\d+", "#", line.lower()) for line in telling}
    return hashlib.sha1("\n".join([cause, *sorted(masked)]).encode(), usedforsecurity=False).hexdigest()[:16]
