"""Starts `waggle` as `python -m bot` does, in a process forked from one that has imported everything already.

A process of its own with the arguments, directory, environment and streams of its own: what a person would start, less
the seconds that importing takes. One test of each kind starts the installed command itself.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

#: Imported before anything is forked. The list is one for all tests of a process: the first fork settles it.
PRELOADED = ("tests.warm", "tests.crash.child", "tests.crash.outside_world")
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(list(PRELOADED))


class Forked:
    """A running `waggle`; the part of `subprocess.Popen` that tests need."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid: int = process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float = 60.0) -> int:
        """Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("waggle", timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: Path,
    stderr: Path | None = None,
    stdin: Path | None = None,
) -> Forked:
    """Start `waggle ARGUMENTS`; its streams are files, both output streams the same one without `stderr`."""
    streams = (stdin or Path(os.devnull), stdout, stderr)
    process = forks.Process(target=_live, args=(tuple(arguments), cwd, dict(env), streams), daemon=True)
    process.start()
    return Forked(process)


def run(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str = "", timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `waggle ARGUMENTS` to its end.

    Raises:
        subprocess.TimeoutExpired
    """
    with tempfile.TemporaryDirectory() as place:
        given, out, err = (Path(place) / name for name in ("in", "out", "err"))
        given.write_text(stdin)
        process = start(arguments, cwd=cwd, env=env, stdin=given, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(["waggle", *arguments], code, out.read_text(), err.read_text())


def _live(arguments: tuple[str, ...], cwd: Path, env: dict[str, str], streams: tuple[Path, Path, Path | None]) -> None:
    stdin, stdout, stderr = streams
    _connect(0, os.open(stdin, os.O_RDONLY))
    _connect(1, os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    _connect(2, os.dup(1) if stderr is None else os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["waggle", *arguments]
    try:
        runpy.run_module("bot", run_name="__main__", alter_sys=False)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _connect(number: int, opened: int) -> None:
    os.dup2(opened, number)
    os.close(opened)
