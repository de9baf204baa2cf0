"""Bringing the registry to the form that this version of Waggle knows, before anybody uses it.

The migrations are package resources; alembic's own configuration file is not needed. A damaged registry is
never written to, and one that a newer Waggle made is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from scheduler.registry import copies
from scheduler.registry.database import RegistryError

SCRIPTS = Path(__file__).with_name("migrations")


class NewerRegistryError(RegistryError):
    """A newer Waggle made this registry."""


class OutdatedRegistryError(RegistryError):
    """The registry was not brought to this version yet; `waggle run` does that."""


@dataclass(frozen=True)
class Migrated:
    """What became of the registry.

    Attributes:
        before, after: revisions; `before` is empty for a new registry.
        copy: the copy made before the change; None when nothing was to be changed or nothing was there.
    """

    before: str
    after: str
    copy: Path | None

    @property
    def changed(self) -> bool:
        return self.before != self.after


def migrate(url: str, copies_directory: Path, now: datetime) -> Migrated:
    """Check the registry, copy it when it has to change, and change it. Only one process may do this at a time.

    Raises:
        DamagedRegistryError: see `copies.check`.
        NewerRegistryError: it has a revision that this version does not know.
        RegistryError: it cannot be opened or written.
    """
    path = _file_of(url)
    if path is not None:
        copies.check(path, copies_directory)
        _make_room_for(path)
    try:
        with _connected(url) as connection:
            before = _revision(connection)
        scripts = ScriptDirectory.from_config(_config())
        head = scripts.get_current_head() or ""
        if before == head:
            return Migrated(before, head, None)
        _refuse_newer(scripts, before)
        copied = copies.copy(path, copies_directory, now, f"before-{head}") if path is not None and before else None
        with _connected(url, writing=True) as connection:
            command.upgrade(_config(connection), "head")
            connection.commit()
    except DBAPIError as problem:
        raise RegistryError(f"The registry {path or url} cannot be used: {problem.orig}. {_CURE}") from problem
    return Migrated(before, head, copied)


def require_current(url: str) -> None:
    """Make sure that the registry has the form that this version knows, without changing it.

    Raises:
        OutdatedRegistryError, NewerRegistryError, RegistryError
    """
    path = _file_of(url)
    if path is not None and not path.exists():
        raise OutdatedRegistryError(f"There is no registry at {path} yet.")
    try:
        with _connected(url) as connection:
            revision = _revision(connection)
    except DBAPIError as problem:
        raise RegistryError(f"The registry {path or url} cannot be used: {problem.orig}. {_CURE}") from problem
    scripts = ScriptDirectory.from_config(_config())
    if revision == scripts.get_current_head():
        return
    _refuse_newer(scripts, revision)
    raise OutdatedRegistryError(f"The registry {path or url} is of an older version of Waggle.")


_CURE = "Check that the disk has room and that this user may write there."


def _file_of(url: str) -> Path | None:
    try:
        parsed = make_url(url)
    except ArgumentError as problem:
        raise RegistryError(f"{url} is not a database address. Write sqlite:////absolute/path.db.") from problem
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _make_room_for(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
    except OSError as problem:
        raise RegistryError(f"The registry {path} cannot be made: {problem.strerror}. {_CURE}") from problem


@contextmanager
def _connected(url: str, *, writing: bool = False) -> Iterator[Connection]:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        # Without this the driver commits before each change of a table, and half a migration could remain.
        event.listen(engine, "connect", lambda raw, _record: setattr(raw, "isolation_level", None))
        begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _refuse_newer(scripts: ScriptDirectory, revision: str) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if revision and revision not in known:
        raise NewerRegistryError(
            f"A newer Waggle made this registry (revision {revision}). Use that version, or another WAGGLE_HOME."
        )
