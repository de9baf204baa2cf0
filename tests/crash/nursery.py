"""Imported once by the process that every life is forked from, so that a new life costs milliseconds.

Both SDKs build their types at their first call, which takes longer than a whole scenario: they are used once here.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from aiohttp import web

from integrations.models import Ask
from integrations.models.anthropic import AnthropicModel
from integrations.models.judgements import JudgementKind, ScopeAnswer, ScopeFacts, fence_facts
from integrations.models.openai import OpenAIModel
from integrations.playground import models
from integrations.playground.place import Place
from tests.crash import child, outside_world

__all__ = ["child", "outside_world"]


async def _use_models_once() -> None:
    with tempfile.TemporaryDirectory() as home:
        app = web.Application()
        models.add_routes(app, Place(Path(home), "", *["warm"] * 6))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        facts = ScopeFacts(request="Export invoices", requester="ana", repositories=())
        ask = Ask("scope", "You scope.", fence_facts(JudgementKind.SCOPE, facts))
        for model in (
            AnthropicModel("warm", f"{url}/anthropic", "claude-sonnet-5"),
            OpenAIModel("warm", f"{url}/openai/v1", "gpt-5.2"),
        ):
            await model.answer(ask, ScopeAnswer)
            await model.close()
        await runner.cleanup()


asyncio.run(_use_models_once())
