"""Bolt's listeners: for each kind of delivery, read it, ask the door, store it, and only then let it be acknowledged.

With `process_before_response=True` Bolt acknowledges when a listener has returned, so what is acknowledged is on
disk; a listener that raises is not acknowledged, and Slack delivers again. Nothing slow happens here: acting on what
was stored is the worker's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp
from sqlmodel import Session

from bot.slack.buttons import FORMS, Token
from bot.slack.deliveries import Pressed
from bot.slack.entrance import admit, admit_edit, may_press, tell
from bot.slack.errors import SlackError
from bot.slack.inbox import (
    Arrival,
    Home,
    read_action,
    read_context,
    read_edit,
    read_joined,
    read_message,
    read_slash,
    read_submission,
)
from bot.slack.people import People
from bot.slack.posting import Posting
from bot.slack.values import SlackValues
from bot.slack.views import forms
from scheduler.registry import Registry

log = structlog.get_logger(__name__)

_ANY = re.compile(".*")
_CONTEXT = frozenset({"feedback", "notes"})

Body = dict[str, Any]


@dataclass
class Listeners:
    """What happens when Slack delivers something.

    Parameters:
        home: whose workspace this is.
        values: the Slack values in force.
    """

    registry: Registry
    posting: Posting
    people: People
    home: Home
    values: Callable[[], SlackValues]
    clock: Callable[[], datetime]

    def register(self, app: AsyncApp) -> None:
        """Listen to everything that the app is subscribed to; what is not for us is acknowledged as well."""
        app.command(self.values().command)(self.slash)
        app.event("app_mention")(self.mention)
        app.event("message")(self.message)
        app.event("member_joined_channel")(self.joined)
        app.event("user_change")(self.changed)
        app.action(_ANY)(self.pressed)
        app.view(_ANY)(self.submitted)
        # Last: an event that nobody listens to is not acknowledged, delivered again, and counted against the app.
        app.event(_ANY)(self.other)

    async def slash(self, ack: AsyncAck, body: Body) -> None:
        await self._admit(read_slash(body, self.home))
        await ack()

    async def mention(self, body: Body) -> None:
        arrival = read_message(body, self.home)
        if arrival is not None:
            await self._admit(arrival)

    async def message(self, body: Body) -> None:
        event = body.get("event") or {}
        meaning = self.values().meaning(str(event.get("channel", "")))
        if meaning in _CONTEXT:
            noted = read_context(body, self.home, meaning)
            if noted is not None:
                await self._admit(noted)
        edited = read_edit(body, self.home)
        if edited is not None:
            said_key, edit_key, said = edited
            await self.registry.write(lambda session: admit_edit(session, self.clock(), said_key, edit_key, said))
            return
        await self.mention(body)

    async def joined(self, body: Body) -> None:
        arrival = read_joined(body, self.home)
        if arrival is not None:
            await self._admit(arrival)

    async def changed(self, body: Body) -> None:
        user = (body.get("event") or {}).get("user") or {}
        self.people.forget(str(user.get("id", "")))

    async def pressed(self, ack: AsyncAck, body: Body) -> None:
        arrival = read_action(body, self.home)
        if arrival is not None:
            delivery = arrival.delivery
            assert isinstance(delivery, Pressed)
            if delivery.verb in FORMS and delivery.option is None:
                await self._open_form(arrival, delivery, str(body.get("trigger_id", "")))
            else:
                await self._admit(arrival)
        await ack()

    async def submitted(self, ack: AsyncAck, body: Body) -> None:
        arrival = read_submission(body, self.home)
        if arrival is not None:
            await self._admit(arrival)
        await ack()

    async def other(self, body: Body) -> None:
        log.debug("not for us", kind=(body.get("event") or {}).get("type"))

    async def _admit(self, arrival: Arrival) -> None:
        await self.registry.write(lambda session: admit(session, self.clock(), self.home, arrival))

    async def _open_form(self, arrival: Arrival, pressed: Pressed, trigger_id: str) -> None:
        """Open a form at once: its trigger lives three seconds. The words come back as a submission."""

        def may(session: Session) -> bool:
            return may_press(session, self.clock(), self.home, arrival)

        if not await self.registry.write(may):
            return
        token = Token(pressed.task_id, pressed.version, pressed.nonce)
        try:
            await self.posting.open_form(
                trigger_id, forms.form(pressed.verb, token, pressed.channel, pressed.thread_ts)
            )
        except SlackError as problem:
            log.warning("a form could not be opened", verb=pressed.verb, why=str(problem))
            text = forms.typed_instead(pressed.verb, self.values().command, pressed.task_id)
            await self.registry.write(partial(tell, now=self.clock(), key=arrival.key, delivery=pressed, text=text))
