"""A task may follow a merged one, or take it back."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("task") as task:
        task.add_column(sa.Column("follows", sa.Integer(), nullable=True))
        task.add_column(sa.Column("reverts", sa.String(), nullable=False, server_default=""))
        task.add_column(sa.Column("background", sa.JSON(), nullable=False, server_default="[]"))
