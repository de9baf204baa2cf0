"""The real `waggle run` on a home of its own: started, killed and started again as a process."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.configuration import read_running
from bot.home import Home
from bot.playground_config import Pace, playground_toml
from bot.services import Services
from bot.settings import Settings
from integrations.playground.lock import running
from integrations.playground.place import Place
from integrations.playground.start import stop_playground

PACE = Pace(ready=1.5, review=1.0, no_checks=15.0, missing_checks=60.0, speed=8.0)
_TICK_S = 1.0
_LOOK_S = 0.1
_START_S = 180.0
_END_S = 20.0


class SceneFailed(Exception):
    """Something did not happen, or happened as it should not."""


class WaggleProcess:
    """One Waggle, in one life after another.

    Parameters:
        directory: everything of it lies there.
        script: how the scripted agent's runs behave, as `integrations.playground.scripted.script` reads it.
        toml: tables for `waggle.toml` beside the playground's own.
    """

    def __init__(self, directory: Path, script: Sequence[dict[str, Any]], toml: str = "") -> None:
        self.directory = directory
        self.home = Home(directory / "home")
        self._script = list(script)
        self._toml = toml
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was started"
        return self._process.pid

    async def start(self) -> Place:
        """Start it and wait until it works; the playground it speaks to.

        Raises:
            SceneFailed: it does not start.
        """
        self._process = await self._launch()
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.returncode is None:
            said = read_running(self.home)
            found = running(self.home.playground) if said is not None and said.pid == self._process.pid else None
            if found is not None:
                return found.place
            await asyncio.sleep(_LOOK_S)
        output = await asyncio.to_thread((self.directory / "output").read_text)
        raise SceneFailed(f"Waggle did not start:\n{output[-2000:]}")

    async def kill(self) -> None:
        """SIGKILL: it has no chance to tidy up or to write anything down."""
        assert self._process is not None, "it was started"
        self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        """End it, which ends its playground; whatever is left after that is killed."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), _END_S)
            except TimeoutError:
                await self.kill()
        await asyncio.to_thread(stop_playground, self.home.playground)

    async def _launch(self) -> asyncio.subprocess.Process:
        settings = Settings.isolated(self.home.root)
        services = Services(slack=False, github=False, anthropic=False, openai=False)
        script_file, config = self.directory / "script.json", self.directory / "waggle.toml"
        if self._process is None:  # an agent that outlives its Waggle may be reading them later on
            await asyncio.to_thread(script_file.write_text, json.dumps(self._script))
            await asyncio.to_thread(
                config.write_text, f"{playground_toml(services, PACE, script=str(script_file))}\n{self._toml}"
            )
        environment = {
            **settings.host.environment,
            "HOME": str(self.directory),
            "WAGGLE_HOME": str(self.home.root),
            "WAGGLE_CONFIG": str(config),
            "WAGGLE_TICK_SECONDS": str(_TICK_S),
            "PYTHONUNBUFFERED": "1",
        }
        with (self.directory / "output").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "run",
                stdout=output, stderr=output, cwd=self.directory, env=environment,
            )  # fmt: skip
