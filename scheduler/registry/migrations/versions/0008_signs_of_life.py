"""What shows that an attempt lives and gets on, and how it is kept apart from the machine."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(sa.Column("signs", sa.JSON(), nullable=False, server_default="{}"))
        attempt.add_column(sa.Column("isolation", sa.String(), nullable=False, server_default=""))
