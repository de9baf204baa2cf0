"""Imported once by the process that Waggle's lives are forked from in tests: a life then costs milliseconds to start.

Everything that Waggle imports is imported here, but for the command line itself, which looks at its terminal when it is
imported. Both model SDKs are used once, too: they build their types at their first call, which takes longer than a
whole scenario.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from aiohttp import web

import bot.doctor
import bot.serving
from integrations.models import Ask
from integrations.models.anthropic import AnthropicModel
from integrations.models.judgements import JudgementKind, ScopeAnswer, ScopeFacts, fence_facts
from integrations.models.openai import OpenAIModel
from integrations.playground import models
from integrations.playground.place import Place

__all__ = ["bot"]


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
