"""Pictures of the pages, for whoever reviews a change: `WAGGLE_PICTURES=DIR python3 tools/screenshots.py`.

Needs Chromium. Without one it ends with 77, which says that it could not work here, and its last line says why.
"""

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from app import db, seed  # noqa: E402
from app.web import Application  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PAGES = {"invoices": "/", "invoice": "/invoice?id=1", "customers": "/customers"}
SKIPPED = 77
SECONDS = 60


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def photograph(browser, address, picture, scratch):
    """Whether the browser made a picture."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    options += [f"--user-data-dir={scratch}", "--window-size=960,540", f"--screenshot={picture}"]
    try:
        subprocess.run([browser, *options, address], capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return Path(picture).exists()


def serve(port, started):
    """The application with its sample data; its connection belongs to this thread."""
    connection = db.connect()
    seed.fill(connection)
    with make_server("127.0.0.1", port, Application(connection), handler_class=Quiet) as server:
        started.put(server.server_port)
        server.serve_forever()


def main():
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("there is no Chromium on this machine")
        return SKIPPED
    pictures = Path(os.environ["WAGGLE_PICTURES"])
    started = queue.Queue()
    threading.Thread(target=serve, args=(int(os.environ.get("PORT", "0")), started), daemon=True).start()
    port = started.get(timeout=SECONDS)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for name, path in PAGES.items():
            if not photograph(browser, f"http://127.0.0.1:{port}{path}", pictures / f"{name}.png", scratch):
                print(f"the browser made no picture of {path}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
