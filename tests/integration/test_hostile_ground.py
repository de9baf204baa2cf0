"""Ground that gives way: full disk, read-only home, damaged registry, a second Waggle, a big repository.

Each is met by the real product, and what a person reads is held against its whole text.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from bot.home import Home, HomeError
from integrations.git import Remote, Repositories
from scheduler.full_disk import is_full
from scheduler.leadership import AlreadyLedError, Leadership
from scheduler.monitor import Monitor, TickReport
from scheduler.registry import Event, Outbox
from scheduler.registry.copies import copy
from tests.conftest import Clock
from tests.integration.git_world import git
from tests.integration.loop import compose, open_home, place_at, policy
from tests.integration.test_cli import NOW, Terminal


@pytest.fixture
def waggle(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


# --- a full disk ---


async def test_a_full_disk_loses_nothing_is_said_once_and_is_over_when_there_is_room(tmp_path: Path) -> None:
    registry = open_home(tmp_path / "home")
    loop = compose(tmp_path / "home", place_at(tmp_path / "p"), registry, policy(repositories=()), tick_s=1)
    clock = Clock()
    monitor = Monitor(replace(loop.outside, clock=clock), lambda: None)

    def limit(pages: int) -> None:
        registry.write_now(lambda session: session.connection().exec_driver_sql(f"PRAGMA max_page_count={pages}"))

    def fill(session) -> None:
        for n in range(200):
            session.add(Event(at=clock(), actor="test", what="noise", why="x" * 4000, subject=str(n)))

    def events() -> int:
        return registry.read_now(lambda session: len(session.exec(select(Event)).all()))

    await monitor.tick()
    before = events()
    limit(1)  # SQLite takes what the file has as the least
    for _ in range(5):
        with pytest.raises(OperationalError) as refused:
            await registry.write(fill)
        assert is_full(refused.value)
        await monitor._guarded(TickReport(), "write down what was seen", lambda: registry.write(fill))
        clock.advance(60)
    assert events() == before, "all of it or nothing"

    limit(1_000_000)
    await registry.write(fill)
    for _ in range(3):
        await monitor.tick()
    assert events() == before + 200
    said = registry.read_now(lambda s: [row.payload["text"] for row in s.exec(select(Outbox)).all()])
    assert said == [
        "The disk of Waggle's home was full for about 5 min. There is room again and everything goes on; nothing was "
        "lost. `waggle doctor` says how much is left."
    ]
    await monitor.jobs.settle(10)
    registry.close()


def _tmpfs(where: Path, options: str) -> None:
    """Mount a small file system, or skip: that takes root, and a kernel that lets it."""
    where.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(where)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")


def test_a_disk_without_room_for_the_registry_is_named_at_start(waggle: Terminal, tmp_path: Path) -> None:
    small = tmp_path / "small"
    _tmpfs(small, "size=256k")
    try:
        (small / "filler").write_bytes(b"x" * 200_000)
        waggle.env["WAGGLE_HOME"] = str(small)
        waggle("tasks", rc=1)
        assert "room" in waggle.err and str(small) in waggle.err
        (small / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=16m", str(small)], check=True)
        assert waggle.json("tasks") == []
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


# --- a home that cannot be written ---


def test_a_read_only_home_says_so_in_every_command(waggle: Terminal, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed"
    _tmpfs(sealed, "ro,size=64k")
    try:
        waggle.env["WAGGLE_HOME"] = str(sealed)
        for command in (["tasks"], ["run"], ["backup"], ["checkout", "T-1"]):
            waggle(*command, rc=1)
            assert waggle.err.replace("\n", " ").strip() == (
                f"The state directory {sealed} cannot be used: Read-only file system. Make it writable and make room "
                "there, or set WAGGLE_HOME to another directory."
            )
        checks = {one["check"]: one for one in waggle.json("doctor", rc=1)}
        assert not checks["home"]["ok"] and "Read-only" in checks["home"]["detail"] and "locks" not in checks
    finally:
        subprocess.run(["umount", "-l", str(sealed)], check=True)


def test_a_home_below_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match=r"cannot be used: Not a directory\. Make it writable"):
        Home(tmp_path / "file" / "home").prepare()


# --- a damaged registry ---


@pytest.mark.parametrize("how", ["header", "pages"])
def test_a_damaged_registry_is_refused_by_every_command_and_never_touched(waggle: Terminal, how: str) -> None:
    waggle("tasks")
    waggle.home = waggle.home.resolve()
    made = waggle.json("backup")["copy"]
    path = waggle.home / "registry.db"
    if how == "header":
        path.write_bytes(b"this is no database at all" * 400)
    else:
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(4096 * 6))
    before = (path.read_bytes(), path.stat().st_ino)
    for command in (["tasks"], ["run"], ["new", "x"], ["backup"]):
        waggle(*command, rc=1)
        said = waggle.err.strip().splitlines()
        assert said[0].startswith(f"The registry {path} is damaged (")
        assert said[0].endswith("). Waggle did not touch it and does not start on it.")
        assert said[-2] == f"The newest copy is {made}. To go on from it:"
        assert said[-1] == f"  mv {path} {path}.damaged; rm -f {path}-wal {path}-shm; cp {made} {path}"
    checks = {one["check"]: one for one in waggle.json("doctor", rc=1)}
    assert not checks["registry"]["ok"] and "cp " in checks["registry"]["fix"]
    assert (path.read_bytes(), path.stat().st_ino) == before
    subprocess.run(["bash", "-c", said[-1]], check=True)
    assert waggle.json("tasks") == []


def test_a_backup_says_where_it_is_and_how_to_go_back(waggle: Terminal) -> None:
    waggle("backup", rc=1)
    assert "There is no registry at" in waggle.err
    waggle.registry().close()
    said = waggle("backup")
    path = waggle.home / "registry.db"
    made = said.splitlines()[0].removeprefix("Copied to ")
    assert Path(made).stat().st_mode & 0o777 == 0o600
    assert said.splitlines()[-1].strip() == f"mv {path} {path}.before; rm -f {path}-wal {path}-shm; cp {made} {path}"
    assert copy(path, waggle.home / "copies", NOW, "daily").exists()


# --- a second Waggle ---


def test_a_second_waggle_is_told_who_holds_the_home_and_since_when(waggle: Terminal, tmp_path: Path) -> None:
    waggle.registry().close()
    held = Leadership(waggle.home / "waggle.lock")
    held.take()
    try:
        waggle("run", rc=1)
        assert re.fullmatch(
            rf"Another Waggle \(process {os.getpid()}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC\) already runs on "
            rf"{re.escape(str(waggle.home))}\. Stop that one \(kill {os.getpid()}\), or give this one a home "
            r"of its own with WAGGLE_HOME\.",
            waggle.err.replace("\n", " ").strip(),
        )
    finally:
        held.release()
    again = Leadership(waggle.home / "waggle.lock")  # a file that was left over is no lock
    again.take()
    with pytest.raises(AlreadyLedError):
        Leadership(waggle.home / "waggle.lock").take()
    again.release()


# --- a big repository ---


def _of_files(root: Path, name: str, count: int) -> Remote:
    """A remote whose one commit has so many files, in directories of a hundred."""
    where = root / f"{name}.git"
    git("init", "-q", "--bare", "-b", "main", str(where), cwd=root)
    parts = ["blob\nmark :1\ndata 2\nx\n", "commit refs/heads/main\ncommitter a <a@b> 0 +0000\ndata 1\nm"]
    parts += [f"M 100644 :1 dir{n // 100}/größe {n}.txt" for n in range(count)]
    stream = "\n".join(parts) + "\n"
    subprocess.run(["git", "-C", str(where), "fast-import", "--quiet"], input=stream.encode(), check=True)
    return Remote(f"acme/{name}", str(where))


def test_20000_files_cost_no_more_commands_than_20(tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "home")
    commands: list[str] = []
    spawn = repositories._git._spawn

    def counted(command, *args, **kwargs):
        commands.append(next((one for one in command[1:] if not one.startswith("-") and "=" not in one), "version"))
        return spawn(command, *args, **kwargs)

    repositories._git._spawn = counted  # type: ignore[method-assign]  # counts what is started, and starts it
    costs = []
    for n, (name, count) in enumerate((("small", 20), ("big", 20_000)), 1):
        remote = _of_files(tmp_path, name, count)
        commands.clear()
        repositories.ensure(remote)
        repositories.fetch(remote)
        head = repositories.resolve(remote.slug, "main")
        tree = repositories.create_workspace(remote.slug, f"t-{n}", f"waggle/t-{n}-x", head)
        assert len(repositories.list_files(remote.slug, head)) == count
        assert len(repositories.grep(remote.slug, head, ["x"])) <= 200
        (tree.path / "dir0" / "größe 0.txt").write_text("changed")
        (tree.path / "neu.txt").write_text("new")
        assert repositories.rescue(remote.slug, tree.path, f"refs/waggle/rescue/t-{n}/1")
        repositories.remove_workspace(remote.slug, f"t-{n}", tree.branch)
        costs.append(list(commands))
    assert [one for one in costs[0] if one != "version"] == costs[1]
    assert len(costs[0]) < 60
