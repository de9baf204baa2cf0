"""What the Slack side is told when it is built: plain values, no environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.context.messages import ChatMessage

Meaning = Literal["work", "feedback", "notes", "alerts"]


@dataclass(frozen=True)
class ChannelBinding:
    """What a channel is for.

    Attributes:
        channel: Slack channel id.
        meaning: `work` (requests are made here), `feedback` and `notes` (taken in silently as context), `alerts`.
        repo: requests made here are about this repository unless they say otherwise.
    """

    channel: str
    meaning: Meaning
    repo: str = ""


@dataclass(frozen=True)
class SlackValues:
    """Everything the Slack side needs to know.

    Attributes:
        bot_token, app_token: `xoxb-…` and `xapp-…`.
        api_url: base of the Web API, with a slash at its end.
        channels: what the channels mean.
        admin_user_id: made an admin at start; empty when the first admin claims Waggle with a code.
        missing: what stands in for something real, one plain sentence each; shown on the card.
        command: the slash command.
        card_interval_s: least seconds between two edits of one card while nothing but progress changed.
        card_state_interval_s: the same when the task's state changed.
        timeout_s: for one call of the Web API.
        watch_s: seconds between two looks of the watchdog at the connection.
        backlog_days: how far back feedback and notes channels are read at start.
    """

    bot_token: str
    app_token: str
    api_url: str = "https://slack.com/api/"
    channels: tuple[ChannelBinding, ...] = ()
    admin_user_id: str = ""
    missing: tuple[str, ...] = ()
    command: str = "/waggle"
    card_interval_s: float = 10.0
    card_state_interval_s: float = 1.0
    timeout_s: float = 10.0
    watch_s: float = 60.0
    backlog_days: int = 30

    def meaning(self, channel: str) -> str:
        """What a channel is for; empty when nothing was said about it."""
        return next((one.meaning for one in self.channels if one.channel == channel), "")

    def repo_of(self, channel: str) -> str:
        return next((one.repo for one in self.channels if one.channel == channel), "")

    def work_channel(self, repo: str) -> str:
        """The channel in which a task without a place of its own is shown; empty when there is none."""
        work = [one for one in self.channels if one.meaning == "work"]
        return next((one.channel for one in work if repo and one.repo == repo), work[0].channel if work else "")

    def context_channels(self) -> tuple[ChannelBinding, ...]:
        return tuple(one for one in self.channels if one.meaning in {"feedback", "notes"})


class Found(Protocol):
    """One hit of a search in the context, as far as it is shown here."""

    @property
    def text(self) -> str: ...
    @property
    def date(self) -> str: ...
    @property
    def speaker(self) -> str: ...
    @property
    def customer(self) -> str: ...
    @property
    def url(self) -> str: ...


class ContextStore(Protocol):
    """Where business context goes; `bot.context.store` is one. Taking the same thing again changes nothing."""

    async def take_message(self, message: ChatMessage) -> object: ...

    async def forget_message(self, channel: str, ts: str, *, actor: str) -> None: ...

    async def add_bytes(self, data: bytes, name: str, *, actor: str, path: str = "", url: str = "") -> object: ...

    async def search(self, query: str, limit: int = 10) -> Sequence[Found]: ...
