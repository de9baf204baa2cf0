"""What is real and what the playground stands in for, service by service. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.settings import Settings

#: agents that are routed to by themselves once their program and key are there, best first: program, name, key's group.
#: A program with a login of its own is used when `waggle.toml` says so: nobody's account is spent unasked.
_AGENTS = (
    ("claude", "claude-code", "anthropic"),
    ("claude", "claude-code", "claude_code"),
    ("codex", "codex", "openai"),
)


@dataclass(frozen=True)
class Services:
    """Which outside systems are real.

    Attributes:
        agent: the coding agent that default routes name; `scripted` when there is no other.
    """

    slack: bool
    github: bool
    anthropic: bool
    openai: bool
    agent: str = "scripted"
    errors: bool = False

    @property
    def playground(self) -> bool:
        """Whether the playground has to run at all."""
        return not (self.slack and self.github)

    @property
    def models(self) -> bool:
        return self.anthropic or self.openai

    def rows(self) -> list[tuple[str, bool, str, str]]:
        """Service, whether it is real, what is used, and what makes it real (empty when it is)."""
        scripted = self.agent == "scripted"
        return [
            _row("Slack", self.slack, "your workspace", "playground", "SLACK_BOT_TOKEN and SLACK_APP_TOKEN"),
            _row("GitHub", self.github, "your repositories", "playground", "GITHUB_TOKEN, or a GitHub App"),
            _row("Errors", self.errors, "your Sentry", self._tracker(), "SENTRY_AUTH_TOKEN and SENTRY_ORG"),
            _row("Models", self.models, self._model_names(), "rules", "ANTHROPIC_API_KEY, OPENAI_API_KEY"),
            _row(
                "Agent",
                not scripted,
                self.agent,
                "scripted",
                "claude and ANTHROPIC_API_KEY, or codex and OPENAI_API_KEY",
            ),
        ]

    def _tracker(self) -> str:
        # The playground's tracker knows the sample application alone.
        return "none" if self.github else "playground"

    def _model_names(self) -> str:
        names = [name for name, given in (("Anthropic", self.anthropic), ("OpenAI", self.openai)) if given]
        return " and ".join(names)

    def missing(self) -> tuple[str, ...]:
        """What stands in for something real, one sentence each, for people who look at a card."""
        said = []
        if not self.github:
            said.append("GitHub is the playground's.")
        if not self.models:
            said.append("No model is connected: rules scope and review.")
        elif not (self.anthropic and self.openai):
            said.append("One model family is connected: a second one is missing for reviews.")
        if self.agent == "scripted":
            said.append("The agent is scripted and knows a few jobs on the sample repository only.")
        return tuple(said)


def _row(name: str, real: bool, given: str, stand_in: str, wants: str) -> tuple[str, bool, str, str]:
    return (name, True, given, "") if real else (name, False, stand_in, wants)


def services_of(settings: Settings, find_program: Callable[[str], str | None]) -> Services:
    """Look at what was given.

    Parameters:
        find_program: the path of a program, or None; such as `shutil.which`.
    """
    agent = "scripted"
    for program, kind, group in _AGENTS:
        if getattr(settings, group).given and find_program(program):
            agent = kind
            break
    return Services(
        slack=settings.slack.given,
        github=settings.github.given,
        anthropic=settings.anthropic.given,
        openai=settings.openai.given,
        errors=settings.sentry.given,
        agent=agent,
    )
