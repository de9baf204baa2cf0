"""Signs of life of an attempt, and whether it gets on: what was seen, and how long ago. Pure.

Each fact comes from a source of its own: the process and its lock, the event stream, CPU and I/O of the whole tree,
the worktree, the terminal. A look that failed makes a fact unknown, with the time at which it was last known; it never
says that something is dead. Waiting for a slow tool is work; the same command again and again is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.agents import AgentEvent, Ended, Text, ToolCall, ToolResult
from integrations.engines import RunState, RunView

FACTS = ("process", "events", "activity", "git", "terminal")
UNKNOWN = "unknown"
STALLED = "stalled"

_SHARE = 0.05  #: of one core: less is what a program uses that waits
_IO_PER_S = 20_000  #: bytes; likewise
_STALE = timedelta(seconds=30)  #: figures of the tree that are older say nothing about now
_REPEATS = 6  #: so often the same call in a row is no progress
_TOKENS = 200_000  #: so many without a change are worth a word
_RENEWED = timedelta(seconds=30)  #: how often ages are written down while nothing else changes

Signs = dict[str, Any]


@dataclass
class Course:
    """What an agent does, as its events show it.

    Attributes:
        tool: the call whose result is waited for; empty for none.
        repeats: how often the last call was made in a row.
    """

    tool: str = ""
    repeats: int = 0
    _last: str = ""
    _pending: int = 0
    _answered: bool = False

    def take(self, events: Iterable[AgentEvent]) -> None:
        """Follow events, in their order."""
        for event in events:
            match event:
                case ToolResult():
                    self._pending, self._answered = max(self._pending - 1, 0), True
                case Text() | ToolCall():
                    if self._answered:  # what has no result by then never gets one
                        self._pending, self._answered = 0, False
                    if isinstance(event, ToolCall):
                        self._call(event)
                case Ended():
                    self._pending = 0
                case _:
                    pass
        if not self._pending:
            self.tool = ""

    def _call(self, event: ToolCall) -> None:
        self._pending += 1
        self.tool = f"{event.name} {event.summary}".strip()[:120]
        if event.summary:
            self.repeats = self.repeats + 1 if self.tool == self._last else 1
            self._last = self.tool


@dataclass
class Activity:
    """CPU and I/O of a tree, from one look to the next.

    Attributes:
        moved_at: when either last moved more than in a program that waits; None when that was never seen.
        share: of one core, between the last two looks.
    """

    moved_at: datetime | None = None
    share: float = 0.0
    _at: float | None = None
    _cpu_s: float = 0.0
    _io: int = 0

    def take(self, view: RunView) -> None:
        """Compare with the look before."""
        at, cpu_s, io = view.usage_at, view.cpu_s or 0.0, view.io_bytes or 0
        if at is None or at == self._at:
            return
        if self._at is None:
            moved = cpu_s > 0  # since it began
        else:
            passed = max(at - self._at, 0.1)
            self.share = max(cpu_s - self._cpu_s, 0.0) / passed
            moved = self.share >= _SHARE or (io - self._io) / passed >= _IO_PER_S
        if moved:
            self.moved_at = datetime.fromtimestamp(at, UTC)
        self._at, self._cpu_s, self._io = at, cpu_s, io


@dataclass(frozen=True)
class Worktree:
    """A look at the worktree: when something in it last changed; None when the look failed."""

    changed_at: datetime | None
    looked_at: datetime


def read_signs(
    before: Signs,
    now: datetime,
    view: RunView | None,
    *,
    course: Course,
    activity: Activity,
    worktree: Worktree | None,
    terminal: tuple[bool, datetime] | None,
    tokens: int,
    idle: timedelta,
    misses: int = 0,
) -> Signs:
    """All facts about an attempt as they are known now.

    Parameters:
        before: as they were known before; kept where nothing new was seen.
        view: None when the look failed.
        worktree, terminal: the last look at each; None before the first.
        tokens: used so far.
        idle: so long without a change and without output is worth asking why.
        misses: looks in a row that found no process.
    """
    signs = {name: dict(before[name]) for name in FACTS if name in before}
    if view is None:
        for name in ("process", "events", "activity"):
            signs[name] = _fact(UNKNOWN, "", _at(signs.get(name)))
    else:
        signs["process"] = _process(view, _at(signs.get("process")), now, misses)
        output = datetime.fromtimestamp(view.last_output_at, UTC) if view.last_output_at is not None else None
        signs["events"] = _fact("seen" if view.event_bytes else "none", "", output)
        signs["activity"] = _activity(view, activity, now)
    if worktree is not None:
        signs["git"] = _git(signs.get("git"), worktree, tokens)
    if terminal is not None:
        signs["terminal"] = _fact("open" if terminal[0] else "closed", "", terminal[1])
    signs["course"] = _course(signs, now, course, tokens, idle)
    return signs


def _fact(state: str, detail: str, at: datetime | None) -> Signs:
    return {"state": state, "detail": detail, "at": at.isoformat() if at else None}


def _at(fact: Mapping[str, Any] | None) -> datetime | None:
    return datetime.fromisoformat(fact["at"]) if fact and fact.get("at") else None


def _process(view: RunView, alive_at: datetime | None, now: datetime, misses: int) -> Signs:
    if view.state in {RunState.LOST, RunState.ABSENT}:
        return _fact("not found", f"look {misses or 1} of 2", alive_at)
    count = f"{view.processes} process{'' if view.processes == 1 else 'es'}" if view.processes is not None else ""
    memory = f"{(view.rss_bytes or 0) / 2**20:.0f} MB" if view.rss_bytes else ""
    return _fact("alive", ", ".join(one for one in (count, memory) if one), now)


def _activity(view: RunView, activity: Activity, now: datetime) -> Signs:
    stale = view.usage_at is None or now - datetime.fromtimestamp(view.usage_at, UTC) > _STALE
    if stale:
        return _fact(UNKNOWN, "", activity.moved_at)
    busy = activity.moved_at is not None and activity.moved_at.timestamp() == view.usage_at
    return _fact("busy" if busy else "quiet", f"{activity.share:.0%} of a core", activity.moved_at)


def _git(before: Signs | None, seen: Worktree, tokens: int) -> Signs:
    if seen.changed_at is None:
        return {**_fact(UNKNOWN, "", _at(before)), "tokens": (before or {}).get("tokens", tokens)}
    same = before is not None and _at(before) == seen.changed_at
    return {**_fact("seen", "", seen.changed_at), "tokens": before["tokens"] if same and before else tokens}


def _course(signs: Signs, now: datetime, course: Course, tokens: int, idle: timedelta) -> Signs:
    since = _at(signs.get("events"))
    git = signs.get("git", {})
    unchanged = now - at if (at := _at(git)) is not None and git.get("state") == "seen" else timedelta()
    spent = tokens - int(git.get("tokens", tokens))
    if unchanged >= idle and course.repeats >= _REPEATS:
        return _fact(STALLED, f"the same call {course.repeats} times in a row: {course.tool or course._last}", at)
    if course.tool:
        return _fact("tool", course.tool, since)
    if unchanged >= idle and spent >= _TOKENS:
        return _fact("spends", f"{spent:,} tokens without a change", at)
    return _fact("model", "", since)


def labels(signs: Mapping[str, Any]) -> tuple[str, ...]:
    """What of them is worth saying at once when it changes: all but ages and figures."""
    return tuple(f"{name}:{signs[name]['state']}" for name in (*FACTS, "course") if name in signs)


def alarms(signs: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of them that a person should see without delay."""
    return tuple(one for one in labels(signs) if one.startswith("process:") or one.endswith((UNKNOWN, STALLED)))


def worth_writing(before: Mapping[str, Any], signs: Mapping[str, Any]) -> bool:
    """Whether rows should know: something changed, or the ages they hold are old."""
    if labels(before) != labels(signs):
        return True
    old, new = (_at(one.get("process")) or _at(one.get("events")) for one in (before, signs))
    return new is not None and (old is None or new - old >= _RENEWED)


def loops(signs: Mapping[str, Any]) -> str:
    """Why an attempt makes no progress; empty while it may."""
    course = signs.get("course", {})
    return str(course["detail"]) if course.get("state") == STALLED else ""


def is_slow_tool(signs: Mapping[str, Any], now: datetime, idle: timedelta) -> bool:
    """Whether its silence is that of a tool that works: one is waited for, and its processes moved of late."""
    moved = _at(signs.get("activity"))
    return signs.get("course", {}).get("state") == "tool" and moved is not None and now - moved < idle


_WORDS = {
    "process": {
        "alive": "process alive",
        "not found": "process not found",
        UNKNOWN: "process unknown, last seen alive",
    },
    "events": {"seen": "last event", "none": "no event yet", UNKNOWN: "events unknown, last one"},
    "activity": {
        "busy": "CPU and I/O busy",
        "quiet": "CPU and I/O quiet, last moved",
        UNKNOWN: "CPU and I/O unknown, last moved",
    },
    "git": {"seen": "last change in git", UNKNOWN: "git unknown, last change"},
    "terminal": {"open": "terminal open", "closed": "no terminal"},
}
_COURSES = {
    "tool": "waits for its tool",
    "model": "waits for its model, or thinks",
    "spends": "no progress?",
    STALLED: "no progress",
}


def sentences(signs: Mapping[str, Any], ago: Callable[[datetime], str], clean: Callable[[str], str] = str) -> list[str]:
    """The facts in words, each with its age; what it does now comes last.

    Parameters:
        ago: an age, such as `3 min ago`.
        clean: makes words of others harmless for where they are shown.
    """
    found = []
    for name in (*FACTS, "course"):
        fact = signs.get(name)
        if not fact:
            continue
        words = (_COURSES if name == "course" else _WORDS[name]).get(fact["state"], fact["state"])
        detail = f" ({clean(fact['detail'])})" if fact["detail"] and name != "course" else ""
        at = _at(fact)
        age = f" {ago(at)}" if at is not None else ""
        if name == "course":
            found.append(
                f"{words}{f', since {ago(at)}' if at is not None else ''}: {clean(fact['detail'])}".rstrip(": ")
            )
        else:
            found.append(f"{words}{detail}{age}")
    return found
