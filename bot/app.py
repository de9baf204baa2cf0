"""The composition root: builds every part, runs them in one event loop, and shuts them down in order. No logic."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlmodel import Session

from bot.config import ConfigFile
from bot.config_agents import agent_settings, held_secrets
from bot.context.store import ContextStore
from bot.errors import tracker_of
from bot.github_access import github_access
from bot.grants import apply_access
from bot.home import Home
from bot.orchestrator.answering import Orchestrator
from bot.orchestrator.models import Panel
from bot.orchestrator.reading import MirrorReader
from bot.panel import Panels, StandIn
from bot.problems import StartError
from bot.projects import Projects
from bot.remotes import remote_of
from bot.services import Services, services_of
from bot.settings import Settings
from bot.slack.side import SlackSide
from bot.slack.values import ChannelBinding, SlackValues
from bot.terminals import terminals
from integrations.agents import AgentAdapter
from integrations.agents.catalog import adapters
from integrations.engines.local import LocalEngine
from integrations.engines.machine import free_disk, free_memory, load_per_core
from integrations.git import Remote, Repositories
from integrations.github import GitHub
from integrations.github.webhooks import Webhooks
from integrations.pictures import Pictures
from integrations.playground.place import Place
from scheduler.clock_jumps import ClockJumps
from scheduler.dispatch import Host
from scheduler.outside import Outside
from scheduler.registry import Registry
from scheduler.supervisor import Supervisor

_PLAYGROUND_ADMIN = "U0ANA"  #: the person at the page, unless waggle.toml names somebody


_PLAYGROUND_TICK_S = 1.5  # an hour of it stays above the reserve of the quota


def utc_now() -> datetime:
    return datetime.now(UTC)


def find_services(settings: Settings) -> Services:
    """What is real on this machine."""
    search = settings.host.environment.get("PATH")
    return services_of(settings, lambda program: shutil.which(program, path=search))


_CATCH_UP_S = 5.0


@dataclass
class App:
    """Every part of one running Waggle, built and not started."""

    settings: Settings
    home: Home
    config: ConfigFile
    services: Services
    registry: Registry
    place: Place | None
    github: GitHub
    repositories: Repositories
    context: ContextStore
    panels: Panels
    orchestrator: Orchestrator
    supervisor: Supervisor
    slack: SlackSide
    remotes: Callable[[str], Remote]
    projects: Projects
    webhooks: Webhooks | None

    def apply_config(self, session: Session) -> None:
        """Make the rows say what the document in force says."""
        apply_access(session, utc_now(), self.config.document.access)

    async def start(self) -> None:
        """Begin to work.

        While Slack is connected, the supervisor finds out what became of everything: after a crash of a thousand tasks
        that is one tick. New questions are put to models only then, since they may be about what is over.
        """
        await self.registry.write(self.apply_config)
        await self._listen()
        await asyncio.to_thread(self.projects.recall)
        await self.supervisor.start()
        await self.slack.start()
        await self.supervisor.caught_up(_CATCH_UP_S)
        await self.orchestrator.start()

    async def _listen(self) -> None:
        if self.webhooks is None:
            return
        host, port = self.settings.github.webhook_address
        try:
            await self.webhooks.start(host, port)
        except OSError as problem:
            why = f"Nothing can listen on {host}:{port} for GitHub's webhooks: {problem.strerror or problem}."
            raise StartError(f"{why} Set GITHUB_WEBHOOK_LISTEN to an address that is free.") from problem

    async def stop(self) -> None:
        """Stop in the order in which work flows; what is cut short is taken up at the next start."""
        if self.webhooks is not None:
            await self.webhooks.stop()
        await self.slack.stop()
        await self.supervisor.stop()
        await self.orchestrator.stop()
        await self.panels.close()
        await asyncio.to_thread(self.registry.close)


def build(
    settings: Settings,
    home: Home,
    config: ConfigFile,
    services: Services,
    place: Place | None,
) -> App:
    """Put the parts together. Nothing is started and nobody is asked anything."""
    registry = Registry(settings.database_url)
    secrets = _secrets(settings, config, place)
    access = github_access(settings, place)
    assert access is not None, "without a credential the playground runs"
    github = GitHub(access.api_url, access.token, utc_now)
    repositories = Repositories(home.root)

    def remotes(slug: str) -> Remote:
        return remote_of(config.document, slug, access.root, partial(access.git_token, slug))

    def models() -> Panel:
        return panels.panel(config.document)

    panels = Panels(settings, _stand_in(place) if not services.github else None, utc_now)
    projects = Projects(registry, repositories, remotes, config.current_policy, utc_now)
    repositories.fetched = projects.look
    context = ContextStore(registry, utc_now, secrets)
    orchestrator = Orchestrator(
        registry,
        context,
        MirrorReader(repositories, remotes, projects.policy),
        models,
        projects.policy,
        utc_now,
        secrets=secrets,
    )
    outside = Outside(
        registry=registry,
        engine=LocalEngine(home.runs),
        repositories=repositories,
        github=github,
        policy=projects.policy,
        agents=partial(_agents, settings, config, home),
        remotes=remotes,
        host=partial(_host, home.root),
        environment={**settings.host.environment, "HOME": str(home.commands)},
        agents_home=home.agents,
        pictures=Pictures(home.pictures),
        clock=utc_now,
        jumps=ClockJumps(),
        new_id=lambda: str(uuid.uuid4()),
        secrets=secrets,
        tracker=tracker_of(settings, services, place, utc_now),
        terminals=terminals(settings, home, secrets),
    )
    supervisor = Supervisor(outside, tick_s=_tick_s(settings, services))
    slack = SlackSide(
        registry,
        partial(_slack_values, settings, config, services, place),
        projects.policy,
        context,
        utc_now,
        secrets=secrets,
    )
    return App(
        settings, home, config, services, registry, place, github, repositories, context, panels, orchestrator,
        supervisor, slack, remotes, projects, _webhooks(settings, supervisor),
    )  # fmt: skip


def _webhooks(settings: Settings, supervisor: Supervisor) -> Webhooks | None:
    """What hears GitHub, when there is a secret to know it by."""
    secret = settings.github.webhook_secret
    return Webhooks(secret.get_secret_value(), supervisor.nudge) if secret is not None else None


def _secrets(settings: Settings, config: ConfigFile, place: Place | None) -> tuple[str, ...]:
    held: tuple[str, ...] = ()
    if place is not None:
        held = (place.slack_bot_token, place.slack_app_token, place.github_token, place.model_key, place.sentry_token)
    return (*held_secrets(settings, config.document), *held)


def _tick_s(settings: Settings, services: Services) -> float:
    """Seconds between two looks at GitHub; the playground's costs nothing and is watched by a person."""
    if services.github or "tick_seconds" in settings.waggle.model_fields_set:
        return settings.waggle.tick_seconds
    return _PLAYGROUND_TICK_S


def _slack_values(settings: Settings, config: ConfigFile, services: Services, place: Place | None) -> SlackValues:
    """What the Slack side goes by, under the document in force."""
    document = config.document
    channels = tuple(ChannelBinding(one.id, one.means, one.repository) for one in document.channel)
    bot_token, app_token = settings.slack.bot_token, settings.slack.app_token
    if bot_token is not None and app_token is not None:
        return SlackValues(
            bot_token.get_secret_value(),
            app_token.get_secret_value(),
            settings.slack.api_url,
            channels,
            settings.slack.admin_user_id or next(iter(document.access.admins), ""),
            services.missing(),
        )
    assert place is not None, "without Slack tokens the playground runs"
    return SlackValues(
        place.slack_bot_token,
        place.slack_app_token,
        place.slack_api_url,
        channels,
        next(iter(document.access.admins), _PLAYGROUND_ADMIN),
        services.missing(),
        card_interval_s=2.0,
        card_state_interval_s=0.3,
    )


def _stand_in(place: Place | None) -> StandIn | None:
    return StandIn(place.anthropic_base_url, place.openai_base_url, place.model_key) if place else None


def _agents(settings: Settings, config: ConfigFile, home: Home) -> Mapping[str, AgentAdapter]:
    """The agents under the document in force; made anew when asked, since they hold nothing."""
    return adapters(agent_settings(settings, config.document, home.agents))


def _host(home: Path) -> Host:
    return Host(free_memory(), disk_bytes=free_disk(home), load=load_per_core())
