"""Command line programs of agents: what surrounds them when they run, and what `waggle doctor` asks of them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from integrations.agents import Finding

_VERSION_S = 20.0

#: Nobody sits at the keyboard: git must not open an editor or ask for a password, and nothing must page.
UNATTENDED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_PAGER": "cat",
    "PAGER": "cat",
}


def program_findings(name: str, program: str, env: Mapping[str, str], fix: str) -> tuple[list[Finding], bool]:
    """Whether a program is there and says its version; and whether it makes sense to ask on.

    Parameters:
        env: what the program will see; its PATH is searched.
        fix: how to install it.
    """
    found = shutil.which(program, path=env.get("PATH"))
    if found is None:
        return [Finding(name, False, f"`{program}` is not on PATH", fix)], False
    rc, words = _ask_version(found, env)
    if rc is None:
        return [Finding(name, False, f"{found} does not answer: {words}", f"Install it again. {fix}")], False
    if rc != 0:
        return [Finding(name, False, f"{found} fails: {words or 'no version'}", f"Install it again. {fix}")], False
    return [Finding(name, True, f"{words or 'no version'} ({found})")], True


def program_version(program: str, env: Mapping[str, str]) -> str:
    """What a program says its version is; empty when it is not there or does not say. Asked once for each file."""
    found = shutil.which(program, path=env.get("PATH"))
    if found is None:
        return ""
    file = Path(found).resolve().stat()
    return _known_version(found, file.st_mtime_ns, file.st_size, tuple(sorted(env.items())))


@lru_cache(maxsize=32)
def _known_version(found: str, _changed: int, _size: int, env: tuple[tuple[str, str], ...]) -> str:
    rc, words = _ask_version(found, dict(env))
    return words if rc == 0 else ""


def _ask_version(found: str, env: Mapping[str, str]) -> tuple[int | None, str]:
    """Exit code and first line; without a code: why it does not answer.

    Asked in a directory of its own, because a program may leave files where it stands (seen with Codex 0.169.0, which
    unpacks links below its home, and that may be a relative one).
    """
    with tempfile.TemporaryDirectory(prefix="waggle-version-", ignore_cleanup_errors=True) as scratch:
        try:
            told = subprocess.run(
                [Path(found).absolute(), "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_VERSION_S,
                cwd=scratch,
                env=dict(env),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            return None, str(problem)
    words = (told.stdout.strip() or told.stderr.strip()).splitlines()
    return told.returncode, words[0][:100] if words else ""


def login_finding(name: str, credentials: Mapping[str, str], login_file: Path, fix: str) -> Finding:
    """How it logs in: with what it is given, or with the user's own login."""
    check = f"{name} login"
    if credentials:
        return Finding(check, True, f"given: {', '.join(sorted(credentials))}")
    if login_file.is_file():
        return Finding(check, True, f"your own login ({login_file})")
    return Finding(check, False, "no API key is set, and you are not logged in", fix)


def under_temporary(path: Path, env: Mapping[str, str]) -> bool:
    """Whether a directory lies where the system keeps temporary files."""
    roots = {Path(tempfile.gettempdir()), Path(env.get("TMPDIR") or "/tmp"), Path("/tmp")}  # noqa: S108 - compared only
    return any(path.resolve().is_relative_to(root.resolve()) for root in roots)
