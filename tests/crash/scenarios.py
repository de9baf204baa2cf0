"""What is played while Waggle is killed: each scenario from a request to a merge, and what must be true in its end."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.follow import viewer
from integrations.engines.local import LocalEngine
from integrations.git import Repositories
from integrations.terminals import TmuxTerminals, short_place
from scheduler import commands
from scheduler.lifecycle import AttemptState, SignalState, TaskState
from scheduler.policy import ErrorScan, Keep, Policy, RepositoryPolicy, ReviewPolicy, Route
from scheduler.registry import Attempt, Fact, Inbox, Outbox, Signal, Task
from scheduler.steps import StepName
from tests.integration.loop import SLUG, policy

if TYPE_CHECKING:
    from tests.crash.lives import Case

CSV = "customers want CSV export of invoices"
PRODUCT = "C0PRODUCT"
NOTE = "A thought that nobody committed.\n"
PATIENCE_S = 150.0
TMUX = shutil.which("tmux") is not None
LISTENER = "listener"  #: program of the agent that listens, in the directory of the case
WORDS = "use semicolons between the columns"

#: A repository whose install command puts up a hook that refuses every commit: the agent's work is left uncommitted.
REFUSING_HOOK = (
    "hooks=$(git rev-parse --git-path hooks) && mkdir -p $hooks"
    " && printf '#!/bin/sh\\nexit 1\\n' > $hooks/pre-commit && chmod +x $hooks/pre-commit"
)

#: A picture by its first bytes, of what the list of invoices is made of.
PICTURE = "{ printf '\\211PNG\\r\\n\\032\\n'; cat templates/invoices.html; } > $WAGGLE_PICTURES/invoices.png"


#: A required check whose machine is lost the first time.
LOST_MACHINE = (
    "sed -i 's#python3 tools/lint.py#"
    "if mkdir ../../../lost; then echo The runner has received a shutdown signal; exit 1; fi#' .playground-ci.toml"
)


@dataclass(frozen=True)
class Scenario:
    """One story.

    Attributes:
        play: lets people act, and waits until the task is merged and cleaned up.
        covers: where Waggle is killed: steps in the order in which the story takes them, the same one again where it
            means something else later on. Neighbours are different.
        behaviours: how the scripted agent's attempts go.
        attempts: their outcomes.
        states: every state the task goes through, in order: nothing happens twice.
        said: how often people hear what, besides the one card.
        alerts: what the admins hear besides.
        talks: people speak through Slack; otherwise they act on rows.
        posts: how many messages Waggle posts in Slack.
        listens: the agent takes words while it works, and works until it was given some.
        shows: the agent is shown in a terminal, where there is tmux.
    scans: Waggle looks at the playground's error tracker.
        wish: words of the request, by which the scripted agent knows it.
        makes: the file that is new on main in the end; empty when none is.
        beside: branches beside the code that stay on GitHub.
        remarks: how many comments stand on lines of the pull request, by people and by Waggle.
        rescued: the rescue refs of the mirror in the end, and a file that each holds.
    """

    play: Callable[[Case], Coroutine[Any, Any, None]]
    policy: Policy
    covers: tuple[StepName, ...]
    attempts: tuple[str, ...]
    states: tuple[str, ...]
    behaviours: tuple[str, ...] = ("succeed",)
    said: Mapping[str, int] = field(default_factory=lambda: {"pr_ready": 1, "merged": 1})
    alerts: int = 0
    talks: bool = False
    posts: int = 0
    listens: bool = False
    shows: bool = False
    scans: bool = False
    wish: str = "CSV"
    makes: str = "app/export.py"
    rescued: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    remarks: int = 0


async def feature(case: Case) -> None:
    task_id = await case.approved(CSV)
    await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
    await case.merge(task_id)


async def stop(case: Case) -> None:
    """Stopped in the middle, started again by a person, and merged with something uncommitted in the workspace."""
    task_id = await case.approved(CSV)
    await case.eventually(lambda: len(case.marked("t-1-a1")) >= 3, PATIENCE_S)  # runner, agent, a child that left both
    await case.eventually(lambda: not TMUX or terminals_of(case.home).known(), PATIENCE_S)
    await case.do(commands.estop)
    await case.eventually(lambda: _frozen(case), PATIENCE_S)
    await case.do(commands.thaw)
    await case.eventually(lambda: not _frozen(case), PATIENCE_S)
    assert (await case.do(commands.stop, task_id)).ok
    await case.eventually(lambda: _is_over(case, AttemptState.STOPPED), PATIENCE_S)
    assert not case.marked("t-1-a1")
    assert (await case.do(commands.retry, task_id)).ok
    await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
    (case.workspace / "thought.txt").write_text(NOTE)
    await case.merge(task_id)


def terminals_of(home: Path) -> TmuxTerminals:
    """The terminals of a Waggle's home."""
    return TmuxTerminals(short_place(home / "terminals", home), home / "runs", viewer, os.environ)


async def guidance(case: Case) -> None:
    """A person writes while the agent works; it hears it once, and does as told."""
    task_id = await case.approved(CSV)
    await case.eventually(lambda: _is_at_work(case), PATIENCE_S)
    assert (await case.do(commands.guide, task_id, WORDS)).ok
    await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
    await case.merge(task_id)


async def comment(case: Case) -> None:
    """A person writes at a line of what is ready; it is changed, checked again, answered and resolved."""
    task_id = await case.approved(CSV)
    await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
    pull = await case.pull(task_id)
    await case.person.review(SLUG, pull.number, "COMMENT", remarks=[("app/export.py", 1, "Take the debug line out.")])
    await case.eventually(lambda: _is_answered(case, task_id, pull.head_sha), PATIENCE_S)
    await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
    await case.merge(task_id)


async def _is_answered(case: Case, task_id: int, before: str) -> bool:
    pull = await case.pull(task_id)
    return pull.head_sha != before and not pull.owed_answers and pull.ready_head == pull.head_sha


async def _is_at_work(case: Case) -> bool:
    found = await case.rows(Attempt, n=1)
    return bool(found) and found[0].state is AttemptState.RUNNING and found[0].event_offset > 0


def _frozen(case: Case) -> bool:
    return LocalEngine(case.home / "runs").find("t-1-a1").frozen


async def lost(case: Case) -> None:
    """The runner is killed under its agent; what it leaves must not write into the next attempt's workspace."""
    task_id = await case.approved(CSV)
    await case.eventually(lambda: len(case.marked("t-1-a1")) >= 3, PATIENCE_S)
    runner = case.runner("t-1-a1")
    os.kill(runner, signal.SIGKILL)
    await case.eventually(lambda: _is_over(case, AttemptState.LOST), PATIENCE_S)
    assert not case.marked("t-1-a1")
    await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
    await case.merge(task_id)


async def tidy(case: Case) -> None:
    """Nothing is kept that is over: neither run directories nor, after the merge, what was rescued."""
    task_id = await case.approved(CSV)
    await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
    (case.workspace / "thought.txt").write_text(NOTE)
    await case.merge(task_id)
    await case.eventually(lambda: not any((case.home / "runs").glob("*")), PATIENCE_S)
    await case.eventually(lambda: not Repositories(case.home).rescued(SLUG), PATIENCE_S)
    since = datetime.now(UTC)
    await case.eventually(lambda: _has_ticked(case, since), PATIENCE_S)  # a death at the last step shows by then


async def _has_ticked(case: Case, since: datetime) -> bool:
    last = await case.registry.read(lambda session: session.get(Fact, "tick"))
    return last is not None and last.at > since


async def error(case: Case) -> None:
    """The application fails, the error is proposed once, started, mended, and seen resolved once."""
    async with case.visitor as ana:
        assert await ana.cause_error(5) == 5
        task_id = await case.eventually(lambda: _proposed(case), PATIENCE_S)
        assert (await case.do(commands.start, task_id)).ok
        await case.until(task_id, TaskState.PLANNED, timeout=PATIENCE_S)
        assert (await case.do(commands.approve, task_id)).ok
        await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
        await case.merge(task_id)
        await case.eventually(lambda: _is_resolved(case), PATIENCE_S)
        assert await ana.cause_error(2) == 0


async def _proposed(case: Case) -> int | None:
    return next((task.id for task in await case.rows(Task) if task.state is TaskState.PROPOSED), None)


async def _is_resolved(case: Case) -> bool:
    (only,) = await case.rows(Signal)
    return only.state is SignalState.RESOLVED


async def conversation(case: Case) -> None:
    """Asked for, approved and heard of in Slack."""
    async with case.visitor as ana:
        thread = await ana.say(PRODUCT, f"@waggle {CSV}")
        task_id = await case.eventually(lambda: _task_with_card(case), PATIENCE_S)
        await case.until(task_id, TaskState.PLANNED, timeout=PATIENCE_S)
        await ana.say(PRODUCT, "approve", thread)
        await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
        await case.eventually(lambda: _is_said(case, "pr_ready"), PATIENCE_S)  # what is merged is not called ready
        await case.merge(task_id)
        await case.eventually(lambda: _all_is_said(case), PATIENCE_S)


async def _task_with_card(case: Case) -> int | None:
    return next((task.id for task in await case.rows(Task) if task.card_ts), None)


async def _is_said(case: Case, kind: str) -> bool:
    return any(row.state == "sent" for row in await case.said(kind))


async def _all_is_said(case: Case) -> bool:
    heard, said = await case.rows(Inbox), await case.rows(Outbox)
    return all(row.state == "done" for row in heard) and all(row.state in {"sent", "void"} for row in said)


async def _is_over(case: Case, state: AttemptState) -> bool:
    (first,) = await case.rows(Attempt, n=1)
    return first.state is state


_START = ("scoping", "planned", "queued", "running")
_END = ("verifying", "ready", "merged")

SCENARIOS: Mapping[str, Scenario] = {
    "feature": Scenario(
        feature,
        policy(),
        (
            StepName.MIRROR,
            StepName.WORKSPACE,
            StepName.SPAWN,
            StepName.COLLECT,
            StepName.PUSH,
            StepName.OPEN_PULL,
            StepName.MIRROR,  # while CI runs
            StepName.STATUS,
            StepName.RESCUE,
            StepName.REMOVE_WORKSPACE,
            StepName.REMOVE_BRANCH,
        ),
        attempts=("done",),
        states=(*_START, *_END),
    ),
    "workshop": Scenario(
        feature,
        policy(
            repositories=(
                RepositoryPolicy(
                    SLUG,
                    playground=True,
                    has_ci=False,
                    install=REFUSING_HOOK,
                    verify="python3 -m unittest discover -s tests -t .",
                ),
            )
        ),
        (
            StepName.INSTALL,
            StepName.LEFTOVERS,
            StepName.VERIFY,  # fails
            StepName.SPAWN,  # the second attempt
            StepName.LEFTOVERS,
            StepName.PUSH,
            StepName.VERIFY,
        ),
        behaviours=("break-test", "succeed"),
        attempts=("done", "done"),
        states=(*_START, "verifying", "diagnosing", "queued", "running", *_END),
    ),
    "lost machine": Scenario(
        feature,
        policy(repositories=(RepositoryPolicy(SLUG, playground=True, install=LOST_MACHINE),)),
        (StepName.RERUN,),
        attempts=("done",),
        states=(*_START, *_END),
    ),
    "pictures": Scenario(
        feature,
        policy(repositories=(RepositoryPolicy(SLUG, playground=True, screenshots=PICTURE),)),
        (StepName.KEEP_PICTURES, StepName.SCREENSHOT, StepName.SHOW, StepName.COMMENT),
        attempts=("done",),
        states=(*_START, *_END),
        said={"pr_ready": 1, "merged": 1, "pictures": 1},
        beside=("refs/heads/waggle-pictures",),
    ),
    "remarks": Scenario(
        feature,
        policy(),
        (StepName.REMARK,),
        behaviours=("sloppy", "succeed"),
        attempts=("done", "done"),
        states=(*_START, "verifying", "diagnosing", "queued", "running", *_END),
        remarks=1,
    ),
    "stop": Scenario(
        stop,
        policy(),
        (
            *((StepName.TERMINAL,) if TMUX else ()),
            StepName.FREEZE,
            StepName.THAW,
            StepName.STOP,
            StepName.RESCUE,
            StepName.REMOVE_WORKSPACE,
        ),
        behaviours=("hang:3000", "succeed"),
        shows=True,
        attempts=("stopped", "done"),
        states=(*_START, "stopped", "queued", "running", *_END),
        said={"pr_ready": 1, "merged": 1, "stopped": 1},
        alerts=2,  # everything stands still; everything goes on
        rescued={"refs/waggle/rescue/t-1/2": "thought.txt"},
    ),
    "guidance": Scenario(
        guidance,
        policy(
            routes=(("default", (Route("claude-code"),)),),
            agents_families=(("claude-code", "anthropic"),),
            live_agents=("claude-code",),
            reviews=ReviewPolicy(families=0),
        ),
        (StepName.GUIDE, StepName.COLLECT),
        attempts=("done",),
        states=(*_START, *_END),
        said={"pr_ready": 1, "merged": 1, "note": 1},
        listens=True,
        makes="told.txt",
    ),
    "comment": Scenario(
        comment,
        policy(reviews=ReviewPolicy(families=0)),
        (StepName.ANSWER, StepName.RESOLVE),
        behaviours=("sloppy", "succeed"),
        attempts=("done", "done"),
        states=(*_START, "verifying", "ready", "verifying", "diagnosing", "queued", "running", *_END),
        said={"pr_ready": 2, "ready_withdrawn": 1, "merged": 1},
        remarks=2,
    ),
    "lost": Scenario(
        lost,
        policy(),
        (StepName.STOP,),
        behaviours=("hang:3000", "succeed"),
        attempts=("lost", "done"),
        states=(*_START, "queued", "running", *_END),
    ),
    "tidy": Scenario(
        tidy,
        policy(keep=Keep(runs_s=0.0, rescued_s=0.0, sweep_s=0.2)),
        # The first attempt's directory goes while the second one works; the second one's after what was rescued.
        (StepName.REMOVE_RUN, StepName.DROP_RESCUED),
        behaviours=("break-test", "succeed"),
        attempts=("done", "done"),
        states=(*_START, "verifying", "diagnosing", "queued", "running", *_END),
    ),
    "error": Scenario(
        error,
        policy(errors=ErrorScan(every_s=1.0, min_events=3)),
        (StepName.MIRROR,),
        attempts=("done",),
        states=(*_START, *_END),
        said={"pr_ready": 1, "merged": 1, "note": 1},
        scans=True,
        wish="invalid literal",
        makes="",
    ),
    "conversation": Scenario(
        conversation,
        policy(),
        (),
        attempts=("done",),
        states=(*_START, *_END),
        talks=True,
        posts=4,
    ),
}
