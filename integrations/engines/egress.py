"""A network that reaches named hosts only: how a run behind walls, which has none, still gets to them.

Two halves of one program:

    outside   `egress.py outside HOST,HOST… -- bwrap …` starts the walls, and is an HTTP proxy that opens connections
              to those hosts and refuses all others by name
    inside    `egress.py inside -- agent …` listens on the walls' own loopback, hands every connection that it accepts
              through a socket that both inherit to the half outside, and starts the agent with HTTP_PROXY and
              HTTPS_PROXY set to itself

A program that ignores these variables has no network at all. The address that a host's name stands for is looked up
outside, after the name was allowed. Each half ends with the exit code of what it started. Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

PORT = 3128
_HANDOVER = 63  #: the descriptor through which connections are handed out
_HEAD = 65536
_CONNECT_S = 30.0
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")


def allowed(host: str, port: int, hosts: tuple[str, ...]) -> bool:
    """Whether a host is on the list: `example.com`, `*.example.com` for those below it, each with `:port` or any."""
    name = host.lower().rstrip(".")
    for entry in hosts:
        wanted, _, wanted_port = entry.lower().partition(":")
        if wanted_port and wanted_port != str(port):
            continue
        if name == wanted or (wanted.startswith("*.") and name.endswith(wanted[1:])):
            return True
    return False


def _splice(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side has nothing more to say."""
    ends = {one: other, other: one}
    open_ends = [one, other]
    while open_ends:
        ready, _, _ = select.select(open_ends, [], [])
        for end in ready:
            try:
                data = end.recv(_HEAD)
                if data:
                    ends[end].sendall(data)
                    continue
                ends[end].shutdown(socket.SHUT_WR)
            except OSError:
                return
            open_ends.remove(end)


def _refuse(client: socket.socket, status: str, words: str) -> None:
    body = f"{words}\n".encode()
    client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data and len(data) < _HEAD:
        more = client.recv(4096)
        if not more:
            break
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _answer(client: socket.socket, hosts: tuple[str, ...]) -> None:
    """Serve one connection of a program behind the walls."""
    head, rest = _head(client)
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split()
    if len(words) != 3:
        _refuse(client, "400 Bad Request", "this is not HTTP")
        return
    method, target, version = words
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    try:
        host, port = parts.hostname or "", parts.port or (443 if method == "CONNECT" else 80)
    except ValueError:
        host, port = "", 0
    if not host or not allowed(host, port, hosts):
        _refuse(client, "403 Forbidden", f"{host or target} is not on the list of hosts that this run may reach")
        return
    try:
        server = socket.create_connection((host, port), _CONNECT_S)
    except OSError as problem:
        _refuse(client, "502 Bad Gateway", f"{host}:{port} cannot be reached: {problem}")
        return
    with server:
        server.settimeout(None)
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            server.sendall(rest)
        else:
            path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            # One request for each connection: the next one could name another host.
            kept = [one for one in lines[1:] if not one.lower().startswith(("proxy-", "connection:"))]
            asked = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close"])
            server.sendall(asked.encode("latin-1") + b"\r\n\r\n" + rest)
        _splice(client, server)


def _serve(handover: socket.socket, hosts: tuple[str, ...]) -> None:
    """Outside: serve every connection that is handed over."""

    def one(client: socket.socket) -> None:
        with client:
            try:
                _answer(client, hosts)
            except OSError:
                return  # whoever it was has gone

    def receive() -> None:
        while True:
            said, descriptors, _, _ = socket.recv_fds(handover, 1, 1)
            if not said:
                return
            for descriptor in descriptors:
                threading.Thread(target=one, args=(socket.socket(fileno=descriptor),), daemon=True).start()

    threading.Thread(target=receive, daemon=True).start()


def _hand_over(listener: socket.socket, handover: socket.socket) -> None:
    """Inside: every connection goes out as it is."""

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            with client:
                socket.send_fds(handover, [b"c"], [client.fileno()])

    threading.Thread(target=accept, daemon=True).start()


def _play(argv: list[str], env: dict[str, str] | None = None, keep: tuple[int, ...] = ()) -> int:
    """Start a program; its exit code. Asked to end, this waits for it to have ended."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # a handler, which is not inherited, where ignoring would be
    rc = subprocess.Popen(argv, env=env, pass_fds=keep).wait()
    return rc if rc >= 0 else 128 - rc


def outside(hosts: tuple[str, ...], argv: list[str]) -> int:
    mine, theirs = socket.socketpair()
    os.dup2(theirs.fileno(), _HANDOVER)
    theirs.close()
    _serve(mine, hosts)
    return _play(argv, keep=(_HANDOVER,))


def inside(argv: list[str]) -> int:
    handover = socket.socket(fileno=_HANDOVER)
    with socket.create_server(("127.0.0.1", PORT)) as listener:
        _hand_over(listener, handover)
        address = f"http://127.0.0.1:{PORT}"
        return _play(argv, {**os.environ, **dict.fromkeys(_PROXIES, address), "NO_PROXY": "", "no_proxy": ""})


def main(arguments: list[str]) -> int:
    at = arguments.index("--")
    argv = arguments[at + 1 :]
    return outside(tuple(arguments[1].split(",")), argv) if arguments[0] == "outside" else inside(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
