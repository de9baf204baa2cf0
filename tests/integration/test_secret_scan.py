"""A whole life with a secret in every setting: none is found afterwards in a file, a row, a message or a process.

Each has one place where it belongs, and is looked for there too:

- the key that waggle.toml hands to an agent: the environment of that agent's own processes, and of nothing else;
- GitHub's token: the environment of the git commands that talk to the remote, which Waggle itself runs;
- all others: the memory of Waggle, and the environment that it was started with.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlmodel import Session, col, select

from bot.config_agents import agent_settings, held_secrets
from bot.config_schema import Agent, Document
from bot.settings import Settings
from bot.slack.rendering import render
from bot.slack.values import SlackValues
from integrations.agents import scripted
from integrations.agents.catalog import adapters
from integrations.playground.place import Place
from scheduler.lifecycle import TaskState
from scheduler.policy import RepositoryPolicy, Route
from scheduler.registry import Attempt, Outbox
from tests.integration.loop import SLUG, Loop, place_at, policy, running

#: the variables of all secret settings, and one that waggle.toml hands to an agent
PLANTED = {
    name: f"{kind}planted-{name.lower().replace('_', '-')}-5f2c9e7d10"
    for name, kind in {
        "SLACK_BOT_TOKEN": "xoxb-",
        "SLACK_APP_TOKEN": "xapp-",
        "GITHUB_TOKEN": "ghp-",
        "GITHUB_WEBHOOK_SECRET": "",
        "ANTHROPIC_API_KEY": "sk-",
        "OPENAI_API_KEY": "sk-",
        "CLAUDE_CODE_OAUTH_TOKEN": "",
        "SENTRY_AUTH_TOKEN": "",
        "AGENT_KEY": "",
    }.items()
} | {"SENTRY_DSN": "https://planted5f2c9e7d10@errors.example/1"}
TOLD = "env; tr '\\0' ' ' < /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline"


@dataclass
class Watched:
    """Processes that were seen: what they were started with, and their environment, as text."""

    started: list[tuple[str, str]] = field(default_factory=list)
    living: set[tuple[str, str]] = field(default_factory=set)

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [*self.started, *self.living]


_watched: list[Watched] = []


def _audit(event: str, given: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen" and _watched:
        _, arguments, _, environment = given
        command = [_word(one) for one in ([arguments] if isinstance(arguments, str | bytes) else arguments)]
        inherited = os.environ if environment is None else environment
        worn = {_word(name): _word(value) for name, value in inherited.items()}
        if command != ["uname", "-p"]:  # the standard library asks what machine this is
            _watched[0].started.append(_shown(*_without_env(command, worn)))


def _without_env(command: list[str], worn: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """What a command becomes that `env -u NAME … COMMAND` starts in its own place, without these names."""
    while command[:1] == ["env"] or command[:1] == ["-u"]:
        drop = 2 if command[0] == "-u" else 1
        worn = {name: value for name, value in worn.items() if drop == 1 or name != command[1]}
        command = command[drop:]
    return command, worn


def _shown(command: list[str], worn: Mapping[str, str]) -> tuple[str, str]:
    return "\n".join(command), "\n".join(f"{name}={value}" for name, value in worn.items())


def _word(part: Any) -> str:
    return os.fsdecode(part)


sys.addaudithook(_audit)  # for good, and silent while nobody watches


@contextmanager
def watching(home: Path) -> Iterator[Watched]:
    """See every process that this one starts, and now and then which processes of runs live, whoever started them."""
    watched, over = Watched(), threading.Event()

    def look() -> None:
        while not over.wait(0.4):
            for process in psutil.process_iter():
                try:
                    worn = process.environ()
                    if worn.get("WAGGLE_RUN_DIR", "").startswith(str(home)):
                        watched.living.add(_shown(process.cmdline(), worn))
                except psutil.Error:
                    continue

    looking = threading.Thread(target=look)
    _watched.append(watched)
    looking.start()
    try:
        yield watched
    finally:
        over.set()
        looking.join()
        _watched.clear()


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Settings, Place]:
    """Settings with a secret in each, and a playground that is opened by those."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SENTRY_ORG", "acme")
    there = place_at(tmp_path / "playground")
    tokens = [PLANTED[name] for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GITHUB_TOKEN")]
    key, tracker = PLANTED["ANTHROPIC_API_KEY"], PLANTED["SENTRY_AUTH_TOKEN"]
    return Settings.load(env_file=None), Place(there.home, there.url, "page", *tokens, key, tracker)


def own_agent(script: Path) -> Agent:
    """The scripted agent as somebody's own, which is handed a key."""
    program = str(Path(scripted.__file__).parents[1] / "playground" / "scripted_agent.py")
    command = (sys.executable, program, "--session", "{session}", "--state", "{home}", "--script", str(script))
    return Agent(name="own", command=(*command, "--speed", "20"), env=("AGENT_KEY",))


async def test_no_secret_of_any_setting_is_found_after_a_whole_life(
    tmp_path: Path, planted: tuple[Settings, Place]
) -> None:
    settings, place = planted
    home = tmp_path / "home"
    document = Document(agent=(own_agent(home / "script.json"),))
    repository = RepositoryPolicy(SLUG, playground=True, install=TOLD, verify=TOLD, screenshots=f"{TOLD}; exit 77")
    offered = adapters(agent_settings(settings, document, home / "agents"))
    rules = policy(
        repositories=(repository,),
        routes=(("default", (Route("own"),)),),
        agents_families=(("own", "own"),),
    )
    secrets = held_secrets(settings, document)
    assert set(PLANTED.values()) <= set(secrets), "each is a secret of a setting"
    with watching(home) as watched:
        async with running(tmp_path, rules, agents=offered, place=place, secrets=secrets) as loop:
            loop.behave("CSV", "break-test", "succeed")
            task_id = await loop.approved("customers want CSV export of invoices")
            await loop.until(task_id, TaskState.READY)
            pull = await loop.pull(task_id)
            said = json.dumps(await loop.registry.read(lambda s: messages(s, loop, secrets)), ensure_ascii=False)
            await loop.person.merge(SLUG, pull.number, user="ben")
            await loop.until(task_id, TaskState.MERGED)
            await loop.eventually(lambda: not loop.outside.repositories.workspaces(SLUG))
            attempts = await loop.rows(Attempt, task_id=task_id)
            assert [one.outcome for one in attempts] == ["done", "done"], "the first one broke a test"
            published = str(loop.outside.repositories.history(SLUG, attempts[0].base_sha, pull.head_sha, 10**7))

    places = {"messages": said, "published": published, "rows": rows(home / "registry.db"), **files(home)}
    found = [(where, name) for where, text in places.items() for name in named(text)]
    assert found == []
    assert [command for command, _ in watched.seen if named(command)] == [], "arguments are for everybody to read"
    worn: dict[str, set[str]] = {}
    for command, environment in watched.seen:
        for name in named(environment):
            worn.setdefault(name, set()).add(who(command, environment))
    assert worn == {"AGENT_KEY": {"t-1-a1", "t-1-a2", "version"}, "GITHUB_TOKEN": {"git"}}


def messages(session: Session, loop: Loop, secrets: tuple[str, ...]) -> list[Any]:
    """Everything that Slack would be sent, as far as it is still true."""
    values = SlackValues(PLANTED["SLACK_BOT_TOKEN"], PLANTED["SLACK_APP_TOKEN"])
    sent = session.exec(select(Outbox).where(col(Outbox.task_id).is_not(None))).all()
    rendered = [render(session, row, loop.policy, values, secrets).message for row in sent]
    shown = [[one.text, list(one.blocks)] for one in rendered if one is not None]
    assert len(shown) >= 2, "a card, and that it is ready"
    return shown


def named(text: str) -> list[str]:
    """The settings whose secrets stand in a text, as they are or as git sends them."""
    return [name for name, forms in FORMS.items() if any(form in text for form in forms)]


def _as_text(secret: str) -> tuple[str, ...]:
    """How a secret may stand in a text: as it is, and as git sends it."""
    return (secret, *(base64.b64encode(one.encode()).decode() for one in (secret, f"x-access-token:{secret}")))


FORMS: Mapping[str, tuple[str, ...]] = {name: _as_text(value) for name, value in PLANTED.items()}


def rows(path: Path) -> str:
    with closing(sqlite3.connect(path)) as opened:
        return "\n".join(opened.iterdump())


def files(home: Path) -> dict[str, str]:
    """Every file of a home, by its path."""
    found = {str(one.relative_to(home)): one for one in home.rglob("*") if one.is_file() and not one.is_symlink()}
    assert any(name.endswith("events.jsonl") for name in found) and any("-install/" in name for name in found)
    return {name: one.read_bytes().decode(errors="replace") for name, one in found.items()}


def who(command: str, environment: str) -> str:
    """Whose process it is: a run's, a git command's that talks to a remote, or an agent's that says its version."""
    run = next((line for line in environment.split("\n") if line.startswith("WAGGLE_RUN=")), "")
    parts = command.split("\n")
    if run:
        return run.removeprefix("WAGGLE_RUN=")
    if parts[1:] == ["--version"]:
        return "version"
    talks = {"fetch", "push", "ls-remote"} & set(parts)
    return "git" if Path(parts[0]).name == "git" and talks else command
