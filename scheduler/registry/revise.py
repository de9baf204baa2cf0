"""For developers: writes the next migration from what the tables are and what the migrations make of them.

    python -m scheduler.registry.revise 0002 "What changes"

Read what it wrote before you commit it; it cannot know what is to become of existing rows.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from alembic import command

from scheduler.registry.migrate import _config, _connected, migrate


def main(revision: str, message: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{Path(directory) / 'registry.db'}"
        migrate(url, Path(directory), datetime.now(UTC))
        with _connected(url) as connection:
            command.revision(_config(connection), message, autogenerate=True, rev_id=revision)


if __name__ == "__main__":
    main(*sys.argv[1:3])
