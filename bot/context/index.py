"""The text indexes: one over passages, one over whole sources.

They hold no text of their own, and triggers keep them in step with the tables, so no writer can forget them.
SQLite only; elsewhere `search` ranks in Python.
"""

from __future__ import annotations

from sqlalchemy import Engine
from sqlmodel import Session

#: The statements that make the indexes, in order. Each can run again.
FTS_DDL: tuple[str, ...] = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS passage_fts"
    " USING fts5(text, content='passage', content_rowid='id', tokenize='porter unicode61')",
    """CREATE TRIGGER IF NOT EXISTS passage_fts_insert AFTER INSERT ON passage BEGIN
         INSERT INTO passage_fts(rowid, text) VALUES (new.id, new.text);
       END""",
    """CREATE TRIGGER IF NOT EXISTS passage_fts_delete AFTER DELETE ON passage BEGIN
         INSERT INTO passage_fts(passage_fts, rowid, text) VALUES ('delete', old.id, old.text);
       END""",
    """CREATE TRIGGER IF NOT EXISTS passage_fts_update AFTER UPDATE OF text ON passage BEGIN
         INSERT INTO passage_fts(passage_fts, rowid, text) VALUES ('delete', old.id, old.text);
         INSERT INTO passage_fts(rowid, text) VALUES (new.id, new.text);
       END""",
    "CREATE VIRTUAL TABLE IF NOT EXISTS source_fts"
    " USING fts5(text, content='source', content_rowid='id', tokenize='porter unicode61')",
    """CREATE TRIGGER IF NOT EXISTS source_fts_insert AFTER INSERT ON source BEGIN
         INSERT INTO source_fts(rowid, text) VALUES (new.id, new.text);
       END""",
    """CREATE TRIGGER IF NOT EXISTS source_fts_delete AFTER DELETE ON source BEGIN
         INSERT INTO source_fts(source_fts, rowid, text) VALUES ('delete', old.id, old.text);
       END""",
    """CREATE TRIGGER IF NOT EXISTS source_fts_update AFTER UPDATE OF text ON source BEGIN
         INSERT INTO source_fts(source_fts, rowid, text) VALUES ('delete', old.id, old.text);
         INSERT INTO source_fts(rowid, text) VALUES (new.id, new.text);
       END""",
)

_FILL = {
    "passage_fts": "INSERT INTO passage_fts(passage_fts) VALUES ('rebuild')",
    "source_fts": "INSERT INTO source_fts(source_fts) VALUES ('rebuild')",
}
_MERGE = (
    "INSERT INTO passage_fts(passage_fts) VALUES ('optimize')",
    "INSERT INTO source_fts(source_fts) VALUES ('optimize')",
)


def prepare(engine: Engine) -> None:
    """Make the indexes when they are missing, and fill them from what is stored already."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect().execution_options(waggle_write=True) as connection, connection.begin():
        rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name LIKE '%_fts'").all()
        there = {row[0] for row in rows}
        for statement in FTS_DDL:
            connection.exec_driver_sql(statement)
        for name, fill in _FILL.items():
            if name not in there:
                connection.exec_driver_sql(fill)


def erase_deleted(session: Session) -> None:
    """Take deleted words out of the index's files too: it keeps them in old segments until these are merged."""
    if session.get_bind().dialect.name == "sqlite":
        for statement in _MERGE:
            session.connection().exec_driver_sql(statement)
