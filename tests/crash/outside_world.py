"""The playground in a process of its own, so that neither side's death takes the other along."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.crash.child import end_with_parent, place_of, speak_into
from tests.integration.loop import playground


def serve(home: Path, url: str) -> None:
    """GitHub and models until SIGTERM."""
    end_with_parent()
    speak_into(home / "playground.log")
    asyncio.run(_serve(home, url))


async def _serve(home: Path, url: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with playground(place_of(home, url)):
        await ended.wait()
