"""Direct answers: one visible outcome for what somebody said or pressed. The rest goes by the outbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bot.slack.deliveries import Delivery, Joined, Noted
from bot.slack.errors import ChannelLost, SlackRejected, SlackUnreachable, ThreadGone
from bot.slack.posting import Posting
from bot.slack.verbs import Audience, Outcome
from bot.slack.views.budget import Message
from bot.slack.views.messages import without_blocks
from scheduler.registry import Inbox

_RESPONSE_URL_LIVES = timedelta(minutes=29)


def keep(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it stands in the row until it was said."""
    message = outcome.message
    return {"reply": {"text": message.text, "blocks": list(message.blocks), "audience": outcome.audience.value}}


def kept(payload: dict[str, Any]) -> Outcome:
    """The outcome in a row that was acted on."""
    reply = payload["reply"]
    return Outcome(Message(str(reply["text"]), tuple(reply["blocks"])), Audience(reply["audience"]))


class Answering:
    """Says outcomes to people.

    Parameters:
        marker: makes the mark by which an answer in a thread is recognised after a crash.
    """

    def __init__(self, posting: Posting, clock: Callable[[], datetime], marker: Callable[[str], str]) -> None:
        self._posting = posting
        self._clock = clock
        self._marker = marker

    async def deliver(self, row: Inbox, delivery: Delivery, outcome: Outcome, *, again: bool) -> None:
        """Say it where the person sees it: the thread, the channel for them alone, the response URL, or directly.

        Parameters:
            again: it may have been said before. What stays in a thread is looked for first; what only one person
                sees cannot be looked for, and is said twice rather than not at all.
        """
        if isinstance(delivery, Noted):
            return
        try:
            await self._say(row, delivery, outcome, again)
        except SlackRejected:
            await self._say(row, delivery, Outcome(without_blocks(outcome.message), outcome.audience), again)

    async def _say(self, row: Inbox, delivery: Delivery, outcome: Outcome, again: bool) -> None:
        if isinstance(delivery, Joined):
            await self._post(row, delivery.channel, "", outcome.message, again)
            return
        assert not isinstance(delivery, Noted)
        channel, thread = delivery.channel, delivery.thread_ts
        direct = channel.startswith("D")
        try:
            # In a direct message nobody else reads, so an answer that stays is better than one that vanishes.
            if channel and (outcome.audience is Audience.THREAD or direct):
                await self._post(row, channel, thread or delivery.ts, outcome.message, again)
            elif channel:
                await self._posting.whisper(channel, delivery.user, thread, outcome.message)
            else:
                raise ChannelLost("the delivery names no channel")
        except (ChannelLost, ThreadGone):
            await self._around(row, delivery.user, delivery.response_url, outcome.message, again)

    async def _around(self, row: Inbox, user: str, response_url: str, message: Message, again: bool) -> None:
        """Reach the person although we cannot speak in the channel."""
        if response_url and self._clock() - row.received_at < _RESPONSE_URL_LIVES:
            try:
                await self._posting.respond(response_url, message)
            except (ChannelLost, SlackUnreachable):
                pass  # used up or gone: the direct message below is the other way
            else:
                return
        await self._post(row, await self._posting.direct(user), "", message, again)

    async def _post(self, row: Inbox, channel: str, thread: str, message: Message, again: bool) -> None:
        marker = self._marker(f"in{row.id}")
        if again and await self._posting.find(channel, thread, marker, row.received_at):
            return
        await self._posting.post(channel, thread, message, marker)
