"""How much memory an attempt took, for those that come after it in its repository."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(sa.Column("peak_bytes", sa.BigInteger(), nullable=False, server_default="0"))
