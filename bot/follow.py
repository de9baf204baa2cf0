"""Following a run: the events of its log as they come, until it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from integrations.agents import AgentAdapter, AgentEvent
from integrations.engines import Chunk

_LOOK_S = 0.3


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
