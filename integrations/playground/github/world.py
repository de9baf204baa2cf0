"""The stand-in as a whole: its parts, built once, started and stopped with the server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

from integrations.playground.github.addresses import Addresses
from integrations.playground.github.apps import Apps
from integrations.playground.github.checks import merge_state, rollup
from integrations.playground.github.ci import CI
from integrations.playground.github.doorway import CallLog
from integrations.playground.github.faults import Faults
from integrations.playground.github.limits import Limits
from integrations.playground.github.mergeability import SETTLE_S, Mergeability
from integrations.playground.github.pull_requests import PullRequests
from integrations.playground.github.pushes import Pushes
from integrations.playground.github.records import Job, Pull
from integrations.playground.github.refusal import Refused
from integrations.playground.github.repositories import Repositories
from integrations.playground.github.reviews import Reviews
from integrations.playground.github.seeding import Seeding
from integrations.playground.github.store import Store
from integrations.playground.github.webhooks import Webhooks
from integrations.playground.place import Place

_LOG_TICKET_S = 60.0
logger = logging.getLogger(__name__)


class GitHubWorld:
    """One GitHub, with its memory below `place.home`.

    Parameters:
        place: where it lives, and whose token is accepted.
        clock: seconds since the epoch.
        settle_s: how long mergeability stays unknown after a push.
    """

    def __init__(self, place: Place, *, clock: Callable[[], float] = time.time, settle_s: float = SETTLE_S) -> None:
        place.home.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.clock = clock
        self.addresses = Addresses(place.url)
        self.store = Store(place.home / "github.sqlite3")
        self.repositories = Repositories(place.home / "github")
        self.ci = CI(self.store, self.repositories, place.home, clock, self._checked)
        self.mergeability = Mergeability(self.store, self.repositories, settle_s=settle_s, known=self._auto_merge)
        self.pushes = Pushes(self.store, self.repositories, self.ci, self.mergeability, clock)
        self.pulls = PullRequests(self.store, self.repositories, self.pushes, self.mergeability, clock)
        self.reviews = Reviews(self.store, self.repositories, clock)
        self.seeding = Seeding(self.store, self.repositories, self.pushes, clock)
        self.webhooks = Webhooks(self.store, self.addresses, clock)
        self.faults = Faults()
        self.limits = Limits(clock)
        self.apps = Apps(place, clock)
        self.log = CallLog(self.store, clock)
        self._background: set[asyncio.Task[None]] = set()
        self._log_tickets: dict[str, tuple[int, float]] = {}

    async def start(self, *, sample: bool = True) -> None:
        """Take up the work again. `sample`: make `acme/ledgerline` if it is not there."""
        self.ci.start()
        if sample:
            await self.seeding.sample()
        await self.pushes.settle_all()
        self.mergeability.start()

    async def stop(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.webhooks.stop()
        await self.mergeability.stop()
        await self.ci.stop()
        self.store.close()

    def fault(self, spec: Mapping[str, object]) -> None:
        """Trouble for the next calls; see `faults.py` for what can be asked.

        Raises:
            BadFault: with what is wrong.
        """
        self.faults.add(spec)

    def calls(self) -> list[dict[str, object]]:
        """Every call so far, oldest first: at, actor, method, path, query, operation, status, ms, body, performed."""
        return [asdict(record) for record in self.log.all()]

    def log_ticket(self, job: Job) -> str:
        """A secret that opens the log of one job for a minute, instead of a token."""
        now = self.clock()
        self._log_tickets = {name: held for name, held in self._log_tickets.items() if held[1] > now}
        ticket = secrets.token_urlsafe(24)
        self._log_tickets[ticket] = (job.id, now + _LOG_TICKET_S)
        return ticket

    def log_behind(self, job_id: int, ticket: str) -> Job | None:
        held = self._log_tickets.get(ticket)
        if held is None or held[0] != job_id or held[1] < self.clock():
            return None
        return self.store.get(Job, job_id)

    def _checked(self, job: Job) -> None:
        for pull in self.store.all(Pull, "slug=? AND head_sha=? AND state='open'", job.slug, job.sha):
            self._auto_merge(pull)

    def _auto_merge(self, pull: Pull) -> None:
        if not (pull.auto_merge_by and pull.is_open):
            return
        state = merge_state(pull, self.pulls.repo(pull.slug), rollup(self.store, pull.slug, pull.head_sha))
        if state in ("CLEAN", "UNSTABLE"):
            task = asyncio.create_task(self._merge_by_itself(pull))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _merge_by_itself(self, pull: Pull) -> None:
        try:
            await self.pulls.merge(pull, pull.auto_merge_by, method=pull.auto_merge_method.lower() or "merge")
        except Refused as refused:
            logger.info("auto-merge of %s#%s waits: %s", pull.slug, pull.number, refused.message)
