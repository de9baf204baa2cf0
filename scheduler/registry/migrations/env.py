"""Alembic's entrance: runs the migrations over the connection that `scheduler.registry.migrate` hands in."""

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

import scheduler.registry  # noqa: F401 (every table has to be known)
from scheduler.registry.columns import EnumText, UtcDateTime


def plain_type(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """How a column's type stands in a migration: as the database knows it, so that old migrations need no code."""
    if kind == "type" and isinstance(item, (AutoString, EnumText)):
        return "sa.String()"
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def is_ours(item: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Leave the text indexes alone: the context store makes them, and SQLite keeps tables of its own for them."""
    return not (kind == "table" and name is not None and "_fts" in name)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    render_item=plain_type,
    include_object=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
