"""A job's log in the form that GitHub Actions gives it, and what can be read out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

MAX_BYTES = 8_000_000
MAX_ANNOTATIONS = 10  #: GitHub keeps ten errors of each step
BOM = "\ufeff"  #: Actions logs begin with one

_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT[\d:.]+Z ", re.MULTILINE)
_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
_EXCEPTION = re.compile(
    r"^(?P<kind>[A-Za-z_][\w.]*(?:Error|Exception|Warning|Exit|Interrupt|Failed))\b(?::\s*(?P<what>.*))?$"
)
_TEST = re.compile(r"^(?:FAIL|ERROR): (?P<test>\S+)")
_FINDING = re.compile(r"^(?P<path>[\w./-]+\.\w+):(?P<line>\d+)(?::\d+)?:\s+(?P<what>.+)$")


class JobLog:
    """Appends lines to one log file, each with the moment at which it was written.

    Parameters:
        path: the file; an earlier one is replaced.
        clock: seconds since the epoch.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._file.write(BOM)
        self._clock = clock
        self._written = 0
        self._full = False

    def line(self, text: str) -> None:
        if self._full:
            return
        moment = datetime.fromtimestamp(self._clock(), UTC)
        stamped = f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z {text}\n"
        self._written += len(stamped)
        if self._written > MAX_BYTES:
            self._full = True
            stamped = (
                f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z ##[warning]The log is cut here: it passed {MAX_BYTES:,} bytes.\n"
            )
        self._file.write(stamped)
        self._file.flush()

    def group(self, title: str, lines: Iterable[str] = ()) -> None:
        self.line(f"##[group]{title}")
        for text in lines:
            self.line(text)
        self.line("##[endgroup]")

    def close(self) -> None:
        self._file.close()


def without_stamps(log: str) -> str:
    return _STAMP.sub("", log)


@dataclass(frozen=True)
class Finding:
    """A place in a file that a failing command complained about."""

    path: str
    line: int
    title: str
    message: str


def findings(output: str, checkout: str) -> list[Finding]:
    """What a failing command complained about: Python tracebacks, and `path:line: message` as linters print it.

    Parameters:
        output: the log without time stamps.
        checkout: the directory the command ran in; frames outside it are somebody else's code.
    """
    found = dict.fromkeys([*_tracebacks(output, checkout), *_linter_lines(output)])
    return list(found)[:MAX_ANNOTATIONS]


def _tracebacks(output: str, checkout: str) -> Iterator[Finding]:
    test, place = "", None
    for line in output.splitlines():
        if named := _TEST.match(line):
            test, place = named["test"], None
        elif framed := _FRAME.match(line):
            path = framed["path"].removeprefix(checkout.rstrip("/") + "/")
            if not path.startswith("/"):
                place = (path.removeprefix("./"), int(framed["line"]))
        elif place and (raised := _EXCEPTION.match(line)):
            yield Finding(*place, test or raised["kind"], f"{raised['kind']}: {raised['what'] or ''}".rstrip(": "))
            place = None


def _linter_lines(output: str) -> Iterator[Finding]:
    for line in output.splitlines():
        if found := _FINDING.match(line):
            yield Finding(found["path"].removeprefix("./"), int(found["line"]), "", found["what"])
