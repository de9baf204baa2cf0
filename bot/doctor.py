"""`waggle doctor`: one line for each thing that Waggle needs, what was seen, and how to mend it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.app import find_services
from bot.config import ConfigFile
from bot.config_schema import Document
from bot.configuration import open_config, own_config
from bot.home import Home, HomeError
from bot.manifest import wanted_scopes
from bot.problems import ProblemsError
from bot.remotes import remote_of, web_root
from bot.services import Services
from bot.settings import Settings
from integrations.agents.catalog import AgentSettings, adapters, known
from integrations.fault import IntegrationError
from integrations.git import GitError, Repositories
from integrations.git.command import GitCommand
from integrations.github import GitHub
from integrations.playground.lock import Running, running
from scheduler.registry import RegistryError, copies
from scheduler.registry.migrate import OutdatedRegistryError, require_current

_ROOM = 2 * 2**30
_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Check:
    """One line of the report; `fix` is empty when nothing has to be done."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


async def examine() -> list[Check]:
    """Look at everything. Never raises for what it finds, and changes nothing outside the home."""
    found = [_python(), _sqlite(), _linux()]
    try:
        settings = Settings.load()
    except ProblemsError as problem:
        return [*found, *(Check(f"settings {one.where}", False, one.what, one.cure) for one in problem.problems)]
    found.append(Check("settings", True, "readable"))
    found += [Check("settings", False, note, "Correct the name, or remove it.") for note in settings.notes]
    home = Home(settings.waggle.home)
    found += _home(home)
    if not found[-1].ok:
        return found
    found += [_room(home), _git(home), _registry(settings, home)]
    services = find_services(settings)
    config, lines = _config(settings, home, services)
    found += lines
    found += await _slack(settings, services)
    playground = running(home.playground)
    found.append(_playground(services, playground))
    found += await asyncio.to_thread(lambda: list(_github(settings, home, services, config, playground)))
    found += list(_models(settings, services))
    found += await asyncio.to_thread(lambda: list(_agents(settings, config)))
    return found


def _judged(check: str, ok: bool, detail: str, fix: str) -> Check:
    """A line whose cure is only for when it is not well."""
    return Check(check, ok, detail, "" if ok else fix)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return _judged("python", sys.version_info >= (3, 11), version, "Waggle needs Python 3.11 or newer.")


def _linux() -> Check:
    return _judged(
        "system", sys.platform == "linux", sys.platform, "Agents run on Linux only: use a Linux machine or container."
    )


def _sqlite() -> Check:
    fix = "Use a Python whose SQLite has FTS5, such as Debian's."
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    except sqlite3.Error as problem:
        return Check("sqlite", False, str(problem), fix)
    return Check("sqlite", True, f"{sqlite3.sqlite_version}, with full-text search")


def _home(home: Home) -> Iterator[Check]:
    try:
        home.prepare()
    except HomeError as problem:
        yield Check("home", False, str(problem), "Make it writable, or set WAGGLE_HOME.")
    else:
        yield Check("home", True, str(home.root))


def _room(home: Home) -> Check:
    free = shutil.disk_usage(home.root).free
    detail = f"{free / 2**30:.1f} GiB free in {home.root}"
    return _judged("disk", free >= _ROOM, detail, "Make room: a workspace and its dependencies take about 1 GiB.")


def _git(home: Home) -> Check:
    fix = "Install git 2.38 or newer. Debian: apt-get install git."
    try:
        version = GitCommand(home.root / "git-home").version()
    except GitError as problem:
        return Check("git", False, problem.user_message, fix)
    return Check("git", True, ".".join(map(str, version)))


def _registry(settings: Settings, home: Home) -> Check:
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    try:
        copies.check(path, home.copies)
        require_current(settings.database_url)
    except OutdatedRegistryError as state:
        return Check("registry", True, f"{state} `waggle run` brings it to this version.")
    except RegistryError as problem:
        return Check("registry", False, str(problem), "See the detail.")
    return Check("registry", True, f"{path}, whole")


def _config(settings: Settings, home: Home, services: Services) -> tuple[ConfigFile | None, list[Check]]:
    try:
        config = open_config(settings, home, services)
    except ProblemsError as problem:
        return None, [Check(f"config {one.where}", False, one.what, one.cure) for one in problem.problems]
    own = own_config(settings)
    lines = [Check("config", True, str(own) if own else "none of your own; the playground's is used")]
    if not config.document.repository:
        lines.append(
            Check("repositories", False, "no repository is configured", f"Add a [[repository]] to {config.path}.")
        )
    return config, lines


async def _slack(settings: Settings, services: Services) -> list[Check]:
    if not services.slack:
        return [
            Check(
                "slack",
                True,
                "playground",
                "For your workspace set SLACK_BOT_TOKEN and SLACK_APP_TOKEN (waggle manifest).",
            )
        ]
    bot, app = settings.slack.bot_token, settings.slack.app_token
    assert bot is not None and app is not None, "the settings take both or none"
    lines = []
    for name, method, token, fix in (
        ("slack bot token", "auth.test", bot, "Install the app again and copy the Bot User OAuth Token."),
        ("slack app token", "apps.connections.open", app, "Make an app-level token with connections:write."),
    ):
        ok, detail, scopes = await _ask_slack(settings.slack.api_url, method, token.get_secret_value())
        lines.append(Check(name, ok, detail, "" if ok else fix))
        if method == "auth.test" and ok:
            lines.append(_scopes(scopes))
    return lines


async def _ask_slack(api_url: str, method: str, token: str) -> tuple[bool, str, frozenset[str]]:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session,
            session.post(f"{api_url}{method}", headers={"Authorization": f"Bearer {token}"}) as response,
        ):
            answer = await response.json()
            scopes = frozenset(
                one.strip() for one in response.headers.get("x-oauth-scopes", "").split(",") if one.strip()
            )
    except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
        return False, f"Slack does not answer ({type(problem).__name__})", frozenset()
    if not answer.get("ok"):
        return False, f"Slack says {answer.get('error', 'no')}", scopes
    who = f"{answer['user']} in {answer['team']}" if method == "auth.test" else "connections can be opened"
    return True, who, scopes


def _scopes(given: frozenset[str]) -> Check:
    missing = sorted(wanted_scopes() - given)
    detail = f"missing: {', '.join(missing)}" if missing else f"{len(given)} scopes"
    return Check(
        "slack scopes",
        not missing,
        detail,
        "Update the app from `waggle manifest` and install it again." if missing else "",
    )


def _playground(services: Services, process: Running | None) -> Check:
    if not services.playground:
        return Check("playground", True, "not needed: Slack and GitHub are real")
    if process is None:
        return Check("playground", True, "not running; `waggle run` starts it")
    return Check("playground", True, f"running, {process.place.url}")


def _github(
    settings: Settings,
    home: Home,
    services: Services,
    config: ConfigFile | None,
    playground: Running | None,
) -> Iterator[Check]:
    token: Callable[[], str]
    if settings.github.token is not None:
        url, token = settings.github.api_url, settings.github.token.get_secret_value
        root = web_root(url)
    elif playground is not None:
        place = playground.place
        url, token, root = place.github_api_url, lambda: place.github_token, f"{place.url}/github/git"
    else:
        yield Check("github", True, "playground", "For your repositories set GITHUB_TOKEN.")
        return
    github = GitHub(url, token)
    try:
        yield Check("github", True, f"signed in as {github.viewer()}{'' if services.github else ' (playground)'}")
    except IntegrationError as problem:
        yield Check("github", False, problem.user_message, "Set GITHUB_TOKEN to a valid token, or remove it.")
        return
    repositories = Repositories(home.root)
    document = config.document if config else Document()
    for one in document.repository:
        for capability in github.probe(one.slug):
            if capability.name != "credential":
                yield Check(
                    f"github {capability.name} {one.slug}",
                    capability.ok,
                    capability.detail,
                    "" if capability.ok else capability.fix,
                )
        try:
            repositories.ensure(remote_of(document, one.slug, root, token))
        except IntegrationError as problem:
            yield Check(f"repository {one.slug}", False, problem.user_message, "Check its name, remote and rights.")
        else:
            yield Check(f"repository {one.slug}", True, "can be cloned")


def _models(settings: Settings, services: Services) -> Iterator[Check]:
    for name, given, variable in (
        ("anthropic", services.anthropic, "ANTHROPIC_API_KEY"),
        ("openai", services.openai, "OPENAI_API_KEY"),
    ):
        detail = "key is set" if given else "no key: rules answer, and reviews count on playground repositories only"
        yield Check(f"model {name}", True, detail, "" if given else f"Set {variable} to have it scope and review.")


def _agents(settings: Settings, config: ConfigFile | None) -> Iterator[Check]:
    routed = {one.agent for ranked in config.document.routes.values() for one in ranked} if config else set()
    key = settings.anthropic.api_key
    made = adapters(
        AgentSettings(
            enabled=known(),
            anthropic_api_key=key.get_secret_value() if key else None,
            environment=settings.host.environment,
        )
    )
    for name, adapter in made.items():
        for finding in adapter.preflight() if name in routed else ():
            check = finding.check if finding.check.startswith(name) else f"{name} {finding.check}"
            yield Check(f"agent {check}", finding.ok, finding.detail, "" if finding.ok else finding.fix)
    if config is not None and not routed:
        yield Check(
            "agents",
            False,
            "no agent is routed to",
            f'Add default = [{{ agent = "claude-code" }}] under [routes] in {config.path}.',
        )
