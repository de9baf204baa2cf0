"""Following a run: the events of its log as they come, until it is over.

By itself, as `python -m bot.follow`, it is what an agent's terminal shows. It reads the run's own files and nothing
else: no settings, no registry, no credential. One of these lives beside each agent, so it imports little (15 MB).
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bot.narrate import Narrator
from integrations.agents import AgentAdapter, AgentEvent
from integrations.agents.catalog import AgentSettings, adapter_for
from integrations.agents.command import CommandAgent, CommandDescription
from integrations.digests import Digests
from integrations.engines import Chunk, RunState
from integrations.engines.run_files import RunFiles

_LOOK_S = 0.3
_OVER = frozenset({RunState.ENDED, RunState.LOST})


def events(
    read: Callable[[int], Chunk], adapter: AgentAdapter, over: Callable[[], bool] | None = None
) -> Iterator[AgentEvent]:
    """The events of a log, from its beginning.

    Parameters:
        read: the whole lines from an offset on.
        over: whether nothing more will be written; without it, what is there now is all.
    """
    offset, ended = 0, over is None
    while True:
        chunk = read(offset)
        for line in chunk.lines:
            yield from adapter.parse(line)
        advanced, offset = chunk.offset > offset, chunk.offset
        if advanced:
            continue
        if ended or over is None:
            return
        ended = over()  # then once more, for its last words
        if not ended:
            time.sleep(_LOOK_S)


def parser_of(agent: str) -> AgentAdapter:
    """Who reads the stream of an agent of that name, without any settings."""
    return adapter_for(AgentSettings(), agent) or CommandAgent(agent, CommandDescription((agent,)))


def show(run: Path, agent: str, workspace: str, digests: Path) -> None:
    """Print what an agent does, from the beginning of its run to its end."""
    files = RunFiles(run.name, run)
    hidden = Digests.read(digests)
    narrator = Narrator(workspace, hidden.redact)
    for event in events(files.read_events, parser_of(agent), partial(_is_over, files)):
        for line in narrator.lines(event):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _is_over(files: RunFiles) -> bool:
    return files.view().state in _OVER or not files.path.is_dir()


def viewer(run: Path, agent: str, workspace: str, digests: Path) -> tuple[str, ...]:
    """The command that does `show`."""
    own = ("--workspace", workspace) if workspace else ()
    return (sys.executable, "-P", "-m", __name__, str(run), agent, "--digests", str(digests), *own)


if __name__ == "__main__":
    wanted = argparse.ArgumentParser(prog="python -m bot.follow")
    wanted.add_argument("run", type=Path)
    wanted.add_argument("agent")
    wanted.add_argument("--workspace", default="")
    wanted.add_argument("--digests", type=Path, required=True)
    given = wanted.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who watches wants to leave, not to end it
    show(given.run, given.agent, given.workspace, given.digests)
