"""An HTTP server that answers whatever a test wants, in GitHub's place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def stub(answer: Callable[[str, str], tuple[int, bytes]], authorizations: list[str] | None = None) -> Iterator[str]:
    """Serve `answer(method, path)`; the address is that of the REST root. `authorizations` collects the headers."""

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if authorizations is not None:
                authorizations.append(self.headers.get("Authorization", ""))
            status, body = answer(self.command, self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = respond

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/api/v3"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(5)
