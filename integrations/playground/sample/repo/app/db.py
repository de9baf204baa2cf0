"""The SQLite connection."""

import sqlite3

from app.schema import RELATIONS


def connect(path: str = ":memory:") -> sqlite3.Connection:
    """Open the database, and make what is missing in it."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    for name, columns in RELATIONS.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)})")
    connection.commit()
    return connection
