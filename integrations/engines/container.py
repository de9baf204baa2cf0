"""A run in a Docker container, by Docker's own command line.

The container gets the directories of the run at the same paths, so that what git and agents write down about places
holds inside and outside; a user and a process tree of its own; and the run's limits.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from integrations.engines import EngineError, RunSpec

_PROGRAM = "docker"
_CHECK_S = 20.0
_TASKS_FOR_EACH = 4  #: threads count here, and node alone has a dozen
#: what the client needs to find its engine; the container sees none of it
_CLIENT = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")


def container_name(spec: RunSpec) -> str:
    return f"waggle-{spec.name}"


def in_container(
    spec: RunSpec,
    *,
    image: str,
    network: bool,
    write: Sequence[Path],
    read: Sequence[Path] = (),
    keep: Sequence[Path] = (),
) -> RunSpec:
    """The same run in a container of `image`.

    Variables are passed by name, so that no value stands in an argument; Docker's client takes them from the run's
    environment. Docker keeps them in its description of the container, which whoever may use Docker can read.

    Raises:
        EngineError: something that it is to be given is a link or is missing.
    """
    for path in (*write, *read, *keep):
        if path.is_symlink() or not path.exists():
            what = "a link" if path.is_symlink() else "not there"
            raise EngineError(f"{path} cannot be given to {spec.name}: it is {what}")
    name = container_name(spec)
    inside = [one for one in spec.env if one not in _CLIENT[2:] and one != "PATH"]
    limits = ["--pids-limit", str(spec.max_processes * _TASKS_FOR_EACH)]
    if spec.max_rss_bytes:
        limits += ["--memory", str(spec.max_rss_bytes), "--memory-swap", str(spec.max_rss_bytes)]
    argv = [
        *(_PROGRAM, "run", "--rm", "--init", "--interactive", "--name", name, "--hostname", "waggle"),
        *("--pull", "never", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--user", f"{os.getuid()}:{os.getgid()}", "--network", "bridge" if network else "none"),
        *limits,
        *(part for place in _empty_places(spec, write) for part in ("--tmpfs", f"{place}:exec,mode=1777")),
        *(part for path in write for part in ("--volume", f"{path}:{path}")),
        *(part for path in (*read, *keep) for part in ("--volume", f"{path}:{path}:ro")),
        *(part for one in inside for part in ("--env", one)),
        *("--env", f"WAGGLE_RUN={spec.name}"),
        *("--workdir", str(spec.cwd), image),
        *spec.argv,
    ]
    client = {one: os.environ[one] for one in _CLIENT if one in os.environ}
    return replace(spec, argv=tuple(argv), env={**client, **spec.env}, container=name)


def _empty_places(spec: RunSpec, write: Sequence[Path]) -> list[str]:
    """Where programs want to write, and where nothing that they write is kept."""
    home = spec.env.get("HOME", "")
    places = {"/tmp", spec.env.get("TMPDIR", "")}  # noqa: S108 - an empty one of its own
    if home not in {str(path) for path in write}:
        places.add(home)
    return sorted(places - {"", "/"})


def docker_problem(image: str) -> str | None:
    """Why there can be no containers of `image` here, in one sentence with the cure; None when there can."""
    found = shutil.which(_PROGRAM)
    if found is None:
        return "docker is not installed. Install Docker, or set level under [isolation] to another one."
    for argv, cure in (
        ([found, "version", "--format", "{{.Server.Version}}"], "Start Docker's engine, and let this user use it."),
        ([found, "image", "inspect", "--format", "{{.Id}}", image], f"Pull or build it: docker pull {image}"),
    ):
        try:
            tried = subprocess.run(argv, capture_output=True, text=True, timeout=_CHECK_S, check=False)
        except subprocess.TimeoutExpired:
            return f"docker did not answer within {_CHECK_S:.0f} s. Start Docker's engine."
        if tried.returncode != 0:
            said = (tried.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
            return f"docker {argv[1]} failed ({said}). {cure}"
    return None
