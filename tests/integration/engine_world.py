"""Real processes for the tests of the local engine: an engine on a temporary disk, and programs that misbehave."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from integrations.engines import RunSpec, RunState, RunView
from integrations.engines.local import LocalEngine
from integrations.engines.processes import is_zombie, wearing
from integrations.engines.run_files import RunFiles

PATH = os.environ["PATH"]

#: engine.md's five survivors: plain, in a session of its own, an orphan of that kind, and a daemon that forked twice
FAMILY = """
sleep 1000 &
setsid sleep 1001 &
(setsid nohup sleep 1002 >/dev/null 2>&1 &)
python3 - <<'DAEMON' &
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1003)
    os._exit(0)
os.wait()
DAEMON
wait $!
echo family
sleep 1004
"""


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until `condition` holds; fail when it does not within `seconds`."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        pause.wait(0.01)


class World:
    """An engine, and what can be seen of its runs from outside."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "runs"
        self.engine = LocalEngine(self.runs)

    def spec(self, name: str, script: str = "true", **more: object) -> RunSpec:
        """A run of a shell script with nothing but a search path in its environment."""
        given: dict[str, object] = {"argv": ("/bin/sh", "-c", script), "cwd": self.root, "env": {"PATH": PATH}, **more}
        return RunSpec(name=name, **given)  # type: ignore[arg-type]  # tests name the fields they mean

    def python(self, name: str, program: str, **more: object) -> RunSpec:
        return self.spec(name, argv=(sys.executable, "-c", program), **more)

    def files(self, name: str) -> RunFiles:
        return RunFiles(name, self.runs.resolve() / name)

    def alive(self, name: str) -> list[int]:
        """Every living process of a run but its runner."""
        files = self.files(name)
        known = files.runner()
        worn = wearing([f"{key}={value}" for key, value in files.markers.items()])
        return [pid for pid in worn if known is None or pid != known[0]]

    def runner(self, name: str) -> int:
        known = self.files(name).runner()
        assert known is not None
        return known[0]

    def events(self, name: str) -> tuple[str, ...]:
        return self.engine.read_events(name, 0).lines

    def until_said(self, name: str, line: str) -> None:
        until(lambda: line in self.events(name))

    def until_over(self, name: str) -> RunView:
        until(lambda: self.engine.find(name).state in {RunState.ENDED, RunState.LOST})
        return self.engine.find(name)

    def close(self) -> None:
        for view in self.engine.list():
            self.engine.stop(view.name, 0.0)


def gone(pid: int) -> bool:
    return is_zombie(pid)
