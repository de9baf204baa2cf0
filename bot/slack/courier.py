"""Posts and edits for outbox rows, each once. `chat.postMessage` has no key against posting twice, so the row says
`sending` before the call, and a row found in that state is first looked for by its mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from bot.slack.errors import SlackLimited, SlackRejected, ThreadGone
from bot.slack.outbox_rows import begin, posts
from bot.slack.pace import POST, UPDATE, Pace
from bot.slack.posting import Posting
from bot.slack.views.budget import Message
from bot.slack.views.messages import without_blocks
from scheduler.registry import Outbox, Registry


@dataclass
class Courier:
    """Carries messages to Slack.

    Parameters:
        marker: makes the mark by which a message is recognised after a doubt.

    Raises:
        SlackError: `post` and `edit`.
    """

    registry: Registry
    posting: Posting
    clock: Callable[[], datetime]
    marker: Callable[[str], str]
    pace: Pace = field(default_factory=Pace)

    def wait_to_post(self, channel: str) -> float:
        return self.pace.wait_s(POST, channel, self.clock())

    def wait_to_edit(self, channel: str) -> float:
        return self.pace.wait_s(UPDATE, channel, self.clock())

    async def post(self, row: Outbox, channel: str, thread: str, message: Message) -> str:
        """The ts of the row's message: of the one that an earlier try posted, or of a new one."""
        mark = self._mark(row)
        if row.state == "sending":
            found = await self.posting.find(channel, thread, mark, row.created_at)
            if found:
                return found
        await self.registry.write(partial(begin, row_id=row.id))
        row.state = "sending"
        with self.paced(POST, channel):
            try:
                return await self.posting.post(channel, thread, message, mark)
            except ThreadGone:
                # Its root was deleted: what must be heard is said in the channel.
                return await self.posting.post(channel, "", message, mark)
            except SlackRejected:
                return await self.posting.post(channel, thread, without_blocks(message), mark)

    async def edit(self, row: Outbox, channel: str, ts: str, message: Message) -> None:
        """Replace a message. Doing it twice is the same as doing it once, so there is nothing to look for."""
        with self.paced(UPDATE, channel):
            try:
                await self.posting.update(channel, ts, message, self._mark(row))
            except SlackRejected:
                await self.posting.update(channel, ts, without_blocks(message), self._mark(row))

    @contextmanager
    def paced(self, method: str, channel: str) -> Iterator[None]:
        """A call of this method inside the block counts, and a limit that it meets holds back the next ones."""
        self.pace.called(method, channel, self.clock())
        try:
            yield
        except SlackLimited as problem:
            if problem.not_before is not None:
                self.pace.limited(method, channel, problem.not_before)
            raise

    def _mark(self, row: Outbox) -> str:
        return self.marker(f"out{row.id}.{posts(row)}")
