"""`waggle run`: take the home, open everything, work until told to stop, and give everything back.

What is wrong with what a person gave (a port in use, a token that is refused, a repository that cannot be cloned)
ends the start with one message that holds the cure. What is only down at the moment does not: it is said, and
picked up again later.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import sentry_sdk
import structlog
from rich.markup import escape
from sqlmodel import Session

from bot.app import App, build, find_services, utc_now
from bot.config_agents import held_secrets
from bot.configuration import Running, open_config, read_running, write_running
from bot.github_access import webhook_url
from bot.home import Home
from bot.logs import start_logging
from bot.problems import StartError
from bot.services import Services
from bot.settings import Settings
from bot.ticking import answer_requests
from bot.world import foreign_repositories
from integrations.fault import IntegrationError
from integrations.playground.lock import is_held
from integrations.playground.place import Place
from integrations.playground.start import PlaygroundError, ensure_playground, stop_playground
from scheduler.leadership import Leadership
from scheduler.registry import copies
from scheduler.registry.migrate import migrate
from scheduler.registry.writers import say

log = structlog.get_logger(__name__)

_CONFIG_S = 1.0  #: how often to look whether waggle.toml changed
_PLAYGROUND_S = 2.0  #: how often to look whether the playground lives
_COPY_EVERY = timedelta(days=1)

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        port: of the playground's page; 0 for the one it had before, or any free one.
        leave_as_found: leave a playground running that ran before.
    """

    port: int = 0
    leave_as_found: bool = False


async def serve(settings: Settings, options: Options, announce: Announce) -> None:
    """Run Waggle until SIGINT or SIGTERM.

    Parameters:
        announce: says one thing to the person at the terminal; takes Rich's markup.

    Raises:
        StartError, HomeError, AlreadyLedError, ProblemsError, RegistryError, PlaygroundError, IntegrationError
    """
    stopped = _stop_signal()
    async with opened(settings, options, announce) as app:
        for line in await asyncio.to_thread(_check_outside, app):
            announce(escape(line))
        watchers = [
            asyncio.create_task(answer_requests(app.registry, app.supervisor.tick, utc_now), name="tick requests"),
            asyncio.create_task(_watch_config(app, announce), name="configuration"),
        ]
        try:
            await app.start()
            page_url = app.place.page_url if app.place else ""
            write_running(app.home, Running(os.getpid(), app.config.path, page_url))
            for line in greeting(app):
                announce(line)
            await stopped.wait()
            announce("Stopping. Agents that run go on by themselves and are found again at the next start.")
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            app.home.running.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def opened(settings: Settings, options: Options, announce: Announce) -> AsyncIterator[App]:
    """A built Waggle that leads its home; stopped and given back at the end."""
    home = Home(settings.waggle.home)
    home.prepare()
    leadership = Leadership(home.lock)
    leadership.take()
    try:
        services = find_services(settings)
        config = open_config(settings, home, services)
        _prepare_registry(settings, home, announce)
        start_logging(home.log, settings.waggle.log_level, held_secrets(settings, config.document))
        if settings.sentry.dsn is not None:
            sentry_sdk.init(settings.sentry.dsn.get_secret_value(), send_default_pii=False)
        async with _playground(home, services, options, announce) as place:
            app = build(settings, home, config, services, place)
            try:
                yield app
            finally:
                await app.stop()
    finally:
        leadership.release()


def _prepare_registry(settings: Settings, home: Home, announce: Announce) -> None:
    done = migrate(settings.database_url, home.copies, utc_now())
    if done.copy is not None:
        announce(
            f"The registry was brought from revision {done.before} to {done.after}. A copy from before: {done.copy}"
        )
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    if not done.changed:
        copies.copy_when_due(path, home.copies, utc_now(), _COPY_EVERY)


@contextlib.asynccontextmanager
async def _playground(
    home: Home, services: Services, options: Options, announce: Announce
) -> AsyncIterator[Place | None]:
    """The playground while it is needed, started again when it dies."""
    if not services.playground:
        if options.port:
            raise StartError("Everything is real here, so there is no page: leave --port out.")
        yield None
        return
    found = is_held(home.playground)
    place = await asyncio.to_thread(ensure_playground, home.playground, options.port or None)
    keeper = asyncio.create_task(_keep(home, place, announce), name="playground keeper")
    try:
        yield place
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        if not (found and options.leave_as_found):
            await asyncio.to_thread(stop_playground, home.playground)


async def _keep(home: Home, place: Place, announce: Announce) -> None:
    port = int(place.url.rsplit(":", 1)[1])
    while True:
        await asyncio.sleep(_PLAYGROUND_S)
        if await asyncio.to_thread(is_held, place.home):
            continue
        try:
            place = await asyncio.to_thread(ensure_playground, place.home, port)
        except PlaygroundError as problem:
            log.warning("the playground does not start again", why=str(problem))
        else:
            said = read_running(home)
            if said is not None:
                write_running(home, replace(said, page_url=place.page_url))
            announce(f"The playground had ended and was started again. Its page: {place.page_url}")


def _check_world(app: App) -> None:
    foreign = foreign_repositories(app.config.document, app.services)
    if foreign is not None:
        raise StartError(f"{app.config.path}: {foreign.what}. {foreign.cure}")


def _check_outside(app: App) -> list[str]:
    """Try what a person gave. Blocks. What is refused raises; what only does not answer is returned as a line."""
    _check_world(app)
    lines = []
    try:
        app.github.viewer()
    except IntegrationError as problem:
        if not problem.retryable:
            raise
        lines.append(f"GitHub does not answer; Waggle goes on and tries again. {problem.user_message}")
        return lines
    refused = []
    for repository in app.config.document.repository:
        try:
            app.repositories.ensure(app.remotes(repository.slug))
        except IntegrationError as problem:
            if problem.retryable:
                lines.append(f"{repository.slug} cannot be reached now; it is tried again. {problem.user_message}")
            else:
                refused.append(f"The repository {repository.slug} cannot be used. {problem.user_message}")
    if refused:
        raise StartError("\n".join(refused))
    return lines


async def _watch_config(app: App, announce: Announce) -> None:
    while True:
        await asyncio.sleep(_CONFIG_S)
        change = await asyncio.to_thread(app.config.refresh)
        if change is None:
            continue
        announce(escape(change.text))
        log.info("configuration", ok=change.ok, text=change.text)
        text = change.text

        def tell(session: Session, text: str = text) -> None:
            now = utc_now()
            say(session, now, kind="alert", dedupe_key=f"config:{now.isoformat()}", payload={"text": text})

        await app.registry.write(tell if not change.ok else app.apply_config)


def greeting(app: App) -> list[str]:
    """What is real, what is not, where the page is, and what to do next."""
    rows = []
    for name, real, used, wants in app.services.rows():
        hint = "" if real else f"[dim]real with {wants}[/]"
        rows.append(f"  {name:<8}[{'green' if real else 'yellow'}]{used:<20}[/]{hint}")
    lines = ["[bold]Waggle is running.[/]", *rows]
    settle = app.config.policy.settle
    lines.append(
        f"  Settle  a head commit is still {settle.review_s:g} s before reviews, checks hold {settle.ready_s:g} s"
        " before “PR ready”"
    )
    if not app.config.document.repository:
        lines.append(f"[yellow]No repository is configured yet: add a \\[\\[repository]] to {app.config.path}[/]")
    if app.place is not None and not app.services.slack:
        lines += [
            "",
            f"Open    [bold]{app.place.page_url}[/]",
            "Write   [bold]@waggle customers want CSV export of invoices[/]   in #product, and follow what it says.",
        ]
    if app.webhooks is not None:
        lines += ["", f"Webhooks of GitHub are heard at   {webhook_url(app.settings)}"]
    if app.slack.claim_code:
        lines += ["", f"In Slack, type   [bold]/waggle claim {app.slack.claim_code}[/]   to become its admin."]
    if app.place is not None and app.services.slack:
        lines += ["", f"Pull requests of the playground: {app.place.page_url}"]
    lines += ["", "Stop with Ctrl-C. Beside it, in another terminal: waggle tasks, waggle show T-1, waggle --help"]
    return lines


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped
