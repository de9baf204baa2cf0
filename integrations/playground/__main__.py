"""`python -m integrations.playground --home DIR [--port N]`: serve the outside world until told to end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from integrations.playground.lock import ALREADY_RUNNING, PORT_IN_USE, AlreadyRunning, running
from integrations.playground.server import PortInUse, serve


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m integrations.playground", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="directory of everything that it remembers")
    parser.add_argument(
        "--port", type=int, default=None, help="port on 127.0.0.1 (default: the last one, or a free one)"
    )
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    home = options.home.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        asyncio.run(serve(home, options.port))
    except AlreadyRunning:
        found = running(home)
        where = f": {found.place.page_url} (process {found.pid})" if found else ""
        sys.stderr.write(f"A playground already runs in {home}{where}\n")
        return ALREADY_RUNNING
    except PortInUse:
        sys.stderr.write(f"Port {options.port} is in use. Name another one with --port, or leave it out.\n")
        return PORT_IN_USE
    return 0


if __name__ == "__main__":
    sys.exit(main())
