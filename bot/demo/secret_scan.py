"""After each scenario: the playground's credentials stand nowhere but where they belong.

That is the playground's own directory, and the memory of both sides. Looked for are the files of the home, what Waggle
and its programs printed, everything that was said in Slack and written on GitHub, and every process of a run.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it brings no types

from bot.demo.records import processes
from bot.demo.stage import Stage


async def leaked(stage: Stage) -> list[str]:
    """Where which credential was found; empty when all is well."""
    tokens = {
        "the Slack bot token": stage.place.slack_bot_token,
        "the Slack app token": stage.place.slack_app_token,
        "the GitHub token": stage.place.github_token,
        "the model key": stage.place.model_key,
        "the tracker's token": stage.place.sentry_token,
    }
    said = {f"the calls of {service}": await stage.visitor.calls(service) for service in ("slack", "github")}
    shown = {where: json.dumps([one.get("args") for one in calls]) for where, calls in said.items()}
    return await asyncio.to_thread(lambda: [*_found(shown, tokens), *_found(dict(_texts(stage)), tokens)])


def _found(texts: Mapping[str, str], tokens: Mapping[str, str]) -> list[str]:
    return [f"{name} in {where}" for where, text in texts.items() for name, token in tokens.items() if token in text]


def _texts(stage: Stage) -> Iterator[tuple[str, str]]:
    for path in sorted(stage.waggle.directory.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(stage.home.playground):
            yield str(path.relative_to(stage.waggle.directory)), _read(path)
    for process in processes(stage):
        try:
            yield f"process {process.pid}", "\n".join([*process.cmdline(), *process.environ().values()])
        except psutil.Error:
            continue  # it has just ended


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""  # it has just gone
