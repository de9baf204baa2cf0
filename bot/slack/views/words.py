"""States, checks and marks in the words that people read."""

from __future__ import annotations

from scheduler.done import Check, State
from scheduler.lifecycle import TaskState

#: state: icon and name, and what happens next or can be done
STATES: dict[TaskState, tuple[str, str, str]] = {
    TaskState.PROPOSED: ("💡", "Proposed", "Waggle found this by itself. Nothing runs until a person starts it."),
    TaskState.SCOPING: ("🔎", "Being scoped", "Reading the context and the repository; a plan follows here."),
    TaskState.PLANNED: (
        "📝",
        "Waits for your approval",
        "Press *Approve plan*, or reply `approve`. `edit …` changes the plan, `reject` drops it.",
    ),
    TaskState.QUEUED: ("⏳", "Queued", "An agent starts by itself. Reply `stop` to stop it."),
    TaskState.RUNNING: (
        "⚙️",
        "An agent is working",
        "Write in this thread to tell the next attempt something; reply `stop` to stop it.",
    ),
    TaskState.ASKING: ("❓", "Waits for an answer", "Answer in this thread, or with a button."),
    TaskState.VERIFYING: ("🧪", "Being verified", "The pull request is held against the checks below."),
    TaskState.READY: (
        "✅",
        "Ready for you to merge",
        "Look at the pull request and merge it on GitHub. `retry …` with what should change sends it back.",
    ),
    TaskState.DIAGNOSING: ("🩺", "Finding out what went wrong", "The next attempt gets a better prompt."),
    TaskState.NEEDS_HELP: (
        "✋",
        "Needs your help",
        "Reply `retry …` with what the agent should know, or take the branch over.",
    ),
    TaskState.TAKEN_OVER: ("🧑‍💻", "A person works on it", "Reply `giveback` when it should be verified again."),
    TaskState.MERGED: ("🎉", "Merged", "Done. The workspace and the branch are removed."),
    TaskState.DROPPED: ("🗑️", "Dropped", "Nothing runs. Reply `retry` to start it after all."),
    TaskState.STOPPED: ("🛑", "Stopped", "The work is kept. Reply `retry` to go on with it."),
    TaskState.PAUSED: ("⏸️", "Paused", "Reply `resume` to go on."),
}

CHECKS: dict[str, str] = {
    Check.PR_OPEN: "Pull request open",
    Check.NOT_DRAFT: "Not a draft",
    Check.SYNCED: "Merges cleanly",
    Check.CI: "CI",
    Check.AI_REVIEW: "AI reviews",
    Check.SCREENSHOTS: "Screenshots",
    Check.THREADS: "Review threads resolved",
    Check.SIZE: "Small enough to review",
    Check.SECRETS: "No secrets in the diff",
    Check.WORKFLOW_FILES: "CI configuration untouched",
    Check.HUMAN_REVIEW: "A person merges",
}

MARKS: dict[str, str] = {
    State.OK: "✅",
    State.WAIT: "⏳",
    State.FAIL: "❌",
    State.HUMAN: "👤",
    State.NA: "➖",
}

ORDER: tuple[str, ...] = tuple(CHECKS)


def money(usd: float) -> str:
    return f"${usd:,.2f}"


def tokens(count: int) -> str:
    if count >= 1_000_000:
        return f"{count / 1_000_000:.1f} M tokens"
    return f"{count / 1000:.0f} k tokens" if count >= 1000 else f"{count} tokens"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 5 min`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def answered_by(who: str) -> str:
    """Who gave an answer, so that nobody takes rules for a model."""
    if not who:
        return ""
    return "rules: no model answered" if who == "rules" or who.startswith("rules") else who
