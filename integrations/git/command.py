"""The one way in which Waggle runs git.

Every command gets the same clean environment and the same configuration on its command line, which outranks
whatever a repository's own configuration says. What can still not be outranked (filters and drivers, whose names
a repository chooses) is kept out of reach by the callers: they never point git at a configuration that an agent
can write (see `shadow.py`).

GitPython is used as its `Git.execute` only: `Repo` objects keep child processes alive, and its dynamic methods
turn user strings into options (GitPython's own README and advisories 3.1.53 to 3.1.60).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import urlsplit

from integrations import spawned
from integrations.git.errors import (
    GitMissing,
    GitTimedOut,
    GitTooOld,
    Unreachable,
    command_error,
    transport_error,
)
from integrations.git.hardening import HARDENING, PASSED_ON, credential, environment, is_ssh
from integrations.git.values import Remote

# GitPython looks for git when it is imported and raises ImportError without it; quiet, it waits for the first
# command, which then raises the typed error that tells the user what to install.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
from git import Git
from git.exc import GitCommandNotFound

OLDEST = (2, 38)


@dataclass(frozen=True)
class Output:
    """What a command answered. `out` is at most the limit that was asked for."""

    rc: int
    out: bytes
    err: str
    cut: bool = False

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 become U+FFFD, so that it can be stored anywhere."""
        return self.out.decode("utf-8", "replace")

    @property
    def line(self) -> str:
        return self.text.strip()

    @property
    def fields(self) -> list[str]:
        """Standard output of a command with `-z`."""
        return [field for field in self.text.split("\0") if field]


class GitCommand:
    """Runs git in one clean environment.

    Parameters:
        home: an empty directory of our own; git sees it as HOME, so that no personal configuration is read.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._checked = False

    def run(
        self,
        args: Sequence[str],
        *,
        git_dir: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | IO[bytes] | None = None,
        timeout_s: float = 60.0,
        limit: int | None = None,
        into: IO[bytes] | None = None,
        ok: Sequence[int] = (0,),
    ) -> Output:
        """Run a command that stays on this machine.

        Parameters:
            args: the command and its arguments, without `git`.
            git_dir: the repository. Given explicitly, so that none is ever discovered from a working directory.
            env: more environment, such as GIT_WORK_TREE.
            stdin: bytes, or an open file.
            timeout_s: seconds until the command and its children are killed.
            limit: keep at most so many bytes of standard output.
            into: write standard output there instead of keeping it.
            ok: exit statuses that are answers; any other raises.
        """
        sink = into if into is not None else None if limit is None else _Capped(limit)
        answer = self._execute(args, git_dir, {"GIT_ALLOW_PROTOCOL": "", **(env or {})}, (), stdin, timeout_s, sink)
        if answer.rc not in ok:
            raise command_error(args, answer.rc, answer.err)
        return answer

    def talk(
        self, args: Sequence[str], remote: Remote, *, git_dir: Path | None = None, timeout_s: float = 120.0
    ) -> Output:
        """Run a command that talks to `remote`, known to git as `origin`, with its credential.

        The credential travels in this command's environment as a header for the remote's host alone: never in the
        address (which git would write down) and never in an argument (which everybody can list).
        """
        ssh = is_ssh(remote.url)
        config = [
            f"remote.origin.url={remote.url}",
            "remote.origin.fetch=+refs/heads/*:refs/remotes/origin/*",
            f"core.sshCommand={'ssh -o BatchMode=yes -o ConnectTimeout=15' if ssh else 'false'}",
        ]
        env = {"GIT_ALLOW_PROTOCOL": "ssh" if ssh else urlsplit(remote.url).scheme or "file"}
        if ssh and "SSH_AUTH_SOCK" in os.environ:
            env["SSH_AUTH_SOCK"] = os.environ["SSH_AUTH_SOCK"]
        if remote.token is not None and remote.url.startswith(("http://", "https://")):
            env |= credential(remote.url, remote.token())
        try:
            answer = self._execute(args, git_dir, env, config, None, timeout_s, None)
        except GitTimedOut as silent:
            # A remote that accepts and never answers is as far away as one that refuses.
            raise Unreachable(str(silent), retryable=True, user_message=silent.user_message) from silent
        if answer.rc != 0:
            raise transport_error(answer.err, remote.url)
        return answer

    def version(self) -> tuple[int, int]:
        """The installed git's version, such as (2, 39). Raises GitMissing or GitTooOld."""
        said = self._spawn(["git", "--version"], {}, None, 20.0, None).line
        found = re.search(r"(\d+)\.(\d+)", said)
        if found is None:
            raise GitMissing()
        version = (int(found[1]), int(found[2]))
        if version < OLDEST:
            raise GitTooOld(found[0])
        return version

    def _execute(
        self,
        args: Sequence[str],
        git_dir: Path | None,
        env: Mapping[str, str],
        config: Sequence[str],
        stdin: bytes | IO[bytes] | None,
        timeout_s: float,
        sink: IO[bytes] | _Capped | None,
    ) -> Output:
        if not self._checked:
            self.version()
            self._checked = True
        command = ["git"]
        for setting in (*HARDENING, *(config or ("core.sshCommand=false",))):
            command += ["-c", setting]
        if git_dir is not None:
            command.append(f"--git-dir={git_dir}")
        command += args
        if isinstance(stdin, bytes):
            with tempfile.TemporaryFile() as typed:
                typed.write(stdin)
                typed.seek(0)
                return self._spawn(command, env, typed, timeout_s, sink)
        return self._spawn(command, env, stdin, timeout_s, sink)

    def _spawn(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        stdin: IO[bytes] | None,
        timeout_s: float,
        sink: IO[bytes] | _Capped | None,
    ) -> Output:
        self.home.mkdir(parents=True, exist_ok=True)
        spawned.note()
        told = {**environment(self.home), **env}
        # `Git.execute` adds to this process's environment and cannot take from it; env(1) can, by name alone.
        unset = [
            part for name in sorted(os.environ) if name not in PASSED_ON and name not in told for part in ("-u", name)
        ]
        # With a sink, GitPython reads standard output to its end before standard error; without one both pipes are
        # drained together, so that a command with many warnings cannot block. Sinks are for commands with few.
        try:
            rc, out, err = cast(
                tuple[int, object, str],
                Git(self.home).execute(
                    ["env", *unset, *command],
                    istream=cast(BinaryIO, stdin) if stdin else None,
                    output_stream=cast(BinaryIO, sink) if sink is not None else None,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    with_extended_output=True,
                    with_exceptions=False,
                    kill_after_timeout=timeout_s,
                    env=told,
                ),
            )
        except GitCommandNotFound as missing:
            raise GitMissing() from missing
        if rc == 127:
            raise GitMissing()
        if rc == -9 and err.startswith("Timeout: "):
            what = next((part for part in command[1:] if not part.startswith("-") and "=" not in part), "")
            raise GitTimedOut(
                f"git {what} took longer than {timeout_s:g} s",
                retryable=True,
                user_message=f"git {what} took longer than {timeout_s:g} seconds and was stopped; Waggle tries again.",
            )
        if isinstance(sink, _Capped):
            return Output(rc, sink.value, err, sink.cut)
        return Output(rc, out if isinstance(out, bytes) else b"", err)


class _Capped:
    """A stream that remembers its first bytes and lets the rest go by, so that memory is bounded."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self.cut = False

    def write(self, part: bytes) -> int:
        room = max(0, self._limit - self._size)
        self.cut = self.cut or room < len(part)
        if room:
            self._parts.append(part[:room])
            self._size += min(room, len(part))
        return len(part)

    @property
    def value(self) -> bytes:
        return b"".join(self._parts)
