"""Every side effect of the supervisor has a name, and happens inside the step of that name.

The list is closed: a test can enumerate it and kill Waggle before and after each. A step must be safe to
repeat, because after a crash nobody knows whether it happened: it adopts what it finds before it creates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class StepName(StrEnum):
    MIRROR = "mirror"  #: clone or fetch the mirror of a repository
    WORKSPACE = "workspace"  #: create the task's worktree and branch
    INSTALL = "install"  #: run the repository's install command in it
    SPAWN = "spawn"  #: start the agent's process
    TERMINAL = "terminal"  #: open or close the terminal in which people watch it
    GUIDE = "guide"  #: say to a running agent what a person wrote for it
    STOP = "stop"  #: kill the agent's process tree
    FREEZE = "freeze"  #: stop a process tree where it stands
    THAW = "thaw"  #: let it go on
    LEFTOVERS = "leftovers"  #: commit what the agent left uncommitted
    COLLECT = "collect"  #: fetch the branch from the pool into the mirror
    PUSH = "push"  #: push the branch to the remote
    OPEN_PULL = "open_pull"  #: open the pull request
    VERIFY = "verify"  #: run the repository's own verify command
    SCREENSHOT = "screenshot"  #: run the repository's screenshot command
    KEEP_PICTURES = "keep_pictures"  #: make room for its pictures, take them, or forget them
    SHOW = "show"  #: put the pictures on a branch beside the code
    STATUS = "status"  #: set a commit status
    RERUN = "rerun"  #: start failed CI jobs again
    COMMENT = "comment"  #: write or update one of our comments on the pull request
    REMARK = "remark"  #: comment on lines of the pull request
    ANSWER = "answer"  #: answer a person's comment on the pull request
    RESOLVE = "resolve"  #: resolve the review thread that was answered
    RESCUE = "rescue"  #: save unpublished work before a workspace goes
    REMOVE_WORKSPACE = "remove_workspace"
    REMOVE_BRANCH = "remove_branch"  #: delete the merged branch on the remote
    REMOVE_RUN = "remove_run"  #: delete the run directory of a finished attempt
    DROP_RESCUED = "drop_rescued"  #: let go of rescued work, long after the merge


class StepObserver(Protocol):
    """Is told of every step, before and after; what it raises stops the step."""

    def before(self, name: StepName, subject: str) -> None: ...

    def after(self, name: StepName, subject: str) -> None: ...


class Steps:
    """Runs named steps.

    Parameters:
        observer: told of each step; None for the log alone.
        tick: counts the steps taken, for the tick's report.
    """

    def __init__(self, observer: StepObserver | None = None, tick: Callable[[StepName, str], None] | None = None):
        self._observer = observer
        self._tick = tick

    @contextmanager
    def __call__(self, name: StepName, subject: str) -> Iterator[None]:
        """The step `name` on `subject` (an attempt, a task, a repository)."""
        log.debug("step", step=name.value, subject=subject)
        if self._observer is not None:
            self._observer.before(name, subject)
        yield
        if self._tick is not None:
            self._tick(name, subject)
        if self._observer is not None:
            self._observer.after(name, subject)
        log.debug("step done", step=name.value, subject=subject)
