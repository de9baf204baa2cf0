"""Tasks take turns: what a task waits for, and what its current round repairs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("task") as task:
        task.add_column(sa.Column("after", sa.JSON(), nullable=False, server_default="[]"))
        task.add_column(sa.Column("repairs", sa.String(), nullable=False, server_default=""))
