"""A model for real agents, on loopback: it follows a plan of tool calls and words, and makes trouble when asked to.

Where an agent is in the plan is read off its own conversation (the tools that came back), so the server keeps no
session, and an agent that was killed and resumed goes on where it was.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.agents.conversation import Asked, read_messages, read_responses
from tests.agents.wire import Answer, ToolUse, error_body, messages_events, responses_events

#: what the agents call their shell, with the name of its argument
_SHELLS = (("Bash", "command"), ("exec_command", "cmd"), ("shell_command", "command"))
_GATE_S = 120.0


@dataclass(frozen=True)
class Step:
    """One turn of the model: a shell command, or its last words.

    Attributes:
        gate: the answer waits until the test opens the gate of this name.
    """

    shell: str = ""
    say: str = ""
    gate: str = ""
    ending: str = "end"


@dataclass
class Trouble:
    """What requests meet instead of an answer.

    Attributes:
        kind: what the vendor calls it.
        after: only once so many tools came back.
        times: so many requests meet it.
    """

    status: int
    kind: str
    message: str = "stand-in trouble"
    after: int = 0
    times: int = 10**6
    headers: dict[str, str] = field(default_factory=dict)


class ModelServer:
    """The stand-in.

    Attributes:
        plan: what the model does, in order; a callable chooses by what was asked.
        trouble: stands in the way of answers while it has times left.
        asked: every request that was answered or refused, oldest first.
        tokens: what each request is said to have used beyond its own length.
    """

    def __init__(self, plan: Sequence[Step] | Callable[[Asked], Sequence[Step]]) -> None:
        self.plan = plan
        self.trouble: Trouble | None = None
        self.asked: list[Asked] = []
        self.keys: set[str] = set()
        self.tokens = 0
        self._gates: dict[str, threading.Event] = {}
        self._waiting: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self.url = ""

    def gate(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates.setdefault(name, threading.Event())

    def waiting(self, name: str) -> threading.Event:
        """Set once a request waits before the gate."""
        with self._lock:
            return self._waiting.setdefault(name, threading.Event())

    def answer(self, asked: Asked) -> Answer | Trouble:
        with self._lock:
            self.asked.append(asked)
            trouble = self.trouble
            if trouble is not None and asked.steps >= trouble.after and trouble.times > 0:
                trouble.times -= 1
                return trouble
        plan = self.plan(asked) if callable(self.plan) else self.plan
        step = plan[min(asked.steps, len(plan) - 1)]
        if step.gate:
            self.waiting(step.gate).set()
            self.gate(step.gate).wait(_GATE_S)
        use = _shell(asked, step.shell) if step.shell else None
        tokens = asked.tokens + self.tokens
        return Answer(step.say or "On it.", use, "tool" if use else step.ending, tokens)


def _shell(asked: Asked, command: str) -> ToolUse:
    for name, argument in _SHELLS:
        if name in asked.tools:
            return ToolUse(name, {argument: command})
    if asked.tools.get("exec"):  # Codex's free-form tool, which runs JavaScript
        return ToolUse("exec", f"const r = await tools.exec_command({{cmd: {json.dumps(command)}}}); text(r.output);")
    raise LookupError(f"no shell among {sorted(asked.tools)}")


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ModelServer

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self._json(404, error_body("openai", "not_found", self.path))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        self.model.keys.add(self.headers.get("x-api-key") or self.headers.get("authorization") or "")
        if path.endswith("/count_tokens"):
            self._json(200, {"input_tokens": len(raw) // 4})
        elif path.endswith("/messages"):
            self._answer("anthropic", read_messages(json.loads(raw), len(raw)))
        elif path.endswith("/responses"):
            self._answer("openai", read_responses(json.loads(raw), len(raw)))
        else:
            self._json(404, error_body("openai", "not_found", path))

    def _answer(self, family: str, asked: Asked) -> None:
        said = self.model.answer(asked)
        if isinstance(said, Trouble):
            self._json(said.status, error_body(family, said.kind, said.message), said.headers)
            return
        write = messages_events if family == "anthropic" else responses_events
        try:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for number, (name, event) in enumerate(write(asked.model, said)):
                data = json.dumps({"type": name, "sequence_number": number, **event})
                self.wfile.write(f"event: {name}\ndata: {data}\n\n".encode())
        except (BrokenPipeError, ConnectionResetError):
            pass  # the agent was killed meanwhile
        self.close_connection = True

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in {"content-type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


@contextmanager
def serving(plan: Sequence[Step] | Callable[[Asked], Sequence[Step]]) -> Iterator[ModelServer]:
    """A model server, until the block ends."""
    model = ModelServer(plan)
    door = type("Door", (_Door,), {"model": model})
    server = ThreadingHTTPServer(("127.0.0.1", 0), door)
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        for gate in list(model._gates.values()):
            gate.set()
        server.shutdown()
        server.server_close()
