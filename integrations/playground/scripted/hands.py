"""Tool calls: each one is done for real, in the worktree, and shown in the stream."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from integrations.playground.scripted.stream import Stream

COMMAND_SECONDS = 120


class Stuck(Exception):
    """The repository does not look as the job expects; the message is for a person."""


@dataclass(frozen=True)
class Ran:
    ok: bool
    output: str


class Hands:
    """Reads, edits and runs things in one worktree.

    Parameters:
        root: the worktree.
        stream: where the calls are shown.
        pause: called with seconds before each call, so that a person can follow.
        after_change: called after each change of a file (a test of crashes ends the process there).
        skip: paths with this prefix are left alone (an agent that forgets its tests).
    """

    def __init__(
        self,
        root: Path,
        stream: Stream,
        pause: Callable[[float], None] = time.sleep,
        after_change: Callable[[], None] = lambda: None,
        skip: str | None = None,
    ) -> None:
        self.root = root
        self.stream = stream
        self.changed: list[str] = []
        self._pause = pause
        self._after_change = after_change
        self._skip = skip
        self._before: dict[Path, str | None] = {}
        self._child: subprocess.Popen[str] | None = None

    def say(self, text: str) -> None:
        self._pause(0.1)
        self.stream.text(text)

    def text(self, path: str) -> str:
        """A file's text without showing the reading; empty when it is not there."""
        file = self._file(path)
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    def read(self, path: str) -> str:
        self._pause(0.15)
        file = self._file(path)
        call = self.stream.tool_use("Read", {"file_path": str(file)})
        if not file.is_file():
            self.stream.tool_result(call, "File does not exist.", {}, is_error=True)
            return ""
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        numbered = "\n".join(f"{number}\t{line}" for number, line in enumerate(lines, 1))
        self.stream.tool_result(
            call,
            numbered,
            {"type": "text", "file": {"filePath": str(file), "numLines": len(lines), "totalLines": len(lines)}},
        )
        return text

    def write(self, path: str, content: str) -> bool:
        """Make a file hold `content`. False when it did already."""
        if self._skipped(path) or self.text(path) == content:
            return False
        file = self._file(path)
        self._pause(0.2)
        call = self.stream.tool_use("Write", {"file_path": str(file), "content": content})
        kind = "update" if file.exists() else "create"
        self._put(file, content)
        self.stream.tool_result(
            call, f"File {kind}d successfully at: {file}", {"type": kind, "filePath": str(file), "content": content}
        )
        self._changed(path)
        return True

    def edit(self, path: str, old: str, new: str) -> bool:
        """Replace `old` by `new`, once. False when `new` is there already.

        Raises:
            Stuck: neither is there.
        """
        if self._skipped(path):
            return False
        text = self.text(path)
        if new in text:
            return False
        if old not in text:
            first = old.strip().splitlines()[0].strip()
            raise Stuck(f"`{path}` does not look as I expected: I found no `{first}` in it.")
        file = self._file(path)
        self._pause(0.2)
        arguments = {"replace_all": False, "file_path": str(file), "old_string": old, "new_string": new}
        call = self.stream.tool_use("Edit", arguments)
        self._put(file, text.replace(old, new, 1))
        self.stream.tool_result(
            call,
            f"The file {file} has been updated successfully.",
            {"filePath": str(file), "oldString": old, "newString": new, "replaceAll": False},
        )
        self._changed(path)
        return True

    def run(self, command: str, why: str) -> Ran:
        """Run a shell command in a session of its own, as real agents do."""
        self._pause(0.15)
        call = self.stream.tool_use("Bash", {"command": command, "description": why})
        real = command.replace("python3 ", f"{shlex.quote(sys.executable)} ")
        self._child = subprocess.Popen(
            ["/bin/sh", "-c", real],
            cwd=self.root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output = self._child.communicate(timeout=COMMAND_SECONDS)[0].strip()
            ok = self._child.returncode == 0
        except subprocess.TimeoutExpired:
            self.drop_child()
            output, ok = f"Command timed out after {COMMAND_SECONDS} s", False
        self._child = None
        detail = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
        self.stream.tool_result(call, output, detail, is_error=not ok)
        return Ran(ok, output)

    def drop_child(self) -> None:
        """Kill the command that is running, if any, with all it started."""
        child = self._child
        if child is not None and child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def put_back(self) -> None:
        """Undo every change of this run (a half-done job is worse than none)."""
        for file, before in self._before.items():
            if before is None:
                file.unlink(missing_ok=True)
            else:
                file.write_text(before, encoding="utf-8")
        self._before.clear()
        self.changed.clear()

    def _file(self, path: str) -> Path:
        return self.root / path

    def _skipped(self, path: str) -> bool:
        return self._skip is not None and path.startswith(self._skip)

    def _put(self, file: Path, content: str) -> None:
        self._before.setdefault(file, file.read_text(encoding="utf-8") if file.is_file() else None)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")

    def _changed(self, path: str) -> None:
        if path not in self.changed:
            self.changed.append(path)
        self._after_change()
