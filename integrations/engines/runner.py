"""The detached runner: one small process that owns one run from its first to its last moment.

Started as `python -I -S runner.py RUN_DIR LOCK_FD` in a session of its own, with the run's environment as its own (so
that no secret of it ever stands in a file or in an argument). Standard library only, and little of it: it starts in
milliseconds and weighs little beside an agent.

LOCK_FD is RUN_DIR/lock, locked by whoever starts it and inherited, so that the name is never free in between. The
runner holds it for life, which is how others know that it lives; no process of the run inherits it. What the agent
leaves behind falls to this process (it is a subreaper) and is killed; RUN_DIR/exit.json is its last act.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # known to type checkers; importing `typing` for it would cost more than all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

if TYPE_CHECKING or __package__:
    from integrations.engines import bounds, docker_cli
    from integrations.engines.live_input import LiveInput
    from integrations.engines.processes import (
        Tree,
        Usage,
        descendants,
        io_of,
        is_zombie,
        kill_all,
        name_of,
        share_of_memory,
        signal_each,
        start_ticks,
        wearing,
    )
    from integrations.engines.records import close_log, read_json, size_of, write_json
    from integrations.engines.watchdog import RUNAWAY, Watchdog
else:  # started by its path, with nothing but the standard library in reach
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import bounds
    import docker_cli
    from live_input import LiveInput
    from processes import (
        Tree,
        Usage,
        descendants,
        io_of,
        is_zombie,
        kill_all,
        name_of,
        share_of_memory,
        signal_each,
        start_ticks,
        wearing,
    )
    from records import close_log, read_json, size_of, write_json
    from watchdog import RUNAWAY, Watchdog

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_HURRY_MS = 10
_USAGE_S = 1.0  #: how often RUN_DIR/usage.json is renewed
_POLITE_S = 1.0  #: how long what an agent left running may take to end by itself
_OOM_SCORE = b"500"  #: when memory runs out, the system takes an agent rather than Waggle


class Run:
    """One run.

    Parameters:
        spec: RUN_DIR/spec.json, as `local.py` writes it.
        umask: what the agent's files are made with.
    """

    def __init__(self, run_dir: str, spec: Mapping[str, object], umask: int) -> None:
        self._dir = run_dir
        self._spec = spec
        self._umask = umask
        self._given = given_environment()
        self._container = str(spec.get("container") or "")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._why = "exited"
        self._child = 0
        self._rc: int | None = None
        self._asked_at = 0.0
        self._tree = Tree(os.getpid())
        self._peak, self._noted_at = 0, 0.0
        self._bounds = bounds.Bounds("watchdog", {})
        self._watchdog = Watchdog(spec)
        self._frozen_since = 0.0
        self._poll = select.poll()
        self._input: LiveInput | None = None

    def go(self) -> None:
        self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        wake = self._listen()
        # Before there is a process: from now on the name counts as used, whatever dies at whatever moment.
        most = self._spec.get("max_rss_bytes")
        self._bounds = bounds.make(
            self._dir, float(most) if isinstance(most, int | float) else None, self._number("max_processes", 4096.0)
        )
        me = {"pid": os.getpid(), "ticks": start_ticks(os.getpid()), "started": time.time()}
        write_json(self._path("state.json"), {**me, "bounds": self._bounds.kind})
        strays = 0
        if self._start():
            self._watch(wake)
            strays = self._kill_strays()
        self._end(strays)

    def _path(self, name: str) -> str:
        return f"{self._dir}/{name}"

    def _listen(self) -> int:
        """Signals wake the loop through a pipe, so that it need not look often."""
        wake, waker = os.pipe()
        for descriptor in (wake, waker):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._ask("stopped"))
        self._poll.register(wake, select.POLLIN)
        return wake

    def _ask(self, why: str) -> None:
        """Want an end. The first reason is the one that is recorded; what has ended by itself needs none."""
        if self._why == "exited" and self._rc is None:
            self._why = why

    def _start(self) -> bool:
        """Start the agent; False when that failed, which is then how the run ended."""
        argv = self._spec.get("argv")
        assert isinstance(argv, list)
        out = os.open(self._path("events.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        err = os.open(self._path("stderr.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if self._spec.get("live_input"):
            self._input = LiveInput(self._dir, str(self._spec.get("input_ends_on") or ""))
            self._poll.register(self._input.fifo, select.POLLIN)
            stdin = self._input.agent_end
        else:
            stdin = os.open(self._path("prompt"), os.O_RDONLY)
        told, tell = os.pipe()
        owner = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            self._become(argv, (stdin, out, out if self._spec.get("merge_stderr") else err), tell, owner)
        for descriptor in (stdin, out, tell):
            os.close(descriptor)
        problem = os.read(told, 4096)  # nothing, once it has become the agent
        os.close(told)
        if problem:
            number, _, words = problem.partition(b" ")
            os.write(err, words + b"\n")
            os.waitpid(self._child, 0)
            self._rc = 127 if int(number) == errno.ENOENT else 126
        os.close(err)
        return not problem

    def _become(self, argv: list[str], streams: tuple[int, int, int], tell: int, owner: int) -> NoReturn:
        """In the child: leave nothing of the runner behind, and become the agent."""
        what = "session"
        try:
            signal.set_wakeup_fd(-1)
            for number in (
                signal.SIGTERM,
                signal.SIGINT,
                signal.SIGHUP,
                signal.SIGCHLD,
                signal.SIGUSR1,
                signal.SIGPIPE,
                signal.SIGXFSZ,
            ):
                signal.signal(number, signal.SIG_DFL)  # the runner's own, and two that Python ignores
            os.setsid()
            self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != owner:
                os._exit(1)  # the runner died before it could be watched
            os.umask(self._umask)
            self._bounds.enter()
            self._yield_memory()
            for place, descriptor in enumerate(streams):
                os.dup2(descriptor, place)
            what = str(self._spec["cwd"])
            os.chdir(what)
            what = argv[0]
            os.execvpe(what, argv, self._given)  # noqa: S606 - an argument list, never a shell string
        except OSError as problem:
            os.write(tell, f"{problem.errno} {what}: {problem.strerror}".encode())
        os._exit(127)

    def _yield_memory(self) -> None:
        try:
            descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        except OSError:
            return  # a sandbox without it
        os.write(descriptor, _OOM_SCORE)
        os.close(descriptor)

    def _watch(self, wake: int) -> None:
        """Until the agent is gone."""
        began = time.monotonic()
        deadline = self._number("deadline_s", 10.0**9)
        still = 0.0
        while True:
            hurry = self._input is not None and self._input.waits
            for descriptor, _ in self._poll.poll(_HURRY_MS if hurry else self._watchdog.pause_s * 1000):
                if descriptor == wake:
                    os.read(wake, 4096)
            self._reap()
            if self._rc is not None:
                return
            frozen = self._hold_still()
            if frozen and self._why == "exited":
                continue
            if not frozen:
                still += self._thawed()
            if self._input is not None:
                self._pump(self._input)
            usage = self._look()
            used = {"output": self._written(), "processes": len(usage.pids), "memory": usage.rss}
            over = self._watchdog.over(used, time.monotonic())
            if time.monotonic() - began - still > deadline:
                self._ask("timeout")
            elif over or self._bounds.killed_for_memory():
                self._ask(over or "memory")
            if self._why != "exited":
                self._press()

    def _look(self) -> Usage:
        """What the tree uses now, written down now and then for whoever wants to know how it is."""
        usage = self._tree.look(self._bounds.pids())
        held = self._bounds.used()
        if held is None and usage.rss > self._watchdog.limits.get("memory", 2.0**60):
            held = share_of_memory(usage.pids)  # forks count what they share once each; it is dear, so only now
        usage.rss = usage.rss if held is None else held
        self._peak = max(self._peak, usage.rss)
        if time.monotonic() - self._noted_at >= _USAGE_S:
            self._noted_at = time.monotonic()
            seen = {"at": time.time(), "cpu_s": usage.cpu_s, "rss": usage.rss, "processes": len(usage.pids)}
            seen["io_bytes"] = sum(map(io_of, usage.pids))
            write_json(self._path("usage.json"), seen, durable=False)
        return usage

    def _hold_still(self) -> bool:
        """Keep the whole tree stopped while RUN_DIR/frozen is there; whether it is."""
        if not os.path.exists(self._path("frozen")):
            return False
        if not self._frozen_since:
            self._frozen_since = time.monotonic()
            self._tell_container("pause")
        known: set[int] = set()
        while new := set(self._everybody()) - known:
            signal_each(new, signal.SIGSTOP)
            known |= new
        return True

    def _tell_container(self, *verb: str) -> None:
        if self._container:
            docker_cli.tell(self._container, verb, self._given)

    def _thawed(self) -> float:
        """Let the tree go on if it was frozen; for how many seconds it was."""
        if not self._frozen_since:
            return 0.0
        self._tell_container("unpause")
        signal_each(self._everybody(), signal.SIGCONT)
        lasted, self._frozen_since = time.monotonic() - self._frozen_since, 0.0
        return lasted

    def _number(self, name: str, default: float) -> float:
        value = self._spec.get(name)
        return float(value) if isinstance(value, int | float) else default

    def _pump(self, live: LiveInput) -> None:
        fifo = live.fifo
        live.pump()
        if not live.open:
            self._poll.unregister(fifo)
            self._input = None

    def _written(self) -> int:
        return size_of(self._path("events.jsonl")) + size_of(self._path("stderr.log"))

    def _press(self) -> None:
        """Ask the whole tree to end; kill it when its time is over, or when it is a runaway."""
        now = time.monotonic()
        if self._why in RUNAWAY or self._frozen_since or (self._asked_at and now - self._asked_at >= self._grace()):
            self._bounds.hold()
            kill_all(self._everybody)
        elif not self._asked_at:
            self._asked_at = now
            # Walls would fall at once, with all that is behind them: they go by themselves when that has ended.
            signal_each((pid for pid in self._alive() if name_of(pid) != "bwrap"), signal.SIGTERM)

    def _alive(self) -> list[int]:
        self._reap()
        return descendants(os.getpid())

    def _everybody(self) -> list[int]:
        """What hangs on this process, and what is bounded with it."""
        return sorted({*self._alive(), *(pid for pid in self._bounds.pids() if not is_zombie(pid))})

    def _reap(self) -> None:
        """Collect the agent's end, and that of every orphan which fell to this process."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._peak = max(self._peak, used.ru_maxrss * 1024)  # a short life falls between two looks
            if pid == self._child:
                self._rc = os.waitstatus_to_exitcode(status)

    def _kill_strays(self) -> int:
        """End what outlived the agent: what hangs on this process, and what only its marker still shows.

        They are asked first: a login shell of codex that pyenv was just rehashing for leaves a lock behind when it is
        killed, on which every later shell of the machine waits for a minute.
        """
        marks = [f"{name}={os.environ[name]}" for name in ("WAGGLE_RUN", "WAGGLE_RUN_DIR")]
        strays = set(self._alive())
        if self._why not in RUNAWAY:
            signal_each(strays, signal.SIGTERM)
            until = time.monotonic() + min(_POLITE_S, self._grace())
            while self._alive() and time.monotonic() < until:
                time.sleep(0.005)
        self._bounds.hold()
        return len(strays | kill_all(lambda: self._everybody() or wearing(marks)))

    def _grace(self) -> float:
        """Seconds between asking and killing; who asked for an end may have said how long it may take."""
        asked = read_json(self._path("grace.json")) or {}
        return float(asked.get("grace_s", self._number("grace_s", 10.0)))

    def _end(self, strays: int) -> None:
        if self._input is not None:
            self._input.close()
        most = int(self._number("max_output_bytes", 2.0**60))
        for name in ("events.jsonl", "stderr.log"):
            close_log(self._path(name), most)
        if self._why == "exited" and self._rc not in {0, None} and self._bounds.killed_for_memory():
            self._why = "memory"
        if self._why == "memory":
            self._peak = max(self._peak, self._bounds.peak())  # the kernel was quicker than any look
        self._tell_container("rm", "--force")
        self._bounds.remove()
        used = os.times()
        record = {
            "rc": self._rc,
            "why": self._why,
            "ended": time.time(),
            "peak_rss": 0 if self._container else self._peak,
            "strays": strays,
            "cpu_s": round(used.children_user + used.children_system, 2),
        }
        write_json(self._path("exit.json"), record)


def given_environment() -> dict[bytes, bytes]:
    """The environment as it was handed over: Python adds LC_CTYPE to its own where no language is set (PEP 538)."""
    with open("/proc/self/environ", "rb") as file:
        pairs = (item.partition(b"=") for item in file.read().split(b"\0"))
    return {name: value for name, _, value in pairs if name}


def main(run_dir: str, lock: int) -> None:
    os.set_inheritable(lock, False)
    umask = os.umask(0o077)
    spec = read_json(f"{run_dir}/spec.json")
    assert spec is not None
    Run(run_dir, spec, umask).go()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
