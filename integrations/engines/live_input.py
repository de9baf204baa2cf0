"""Standard input that stays open: first the prompt, then every line that is put into RUN_DIR/in.fifo.

Standard library only; the runner imports it by path.
"""
# ruff: noqa: PTH108, PTH123 - importing pathlib would double the runner's start-up time

from __future__ import annotations

import json
import os


class LiveInput:
    """Carries lines from RUN_DIR/in.fifo, which exists as long as more is taken, to the agent.

    Parameters:
        run_dir: holds `prompt`, `in.fifo` and `events.jsonl`.
        ends_on: `type` of the JSON line with which the agent ends a turn. Its input is then closed, and it ends,
            unless a line is still on its way. Empty: it stays open until the agent goes.
    """

    def __init__(self, run_dir: str, ends_on: str) -> None:
        self._fifo_path, self._events_path = f"{run_dir}/in.fifo", f"{run_dir}/events.jsonl"
        with open(f"{run_dir}/prompt", "rb") as prompt:
            self._pending = prompt.read()
        self._ends_on = ends_on
        self._seen, self._partial = 0, b""
        self.agent_end, self._feed = os.pipe()
        os.set_blocking(self._feed, False)
        # Opened for writing too, so that it never reads as ended while nobody is sending.
        self.fifo = os.open(self._fifo_path, os.O_RDWR | os.O_NONBLOCK)

    @property
    def open(self) -> bool:
        return self._feed >= 0

    @property
    def waits(self) -> bool:
        """Whether something is still to be carried over."""
        return bool(self._pending)

    def pump(self) -> None:
        """Carry over what there is; never blocks."""
        if not self.open:
            return
        self._forward()
        if self.open and self._turn_ended() and not self._pending:
            # No new sender from here on; one that was quicker is still heard.
            _unlink(self._fifo_path)
            self._forward()
            if not self._pending:
                self.close()

    def close(self) -> None:
        _unlink(self._fifo_path)
        if self.open:
            os.close(self._feed)
            os.close(self.fifo)
            self._feed = -1

    def _forward(self) -> None:
        self._pending += self._sent()
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._feed, self._pending) :]
        except BlockingIOError:
            return  # the agent reads no faster
        except BrokenPipeError:
            self._pending = b""
            self.close()

    def _sent(self) -> bytes:
        try:
            return os.read(self.fifo, 2**20)
        except BlockingIOError:
            return b""

    def _turn_ended(self) -> bool:
        if not self._ends_on:
            return False
        with open(self._events_path, "rb") as file:
            file.seek(self._seen)
            data = file.read()
        self._seen += len(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        return any(self._ends_turn(line) for line in lines)

    def _ends_turn(self, line: bytes) -> bool:
        if self._ends_on.encode() not in line:
            return False
        try:
            value = json.loads(line)
        except ValueError:
            return False
        return isinstance(value, dict) and value.get("type") == self._ends_on


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
