"""Terminals in which a person can watch an agent: one tmux session for each, on a server of Waggle's own.

A terminal is a view. It runs a program that follows the run's event log; the agent itself needs none, and losing one
harms nothing. The server is started with a clean environment: all that its first client has would be in every pane of
everybody. It ends with its last session.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from integrations import spawned
from integrations.digests import Digests
from integrations.engines.environment import clean_environment
from integrations.fault import IntegrationError

if TYPE_CHECKING:
    from libtmux import Server

_LONGEST = 90  #: bytes of a socket's path; the kernel takes 107
_SETTINGS = """\
set -g update-environment ""
set -g history-limit 20000
set -g mouse on
set -g set-titles on
set -g status-left-length 40
set -g status-left "#S "
set -g status-right "#{window_name}, leave: Ctrl-b d"
"""
_SIZE = (160, 48)  #: columns and lines until somebody joins


class TerminalError(IntegrationError):
    """tmux refused, or does not answer."""


@dataclass(frozen=True)
class Terminal:
    """One session.

    Attributes:
        name: such as `waggle/T-12`.
        run: the run that it shows.
    """

    name: str
    run: str


class Terminals(Protocol):
    """Where people watch. Every call but `available` may start processes and block."""

    def available(self) -> bool:
        """Whether there can be terminals here."""
        ...

    def known(self) -> list[Terminal]:
        """Those that are open."""
        ...

    def show(self, terminal: Terminal, agent: str, workspace: str) -> None:
        """Open one; one of that name that shows another run is closed first. Opening it again changes nothing."""
        ...

    def end(self, name: str) -> None:
        """Close one; closing it again changes nothing."""
        ...

    def leftovers(self) -> bool:
        """Whether something is there that only open ones need, and none is open."""
        ...

    def clear(self) -> None:
        """Remove it."""
        ...


class NoTerminals:
    """Where there is no tmux, or nobody watches."""

    def available(self) -> bool:
        return False

    def known(self) -> list[Terminal]:
        return []

    def show(self, terminal: Terminal, agent: str, workspace: str) -> None:
        """Shows nothing."""

    def end(self, name: str) -> None:
        """Ends nothing."""

    def leftovers(self) -> bool:
        return False

    def clear(self) -> None:
        """Leaves nothing."""


class TmuxTerminals:
    """Sessions of tmux.

    Parameters:
        directory: for the socket and what belongs to it; see `short_place`.
        runs: directory of the run directories.
        viewer: the command that shows a run: its directory, the agent's name, its workspace and the file of `Digests`.
        environment: where the few variables come from that the server and its panes have.
        secrets: values that no terminal may show.
    """

    def __init__(
        self,
        directory: Path,
        runs: Path,
        viewer: Callable[[Path, str, str, Path], Sequence[str]],
        environment: Mapping[str, str],
        secrets: Sequence[str] = (),
    ) -> None:
        self._directory = directory
        self._runs = runs
        self._viewer = viewer
        self._environment = clean_environment(extra={"PYTHONUTF8": "1"}, source=environment)
        self._secrets = tuple(secrets)
        self._program = shutil.which("tmux", path=environment.get("PATH"))

    @property
    def socket(self) -> Path:
        return self._directory / "tmux"

    def available(self) -> bool:
        return self._program is not None

    def known(self) -> list[Terminal]:
        """The sessions that are open.

        Raises:
            TerminalError: tmux does not answer.
        """
        if not self.socket.exists():
            return []
        said = self._tell("list-sessions", "-F", "#{session_name}\t#{window_name}")
        return [Terminal(*line.split("\t", 1)) for line in said if "\t" in line]

    def show(self, terminal: Terminal, agent: str, workspace: str) -> None:
        """Open a session that follows a run.

        Raises:
            TerminalError: tmux refused.
        """
        digests = self._prepare()
        there = next((one for one in self.known() if one.name == terminal.name), None)
        if there == terminal:
            return
        if there is not None:
            self.end(terminal.name)
        command = shlex.join(self._viewer(self._runs / terminal.run, agent, workspace, digests))
        place = ("-c", str(self._directory))
        look = (*place, "-x", str(_SIZE[0]), "-y", str(_SIZE[1]), command)
        # The window's name tells whose run it is, in the same breath as the session is made.
        self._tell("new-session", "-d", "-s", terminal.name, "-n", terminal.run, *look, unless="duplicate")

    def end(self, name: str) -> None:
        """Close a session with the program in it.

        Raises:
            TerminalError: tmux refused.
        """
        if self.socket.exists():
            self._tell("kill-session", "-t", f"={name}", unless="can't find session")

    def leftovers(self) -> bool:
        """Whether what a server needs is there, and no session.

        Raises:
            TerminalError: tmux does not answer.
        """
        return self._directory.is_dir() and not self.known()

    def clear(self) -> None:
        """Remove what the server needed."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def attach_command(self, name: str) -> list[str]:
        """The command that joins a terminal."""
        return [self._program or "tmux", "-S", str(self.socket), "attach-session", "-t", f"={name}"]

    def _prepare(self) -> Path:
        """Make what the server needs, for its owner's eyes only; the file of digests."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._directory.stat()
            if found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise TerminalError(f"{self._directory} belongs to somebody else, or others can read it")
            digests = self._directory / "digests.json"
            Digests.read(digests).and_of(self._secrets).write(digests)  # others may know further ones
            (self._directory / "tmux.conf").write_text(_SETTINGS, encoding="utf-8")
            pairs = " ".join(shlex.quote(f"{name}={value}") for name, value in self._environment.items())
            launcher = self._launcher.with_suffix(f".{os.getpid()}")
            launcher.write_text(
                f'#!/bin/sh\nexec env -i {pairs} {shlex.quote(self._program or "tmux")} "$@"\n', encoding="utf-8"
            )
            launcher.chmod(0o700)
            launcher.replace(self._launcher)  # never a half one, whoever starts it meanwhile
        except OSError as problem:
            raise TerminalError(f"{self._directory} cannot be used: {problem}") from problem
        return digests

    @property
    def _launcher(self) -> Path:
        """What stands in for tmux: whatever calls it, tmux sees a clean environment."""
        return self._directory / "clean-tmux"

    def _server(self) -> Server:
        from libtmux import Server  # half a second, which most commands need not wait for

        return Server(
            socket_path=self.socket, config_file=str(self._directory / "tmux.conf"), tmux_bin=str(self._launcher)
        )

    def _tell(self, command: str, *arguments: str, unless: str = "") -> list[str]:
        """Carry out one command of tmux; its output, empty while no server runs.

        Parameters:
            unless: what stands in a complaint that means that all is as wanted.
        """
        from libtmux.exc import LibTmuxException

        spawned.note()
        try:
            done = self._server().cmd(command, *arguments)
        except (LibTmuxException, OSError) as problem:
            raise TerminalError(f"tmux {command}: {problem or type(problem).__name__}", retryable=True) from problem
        told = " ".join(done.stderr)
        nobody = "no server running" in told or "error connecting" in told or "server exited" in told
        if done.returncode and not (command != "new-session" and nobody) and not (unless and unless in told):
            raise TerminalError(f"tmux {command}: {told}", retryable=True)
        return [] if done.returncode else list(done.stdout)


def short_place(wanted: Path, seed: Path) -> Path:
    """A directory for a socket: the wanted one, or one with a shorter path where that is too long for a socket.

    Parameters:
        seed: what it belongs to; another one gets another directory.
    """
    if len(os.fsencode(wanted / "tmux")) <= _LONGEST:
        return wanted
    mark = hashlib.sha256(os.fsencode(seed)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"waggle-{os.getuid()}-{mark}"
