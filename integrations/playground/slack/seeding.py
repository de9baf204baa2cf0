"""The sample workspace, written once into an empty store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from integrations.playground.slack.channels import Channel, Channels
from integrations.playground.slack.composing import composed
from integrations.playground.slack.messages import Message, Messages, ts_of
from integrations.playground.slack.people import BOT_USER, BY_NAME, USERS
from integrations.playground.slack.store import Store

_DAY_S = 86_400
_APART_S = 540


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedMessage(_Model):
    user: str
    text: str
    days_ago: float


class SeedChannel(_Model):
    id: str
    name: str
    purpose: str = ""
    messages: tuple[SeedMessage, ...] = ()


class SeedWorkspace(_Model):
    """The file `sample/workspace.json`."""

    channels: tuple[SeedChannel, ...]


def seed(store: Store, channels: Channels, messages: Messages, sample: Path, clock: Callable[[], float]) -> None:
    """Make the channels and their first messages; nothing when there are channels already."""
    if channels.all():
        return
    workspace = SeedWorkspace.model_validate_json(sample.read_text())
    people = tuple(USERS)
    now = clock()
    oldest = max((message.days_ago for one in workspace.channels for message in one.messages), default=0)
    users = {name: user.id for name, user in BY_NAME.items()}
    names = {one.name: one.id for one in workspace.channels}
    with store.together():
        for one in workspace.channels:
            created = int(now - (oldest + 1) * _DAY_S)
            channels.add(Channel(one.id, one.name, "channel", one.purpose, created), people)
            for position, message in enumerate(one.messages):
                at = now - message.days_ago * _DAY_S - (len(one.messages) - position) * _APART_S
                ts = ts_of(int(at * 1_000_000))
                text = composed(message.text, users, names)
                messages.put(Message(one.id, ts, message.user, text, client_msg_id=f"seed-{one.id}-{position}"))
                for person in people:
                    channels.mark_read(one.id, person, ts)
        for user in USERS.values():
            if user.at_page:
                channels.direct(user.id, now)
    if not all(channels.has(one.id, BOT_USER) for one in workspace.channels):
        raise ValueError("the sample workspace leaves Waggle out of a channel")
