"""Finished tasks leave the lists after a time."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("task") as task:
        task.add_column(sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
