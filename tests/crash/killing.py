"""Where a Waggle is killed: a named step, the moment in it, and how often it was passed before."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scheduler.steps import StepName

ANY = "any"  #: whatever step comes first
COMMIT = "commit"  #: not a step: a transaction of the registry, with all of its changes made and not yet on disk


class Moment(StrEnum):
    BEFORE = "before"  #: nothing of the step was done
    WITHIN = "within"  #: a process that the step started (git, the runner) has just begun, and outlives the kill
    AFTER = "after"  #: all of it was done, and nothing about it is written down


class Victim(StrEnum):
    """Who dies, in this order when it is both."""

    PLAYGROUND = "playground"
    WAGGLE = "waggle"


@dataclass(frozen=True)
class Kill:
    """One SIGKILL.

    Attributes:
        step: name of the step, ANY, COMMIT, or the end of an address that Waggle calls, such as `chat.postMessage`:
            then the playground does it, before or after it carries out what was asked.
        n: at the n-th passage of the step since the kill before this one, or since this life began.
        victims: who dies; WITHIN is for Waggle alone.
    """

    step: str
    moment: Moment
    n: int = 1
    victims: tuple[Victim, ...] = (Victim.WAGGLE,)

    @property
    def ends_life(self) -> bool:
        return Victim.WAGGLE in self.victims

    @property
    def by_playground(self) -> bool:
        """Done by the playground; then `n` counts the calls since the kill before, in whichever life."""
        return self.step not in {*StepName, ANY, COMMIT}

    def __str__(self) -> str:
        return f"{self.step}:{self.moment}:{self.n}:{'+'.join(self.victims)}"

    @classmethod
    def parse(cls, text: str) -> Kill:
        """Read `push:before`, `push:before:2` or `push:before:1:playground+waggle`."""
        step, moment, *more = text.split(":")
        victims = more[1].split("+") if len(more) > 1 else [Victim.WAGGLE]
        return cls(step, Moment(moment), int(more[0]) if more else 1, tuple(map(Victim, victims)))


@dataclass(frozen=True)
class Passage:
    """One line of the steps log."""

    life: int
    step: StepName
    moment: Moment
    subject: str


class StepsLog:
    """Every passage of every life, written before the kill that may follow it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, life: int, step: StepName, moment: Moment, subject: str) -> None:
        line = json.dumps([life, step, moment, subject]) + "\n"
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def all(self) -> list[Passage]:
        if not self._file.exists():
            return []
        rows = [json.loads(line) for line in self._file.read_text().splitlines()]
        return [Passage(life, StepName(step), Moment(moment), subject) for life, step, moment, subject in rows]

    def last_of_each_life(self) -> list[Passage]:
        """Where each life was killed, as far as steps go, and where the last one ended."""
        return list({one.life: one for one in self.all()}.values())


class Killer:
    """A StepObserver that kills as planned, itself at last.

    Parameters:
        kills: where, one after the other; none to live on.
        log: is told of every passage, together with the number of this life.
        playground: file with the process id of the playground.
    """

    def __init__(self, kills: Sequence[Kill], log: StepsLog, life: int, playground: Path) -> None:
        self._due = list(kills)
        self._log = log
        self._life = life
        self._playground = playground
        self._passed = 0  #: how often the place of the next kill was passed
        self._lock = threading.Lock()
        self._at: tuple[str, int] | None = None  #: the step and the thread in which the kill is due
        if any(kill.moment is Moment.WITHIN for kill in kills):
            sys.addaudithook(self._heard)

    def committing(self, _connection: object) -> None:
        """A listener to SQLAlchemy's `commit` event, which comes before the commit itself."""
        with self._lock:
            if self._reached({COMMIT}) is not None:
                self._strike()

    def before(self, name: StepName, subject: str) -> None:
        with self._lock:
            self._log.add(self._life, name, Moment.BEFORE, subject)
            if self._at and self._due[0].step in {name, ANY}:
                self._at = (name, threading.get_ident())  # the one before may have failed, and has no `after` then
                return
            kill = None if self._at else self._reached({name, ANY})
            if kill is None:
                return
            if kill.moment is Moment.BEFORE:
                self._strike()
            else:
                self._at = (name, threading.get_ident())

    def after(self, name: StepName, subject: str) -> None:
        with self._lock:
            self._log.add(self._life, name, Moment.AFTER, subject)
            if self._at == (name, threading.get_ident()):
                self._strike()

    def _reached(self, places: set[str]) -> Kill | None:
        """The kill that comes next, when it is due at one of these places by now."""
        if not self._due or self._due[0].step not in places:
            return None
        self._passed += 1
        return self._due[0] if self._passed == self._due[0].n else None

    def _strike(self) -> None:
        kill, self._passed, self._at = self._due.pop(0), 0, None
        if Victim.PLAYGROUND in kill.victims:
            os.kill(int(self._playground.read_text()), signal.SIGKILL)
        if Victim.WAGGLE in kill.victims:
            die()

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        """Python's own announcement that a process is about to be started (audit event `subprocess.Popen`)."""
        if event != "subprocess.Popen" or self._at is None or self._at[1] != threading.get_ident():
            return
        thread = threading.get_native_id()
        known = set(_children(thread))
        threading.Thread(target=_die_when, args=(lambda: _begun(thread, known),), daemon=True).start()


def die() -> None:
    """SIGKILL to this process: no handler, no `finally`, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()  # the signal is on its way; nothing more may happen in this thread


def _die_when(holds: Callable[[], bool]) -> None:
    while not holds():
        pass
    die()


def _begun(thread: int, known: set[int]) -> bool:
    """Whether a child of that thread that was not there before runs its own program by now."""
    own = _command(os.getpid())
    return any(_command(pid) not in {own, b""} for pid in _children(thread) if pid not in known)


def _children(thread: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{thread}/children").read_text().split()]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
