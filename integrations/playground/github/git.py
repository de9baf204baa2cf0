"""One git command in a bare repository of the playground, without the user's own git configuration."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 60.0
_KEPT = ("PATH", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")


class GitFailed(Exception):
    """git ended with a status that the caller did not expect."""


@dataclass(frozen=True)
class GitAnswer:
    rc: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "replace")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What git sees of the environment: enough to find its own programs, and no configuration of the user."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        **(more or {}),
    }


async def git(
    path: Path,
    *args: str,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    expect: Sequence[int] = (0,),
) -> GitAnswer:
    """Run `git --git-dir PATH ARGS…`.

    Raises:
        GitFailed: another exit status than those in `expect`, or no end within a minute.
    """
    process = await asyncio.create_subprocess_exec(
        "git",
        "--git-dir",
        str(path),
        *args,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(env),
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), TIMEOUT_S)
    except TimeoutError:
        raise GitFailed(f"git {args[0]} did not end within {TIMEOUT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    answer = GitAnswer(process.returncode or 0, out, err.decode("utf-8", "replace"))
    if answer.rc not in expect:
        raise GitFailed(f"git {' '.join(args)} ended with {answer.rc}: {answer.err.strip()[:500]}")
    return answer
