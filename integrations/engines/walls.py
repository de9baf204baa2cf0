"""Walls by bubblewrap: a run sees what is named, and nothing else; and its whole tree dies with one process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from integrations.engines import EngineError, RunSpec

_PROGRAM = "bwrap"
_CHECK_S = 20.0
_EGRESS = Path(__file__).with_name("egress.py")

#: of the system, as it lies there; where these are links (merged /usr), they are made as links
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
#: names, certificates, users and time: what programs need to work, and nothing that belongs to somebody
_ETC = (
    *("alternatives", "ca-certificates", "ca-certificates.conf", "gitconfig", "group", "host.conf", "hosts"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "passwd", "pki"),
    *("protocols", "resolv.conf", "services", "ssl", "timezone"),
)


@dataclass(frozen=True)
class Walls:
    """What a run behind walls is given, beside the system's programs.

    Attributes:
        write: its worktree, the git directory that this belongs to, and the agent's own directory.
        read: further files that it needs: the objects that its git directory borrows, a package cache.
        keep: what it may only read although it lies in `write`, such as `config` and `hooks` of that git directory.
        network: whether it reaches the network; without, not even this machine's own services.
        hosts: without a network, what it reaches nevertheless, through a proxy (see `egress.py`).
    """

    write: tuple[Path, ...]
    read: tuple[Path, ...] = ()
    keep: tuple[Path, ...] = ()
    network: bool = True
    hosts: tuple[str, ...] | None = None


def behind_walls(spec: RunSpec, walls: Walls) -> RunSpec:
    """The same run behind walls.

    Its environment is also that of bubblewrap itself, so it must be clean: inside, /proc/1/environ shows it, and
    `--clearenv` would not change that.

    Raises:
        EngineError: its program is not there, or something that it is to be given is a link or is missing. A link
            could have been laid by an earlier run, to be given what it points to.
    """
    for path in (*walls.write, *walls.read, *walls.keep):
        if path.is_symlink() or not path.exists():
            raise EngineError(f"{path} cannot be given to {spec.name}: it is {_what(path)}")
    argv, own = _program(spec)
    way_out: tuple[str, ...] = ()
    if walls.hosts is not None and not walls.network:
        python = Path(sys.executable).resolve()
        own += [_EGRESS, *_outside_usr(python.parent.parent)]
        half = (str(python), "-I", "-S", str(_EGRESS))
        way_out, argv = (*half, "outside", ",".join(walls.hosts), "--"), (*half, "inside", "--", *argv)
    return replace(
        spec,
        argv=(
            *way_out,
            *(_PROGRAM, "--unshare-all", "--die-with-parent", "--hostname", "waggle"),
            *(("--share-net",) if walls.network else ()),
            *_system(),
            *_empty_places(spec.env),
            *(part for path in (*own, *walls.read) for part in ("--ro-bind", str(path), str(path))),
            *(part for path in walls.write for part in ("--bind", str(path), str(path))),
            *(part for path in walls.keep for part in ("--ro-bind", str(path), str(path))),
            *("--chdir", str(spec.cwd), "--"),
            *argv,
        ),
    )


def _what(path: Path) -> str:
    return "a link" if path.is_symlink() else "not there"


def _system() -> list[str]:
    arguments: list[str] = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            arguments += ["--ro-bind", name, name]
    for name in _ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return [*arguments, "--proc", "/proc", "--dev", "/dev"]


def _empty_places(env: Mapping[str, str]) -> list[str]:
    """Where programs want to write, but where nothing of the machine's may be seen."""
    places = {"/tmp", "/var/tmp", env.get("HOME", ""), env.get("TMPDIR", "")}  # noqa: S108 - empty ones of its own
    return [part for place in sorted(places - {"", "/"}) for part in ("--tmpfs", place)]


def _program(spec: RunSpec) -> tuple[tuple[str, ...], list[Path]]:
    """The command, and what of the machine it needs to start when it is none of the system's own."""
    found = shutil.which(spec.argv[0], path=spec.env.get("PATH"))
    if found is None:
        raise EngineError(f"{spec.argv[0]} is not on the PATH of {spec.name}")
    path = Path(found).absolute()
    if path.is_relative_to("/usr") or path.is_relative_to("/bin"):
        return spec.argv, []
    real = path.resolve()
    environment = path.parent.parent
    if (environment / "pyvenv.cfg").is_file():
        # A virtual environment is known by the path of its interpreter, which is a link to the one that made it.
        return (str(path), *spec.argv[1:]), [environment, *_outside_usr(real.parent.parent)]
    modules = next((one for one in reversed(real.parents) if one.name == "node_modules"), None)
    return (str(real), *spec.argv[1:]), _outside_usr(modules or real)


def _outside_usr(path: Path) -> list[Path]:
    return [] if path.is_relative_to("/usr") else [path]


def bubblewrap_problem() -> str | None:
    """Why there can be no walls here, in one sentence with the cure; None when there can."""
    if sys.platform != "linux":
        return "bubblewrap needs Linux."
    found = shutil.which(_PROGRAM)
    if found is None:
        return "bubblewrap is not installed. Debian: apt-get install bubblewrap."
    argv = [found, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    try:
        tried = subprocess.run(argv, capture_output=True, text=True, timeout=_CHECK_S, check=False)
    except subprocess.TimeoutExpired:
        return f"bubblewrap did not answer within {_CHECK_S:.0f} s."
    if tried.returncode == 0:
        return None
    return (
        f"bubblewrap may not make namespaces here ({tried.stderr.strip()[:200]}). Allow unprivileged user namespaces,"
        " or start the container with the right to make them."
    )
