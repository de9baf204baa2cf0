"""The models that may be asked: the real ones whose key is there, stand-ins of the playground for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from bot.config_schema import Document
from bot.orchestrator.models import FOCUSES, Panel, Reviewer, Voice, panel_of
from bot.settings import Settings
from integrations.models import on_demand

FAMILIES = ("anthropic", "openai")
_DEFAULT = {"anthropic": "claude-sonnet-5-5", "openai": "gpt-6-sol"}


@dataclass(frozen=True)
class StandIn:
    """A model server without models, such as the playground's: its address for each family, and its key."""

    anthropic_url: str
    openai_url: str
    key: str

    def url(self, family: str) -> str:
        return self.anthropic_url if family == "anthropic" else self.openai_url


class Panels:
    """Makes the panel for a document, and keeps one client for each model as long as Waggle runs.

    Parameters:
        stand_in: answers for families without a key; None where nothing may stand in.
    """

    def __init__(self, settings: Settings, stand_in: StandIn | None, clock: Callable[[], datetime]) -> None:
        self._keys: dict[str, tuple[SecretStr | None, str]] = {
            "anthropic": (settings.anthropic.api_key, settings.anthropic.base_url),
            "openai": (settings.openai.api_key, settings.openai.base_url),
        }
        self._stand_in = stand_in
        self._clock = clock
        self._voices: dict[tuple[str, str], Voice] = {}

    def panel(self, document: Document) -> Panel:
        """Who scopes, reads failures and reviews under this document."""
        judges = [voice for name in document.models.judge if (voice := self._named(name)) is not None]
        if not judges:
            voices = [voice for family in FAMILIES if (voice := self._voice(family, "")) is not None]
            judges = [voice for voice in voices if voice.real] or voices
        seats = [
            Reviewer(one.name, voice, one.focus or FOCUSES[place % len(FOCUSES)])
            for place, one in enumerate(document.reviewer)
            if (voice := self._voice(one.family, one.model)) is not None
        ]
        if not seats:
            every = [voice for family in FAMILIES if (voice := self._voice(family, "")) is not None]
            return Panel(tuple(judges), panel_of(every).reviewers)
        return Panel(tuple(judges), tuple(seats))

    async def close(self) -> None:
        for voice in self._voices.values():
            await voice.model.close()

    def _named(self, name: str) -> Voice | None:
        family, _, model = name.partition(":")
        return self._voice(family, model)

    def _voice(self, family: str, model: str) -> Voice | None:
        key, url = self._keys[family]
        if key is not None:
            return self._make(family, model or _DEFAULT[family], key.get_secret_value(), url, real=True)
        if self._stand_in is not None:
            name = f"playground-{family}"
            return self._make(family, name, self._stand_in.key, self._stand_in.url(family), real=False)
        return None

    def _make(self, family: str, name: str, key: str, url: str, *, real: bool) -> Voice:
        if (family, name) not in self._voices:
            make = on_demand.anthropic if family == "anthropic" else on_demand.openai
            self._voices[family, name] = Voice(make(key, url, name, self._clock), real)
        return self._voices[family, name]
