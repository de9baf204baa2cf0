"""The names that tasks and attempts carry: shown to people, and worn by every side effect."""

from __future__ import annotations

import re
import unicodedata

_LABEL = re.compile(r"(?:T-|#)?(\d{1,9})", re.IGNORECASE)
_SLUG_LENGTH = 40


def task_label(task_id: int | None) -> str:
    """`T-12`, as people see and type it."""
    return f"T-{task_id}"


def read_task_label(text: str) -> int | None:
    """The task id in `T-12`, `t-12`, `#12` or `12`; None when it is something else."""
    found = _LABEL.fullmatch(text.strip())
    return int(found[1]) if found else None


def attempt_name(task_id: int | None, n: int) -> str:
    """`t-12-a1`: branch, run directory and `WAGGLE_RUN` are recognised by it after a crash."""
    return f"t-{task_id}-a{n}"


def branch_name(task_id: int | None, title: str) -> str:
    """`waggle/t-12-<slug>`: letters, digits and dashes only, so that git accepts it whatever the title was."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-")
    return f"waggle/t-{task_id}-{slug}" if slug else f"waggle/t-{task_id}"
