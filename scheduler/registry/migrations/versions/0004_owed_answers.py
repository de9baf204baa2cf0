"""What people wrote on a pull request is owed an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("pull_request") as pull:
        pull.add_column(sa.Column("owed_answers", sa.JSON(), nullable=False, server_default="[]"))
