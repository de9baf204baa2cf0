"""The registry's migrations: they make what the code knows, keep a copy, and touch nothing that is damaged."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel, select

from scheduler.registry import Fact, Registry, RegistryError
from scheduler.registry.copies import DamagedRegistryError, copy, copy_when_due, newest
from scheduler.registry.migrate import (
    NewerRegistryError,
    OutdatedRegistryError,
    migrate,
    require_current,
)
from scheduler.registry.writers import remember

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "registry.db"


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "home" / "copies"


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def set_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(4096 + 200, min(len(content), 3 * 4096)):
        content[at] = 0xAB
    path.write_bytes(bytes(content))


def filled(path: Path, copies: Path) -> None:
    migrate(url(path), copies, NOW)
    registry = Registry(url(path))
    registry.write_now(lambda session: remember(session, NOW, "kept", {"value": 7}))
    registry.close()


def test_migrations_make_exactly_the_tables_of_the_code(path: Path, copies: Path) -> None:
    migrate(url(path), copies, NOW)
    engine = create_engine(url(path))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, SQLModel.metadata)
    engine.dispose()
    assert differences == [], "write a migration: python -m scheduler.registry.revise NUMBER 'What changes'"


def test_a_new_registry_is_made_without_a_copy_and_only_its_owner_may_read_it(path: Path, copies: Path) -> None:
    done = migrate(url(path), copies, NOW)
    assert (done.before, done.copy, done.changed) == ("", None, True)
    assert path.stat().st_mode & 0o077 == 0


def test_a_current_registry_is_left_alone(path: Path, copies: Path) -> None:
    filled(path, copies)
    done = migrate(url(path), copies, NOW)
    assert not done.changed and newest(copies) is None
    require_current(url(path))


def test_a_change_is_preceded_by_a_copy_that_holds_the_rows(path: Path, copies: Path, monkeypatch) -> None:
    filled(path, copies)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE lesson DROP COLUMN hurt")  # a registry of before some change
    monkeypatch.setattr("scheduler.registry.migrate._revision", lambda connection: "0000")
    monkeypatch.setattr("scheduler.registry.migrate._refuse_newer", lambda scripts, revision: None)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
    with pytest.raises(RegistryError):  # the tables are there already: the change fails, after the copy
        migrate(url(path), copies, NOW)
    kept = newest(copies)
    assert kept is not None and "before-" in kept.name
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT value FROM fact WHERE key = 'kept'").fetchone() == ('{"value": 7}',)


def test_a_registry_of_a_newer_waggle_is_refused(path: Path, copies: Path) -> None:
    filled(path, copies)
    set_revision(path, "9999")
    for use in (lambda: migrate(url(path), copies, NOW), lambda: require_current(url(path))):
        with pytest.raises(NewerRegistryError, match="newer Waggle"):
            use()


@pytest.mark.parametrize("how", ["pages", "header", "emptied"])
def test_a_damaged_registry_is_not_touched_and_the_cure_is_named(path: Path, copies: Path, how: str) -> None:
    filled(path, copies)
    kept = copy(path, copies, NOW, "daily")
    match how:
        case "pages":
            damage(path)
        case "header":
            path.write_bytes(b"this is no database at all" * 400)
        case _:
            path.write_bytes(b"")
    before = {
        file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file() and "shm" not in file.name
    }
    with pytest.raises(DamagedRegistryError) as told:
        migrate(url(path), copies, NOW)
    after = {
        file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file() and "shm" not in file.name
    }
    assert {name: text for name, text in after.items() if text} == {n: text for n, text in before.items() if text}
    assert str(kept) in str(told.value) and f"cp {kept} {path}" in str(told.value)


def test_what_the_message_says_restores_the_registry(path: Path, copies: Path) -> None:
    filled(path, copies)
    copy(path, copies, NOW, "daily")
    damage(path)
    with pytest.raises(DamagedRegistryError) as told:
        migrate(url(path), copies, NOW)
    cure = str(told.value).splitlines()[-1]
    subprocess.run(["bash", "-c", cure], check=True)
    migrate(url(path), copies, NOW)
    registry = Registry(url(path))
    row = registry.read_now(lambda session: session.exec(select(Fact).where(Fact.key == "kept")).one())
    registry.close()
    assert row.value == {"value": 7}


def test_a_copy_is_whole_while_the_registry_is_written(path: Path, copies: Path) -> None:
    filled(path, copies)
    registry = Registry(url(path))
    registry.write_now(lambda session: remember(session, NOW, "in the log only", {"value": 1}))
    kept = copy(path, copies, NOW, "daily")
    registry.close()
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT count(*) FROM fact").fetchone() == (2,)


def test_a_copy_is_made_once_a_day_and_only_the_newest_stay(path: Path, copies: Path) -> None:
    filled(path, copies)
    assert copy_when_due(path, copies, datetime.now(UTC), timedelta(days=1)) is not None
    assert copy_when_due(path, copies, datetime.now(UTC), timedelta(days=1)) is None
    for minute in range(20):
        copy(path, copies, NOW + timedelta(minutes=minute), "daily")
    assert len(list(copies.glob("*.db"))) == 14


def test_a_missing_registry_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(OutdatedRegistryError, match="no registry"):
        require_current(url(path))


def test_a_place_that_cannot_be_written_is_named_with_the_cure(tmp_path: Path, copies: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RegistryError, match=r"cannot be made.*may write there"):
        migrate(url(tmp_path / "file" / "registry.db"), copies, NOW)
