"""The stand-in as a whole: its parts, built once, started and stopped with the server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from integrations.playground.place import Place
from integrations.playground.slack import faults
from integrations.playground.slack.acting import Acting
from integrations.playground.slack.call_log import CallLog
from integrations.playground.slack.channels import Channels
from integrations.playground.slack.deliveries import Deliveries, Patience
from integrations.playground.slack.faults import Faults
from integrations.playground.slack.files import Files
from integrations.playground.slack.filling import Filling
from integrations.playground.slack.forms import Forms
from integrations.playground.slack.limits import Limits
from integrations.playground.slack.live import Live
from integrations.playground.slack.messages import Messages, Timestamps
from integrations.playground.slack.methods.chat import Chat
from integrations.playground.slack.methods.conversations import Conversations
from integrations.playground.slack.methods.files import FileMethods
from integrations.playground.slack.methods.reactions import Reactions
from integrations.playground.slack.methods.views import Views
from integrations.playground.slack.methods.workspace import Workspace
from integrations.playground.slack.posting import Posting
from integrations.playground.slack.reading import Reading
from integrations.playground.slack.response_urls import ResponseUrls
from integrations.playground.slack.seeding import seed
from integrations.playground.slack.socket_mode import SocketMode
from integrations.playground.slack.store import Json, Store
from integrations.playground.slack.triggers import Triggers
from integrations.playground.slack.web_api import WebApi

SAMPLE = Path(__file__).parents[1] / "sample" / "workspace.json"


class SlackWorld:
    """One workspace, with its memory below `place.home`.

    Parameters:
        place: where it lives, and whose tokens are accepted.
        clock: seconds since the epoch.
        sample: the file that an empty workspace is filled from.
    """

    def __init__(self, place: Place, *, clock: Callable[[], float] = time.time, sample: Path = SAMPLE) -> None:
        place.home.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.clock = clock
        self.store = Store(place.home / "slack.sqlite3")
        self.channels = Channels(self.store)
        self.messages = Messages(self.store)
        self.files = Files(self.store, place.home / "slack-files")
        self.forms = Forms(self.store, clock)
        seed(self.store, self.channels, self.messages, sample, clock)
        self.live = Live()
        self.patience = Patience()
        self.deliveries = Deliveries(self.store, clock, self.patience)
        self.sockets = SocketMode(self.deliveries, clock, lambda: self.live.tell({"type": "connection"}))
        self.reading = Reading(self.messages, self.files, place.url)
        self.triggers = Triggers(clock)
        self.faults = Faults()
        self.limits = Limits(clock)
        self.log = CallLog(self.store)
        self.posting = Posting(
            self.store,
            self.channels,
            self.messages,
            self.files,
            Timestamps(self.store, clock),
            self.sockets,
            self.live,
            place.url,
        )
        self.responses = ResponseUrls(self.store, self.messages, self.posting, place.url, clock)
        self.acting = Acting(
            self.channels,
            self.messages,
            self.files,
            self.forms,
            self.posting,
            self.sockets,
            self.triggers,
            self.responses,
            clock,
        )
        self.filling = Filling(self.forms, self.posting, self.sockets, self.triggers, self.live)
        self._upload_tickets: dict[str, str] = {}
        self.api = self._web_api()

    def _web_api(self) -> WebApi:
        url = self.place.url
        chat = Chat(self.channels, self.messages, self.posting, url)
        conversations = Conversations(self.channels, self.reading, self.posting, chat, self.clock)
        families = (
            chat,
            conversations,
            Reactions(self.channels, self.messages, self.posting, self.reading, chat),
            Views(self.forms, self.triggers, self.live),
            FileMethods(self.files, self.posting, chat, url, self.upload_ticket, self.clock),
            Workspace(url, self.sockets.ticket),
        )
        methods = {name: method for family in families for name, method in family.methods().items()}
        return WebApi(self.place, methods, self.faults, self.limits, self.log, self.clock)

    def start(self) -> None:
        self.sockets.start()

    async def say_goodbye(self) -> None:
        """End what never ends by itself, so that the server can: event streams and sockets."""
        self.live.closing.set()
        await self.sockets.stop()

    async def stop(self) -> None:
        self.store.close()

    def fault(self, spec: Mapping[str, object]) -> None:
        """Trouble for what comes; see `faults.py` for what can be asked.

        Raises:
            BadFault: with what is wrong.
        """
        change = faults.read(spec)
        if change.clear:
            self._clear_faults()
        if change.fault is not None:
            self.faults.append(change.fault)
        if change.silent_s is not None:
            self.api.silent_until = self.clock() + change.silent_s
        if change.latency_s is not None:
            self.api.latency_s = change.latency_s
        self.sockets.copies = change.copies or self.sockets.copies
        self.patience.ack_s = change.ack_s or self.patience.ack_s
        if change.redelivery_s is not None:
            self.patience.redelivery_s = change.redelivery_s
        if change.strict_limits is not None:
            self.limits.strict = change.strict_limits
        if change.socket == "cut":
            self.sockets.cut()
        elif change.socket:
            self.sockets.send_away(change.socket)

    def calls(self) -> list[Json]:
        """Every Web API call so far, oldest first: at, method, args, status, ok, error, performed, ms, result."""
        return self.log.all()

    def sent(self) -> list[Json]:
        """Every delivery to the app, oldest first, with its attempts and what became of it."""
        return [asdict(envelope) for envelope in self.deliveries.all()]

    def upload_ticket(self, file_id: str) -> str:
        ticket = secrets.token_urlsafe(24)
        self._upload_tickets[ticket] = file_id
        return ticket

    def file_behind(self, ticket: str) -> str:
        """The id of the file whose bytes this ticket takes, once; empty when it takes none."""
        return self._upload_tickets.pop(ticket, "")

    def _clear_faults(self) -> None:
        fresh = Patience()
        self.faults.clear()
        self.api.latency_s = self.api.silent_until = 0.0
        self.sockets.copies = 1
        self.limits.strict = False
        self.patience.ack_s, self.patience.redelivery_s = fresh.ack_s, fresh.redelivery_s
