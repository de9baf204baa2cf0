"""Serve Ledgerline on this machine: `python3 -m app [--port N] [--db FILE]`."""

import argparse
from wsgiref.simple_server import make_server

from app import db, seed
from app.reporting import reported
from app.web import Application


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=8000)
    options.add_argument("--db", default=":memory:", help="SQLite file; in memory when left out")
    args = options.parse_args()
    connection = db.connect(args.db)
    if not connection.execute("SELECT 1 FROM invoices").fetchone():
        seed.fill(connection)
    with make_server("127.0.0.1", args.port, reported(Application(connection))) as server:
        print(f"Ledgerline is at http://127.0.0.1:{server.server_port}/")
        server.serve_forever()


if __name__ == "__main__":
    main()
