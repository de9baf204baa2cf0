"""A model whose SDK is imported at its first question.

An official SDK takes a second to import and about 40 MB to keep. A Waggle that is not asked anything, and every command
that only reads rows, does without; a start after a crash does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from integrations.models import Answer, Ask, Model, T


class OnDemand:
    """Stands for a model that is made when it is asked first.

    Parameters:
        family, name: those of the model.
        make: imports the SDK and makes the client; runs in a thread, so the event loop goes on.
    """

    def __init__(self, family: str, name: str, make: Callable[[], Model]) -> None:
        self.family = family
        self.name = name
        self._make = make
        self._making = asyncio.Lock()
        self._model: Model | None = None

    async def answer(self, ask: Ask, schema: type[T]) -> Answer[T]:
        """Raises ModelError."""
        async with self._making:
            if self._model is None:
                self._model = await asyncio.to_thread(self._make)
        return await self._model.answer(ask, schema)

    async def close(self) -> None:
        if self._model is not None:
            await self._model.close()


def anthropic(key: str, url: str, name: str, clock: Callable[[], datetime]) -> OnDemand:
    """A model of Anthropic, with the arguments of `AnthropicModel`."""

    def make() -> Model:
        from integrations.models.anthropic import AnthropicModel

        return AnthropicModel(key, url, name, clock=clock)

    return OnDemand("anthropic", name, make)


def openai(key: str, url: str, name: str, clock: Callable[[], datetime]) -> OnDemand:
    """A model of OpenAI, with the arguments of `OpenAIModel`."""

    def make() -> Model:
        from integrations.models.openai import OpenAIModel

        return OpenAIModel(key, url, name, clock=clock)

    return OnDemand("openai", name, make)
