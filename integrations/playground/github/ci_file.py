"""`.playground-ci.toml`: the jobs that CI runs for a commit. Pure.

[[job]]
name = "tests"
command = "python3 -m unittest discover -s tests -t ."
timeout = 120          # seconds, optional
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

NAME = ".playground-ci.toml"
DEFAULT_TIMEOUT_S = 120.0


class BadCIFile(Exception):
    """The file is not TOML, or a job in it cannot be understood."""


@dataclass(frozen=True)
class JobSpec:
    name: str
    command: str
    timeout_s: float = DEFAULT_TIMEOUT_S


def read_ci_file(content: bytes) -> tuple[JobSpec, ...]:
    """The jobs in the file's order.

    Raises:
        BadCIFile: with a sentence that names the mistake.
    """
    try:
        parsed = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadCIFile(f"{NAME} is not valid TOML: {error}") from None
    entries = parsed.get("job", [])
    if not isinstance(entries, list):
        raise BadCIFile(f"{NAME}: write each job as [[job]]")
    jobs = []
    for entry in entries:
        name, command = entry.get("name"), entry.get("command")
        if not (isinstance(name, str) and name and isinstance(command, str) and command):
            raise BadCIFile(f"{NAME}: each [[job]] needs a name and a command")
        timeout = entry.get("timeout", DEFAULT_TIMEOUT_S)
        if not isinstance(timeout, int | float) or timeout <= 0:
            raise BadCIFile(f"{NAME}: the timeout of {name} is not a number of seconds")
        jobs.append(JobSpec(name, command, float(timeout)))
    if len({job.name for job in jobs}) != len(jobs):
        raise BadCIFile(f"{NAME}: two jobs have the same name")
    return tuple(jobs)
