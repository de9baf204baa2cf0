"""A person at the page, for demos and tests: the same calls that the page makes, with its token."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from integrations.fault import IntegrationError
from integrations.playground.github.visiting import GitHubVisitor

T = TypeVar("T")
_APPLICATION_S = 90.0  #: a whole application is started, visited and ended
Message = dict[str, Any]
"""A message as Slack's Web API gives it; with `metadata`, and `subtype: ephemeral` for what one person sees."""


class Refused(IntegrationError):
    """The page did not do it. `status` is 400 for what cannot be done, 504 when Waggle did not answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Visitor(GitHubVisitor):
    """Acts as ana, ben or support.

        async with Visitor(page_url) as visitor:
            ts = await visitor.say("C0PRODUCT", "@waggle customers want CSV export of invoices")

    Channels go by id or name, people by id. What only exists in the page (files, forms, reactions) is here too.

    Parameters:
        page_url: the address with the token, as `Place.page_url`.
        timeout_s: for each call.
    """

    def __init__(self, page_url: str, *, timeout_s: float = 20.0) -> None:
        parts = urlsplit(page_url)
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._token = parse_qs(parts.query).get("token", [""])[0]
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Visitor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def page_call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call the page's API and return the JSON of the answer.

        Raises:
            Refused: with the page's sentence.
        """
        async with self._http().request(method, self.url + path, json=body) as response:
            return await _read(response)

    async def say(self, channel: str, text: str, thread_ts: str | None = None, user: str = "U0ANA") -> str:
        """Write a message, or a reply, and return its ts. `@waggle` in it becomes a mention."""
        body = {"channel": channel, "text": text, "thread_ts": thread_ts or "", "user": user}
        answer = await self.page_call("POST", "/page/say", body)
        return str(answer["ts"])

    async def slash(self, text: str, channel: str = "C0PRODUCT", user: str = "U0ANA") -> str:
        """Give a command such as `/waggle status` and return what was answered at once; empty when nothing was."""
        answer = await self.page_call("POST", "/page/slash", {"channel": channel, "text": text, "user": user})
        return str(answer["text"])

    async def click(self, channel: str, ts: str, action_id: str, user: str = "U0ANA", choice: str = "") -> str:
        """Press a button of a message, or choose `choice` in a menu; returns what was answered at once."""
        body = {"channel": channel, "ts": ts, "action_id": action_id, "user": user, "choice": choice}
        answer = await self.page_call("POST", "/page/click", body)
        return str(answer["text"])

    async def views(self, user: str = "U0ANA") -> list[Message]:
        """The forms that are open for a person, the topmost last."""
        state = await self.state(user)
        found: list[Message] = state["views"]
        return found

    async def submit(self, view_id: str, values: Mapping[str, object], user: str = "U0ANA") -> dict[str, str]:
        """Send a form, filled by block id; returns what is wrong with which block, nothing when it was taken."""
        body = {"view_id": view_id, "values": dict(values), "user": user}
        answer = await self.page_call("POST", "/page/submit", body)
        errors: dict[str, str] = answer["errors"]
        return errors

    async def close_view(self, view_id: str, user: str = "U0ANA") -> None:
        await self.page_call("POST", "/page/close", {"view_id": view_id, "user": user})

    async def react(self, channel: str, ts: str, name: str, user: str = "U0ANA", *, on: bool = True) -> None:
        await self.page_call(
            "POST", "/page/react", {"channel": channel, "ts": ts, "name": name, "user": user, "on": on}
        )

    async def edit(self, channel: str, ts: str, text: str, user: str = "U0ANA") -> None:
        await self.page_call("POST", "/page/edit", {"channel": channel, "ts": ts, "text": text, "user": user})

    async def delete(self, channel: str, ts: str, user: str = "U0ANA") -> None:
        await self.page_call("POST", "/page/delete", {"channel": channel, "ts": ts, "user": user})

    async def upload(
        self,
        channel: str,
        name: str,
        content: bytes,
        text: str = "",
        thread_ts: str | None = None,
        user: str = "U0ANA",
    ) -> str:
        """Share a file and return the message's ts."""
        form = aiohttp.FormData({"channel": channel, "text": text, "thread_ts": thread_ts or "", "user": user})
        form.add_field("file", content, filename=name)
        async with self._http().post(f"{self.url}/page/upload", data=form) as response:
            answer = await _read(response)
        return str(answer["ts"])

    async def open_home(self, user: str = "U0ANA", tab: str = "home") -> None:
        await self.page_call("POST", "/page/home", {"user": user, "tab": tab})

    async def arrange(self, channel: str, do: str, user: str = "U0ANA") -> None:
        """Change a channel: `archive`, `unarchive`, `invite_waggle`, `remove_waggle`."""
        await self.page_call("POST", "/page/channel", {"channel": channel, "do": do, "user": user})

    async def state(self, user: str = "U0ANA") -> dict[str, Any]:
        """Channels, people, open forms, the Home tab, and whether Waggle is connected."""
        found: dict[str, Any] = await self.page_call("GET", "/page/state?" + urlencode({"user": user}))
        return found

    async def messages(self, channel: str, user: str = "U0ANA") -> list[Message]:
        """The channel, oldest first, with what only this person sees."""
        answer = await self.page_call("GET", "/page/messages?" + urlencode({"channel": channel, "user": user}))
        found: list[Message] = answer["messages"]
        return found

    async def thread(self, channel: str, ts: str, user: str = "U0ANA") -> list[Message]:
        """The root and its replies; empty when there is no such message."""
        query = urlencode({"channel": channel, "ts": ts, "user": user})
        answer = await self.page_call("GET", f"/page/thread?{query}")
        found: list[Message] = answer["messages"]
        return found

    async def ephemerals(self, user: str = "U0ANA") -> list[Message]:
        answer = await self.page_call("GET", "/page/whispers?" + urlencode({"user": user}))
        found: list[Message] = answer["messages"]
        return found

    async def fault(self, service: str, spec: Mapping[str, object]) -> None:
        """Trouble for a service: `slack`, `github`, `models` or `sentry`; their `faults.py` say what can be asked.

        Raises:
            Refused: the description makes no sense.
        """
        await self.page_call("POST", "/page/fault", {"service": service, "spec": dict(spec)})

    async def calls(self, service: str) -> list[dict[str, Any]]:
        """The playground's own log of every API call it was sent, oldest first."""
        answer = await self.page_call("GET", "/page/calls?" + urlencode({"service": service}))
        found: list[dict[str, Any]] = answer["calls"]
        return found

    async def cause_error(self, visitors: int = 5) -> int:
        """Have people meet the bug of the sample application as it is on its main branch; how many met an error."""
        url, patience = f"{self.url}/page/sentry/cause", aiohttp.ClientTimeout(total=_APPLICATION_S)
        async with self._http().post(url, json={"visitors": visitors}, timeout=patience) as response:
            answer = await _read(response)
        return int(answer["failed"])

    async def deliveries(self) -> list[dict[str, Any]]:
        """Every envelope for the app, oldest first: id, kind, payload, state, attempt, created, sent, acked."""
        answer = await self.page_call("GET", "/page/deliveries")
        found: list[dict[str, Any]] = answer["deliveries"]
        return found

    async def wait_for(
        self,
        predicate: Callable[[], T | Awaitable[T]],
        timeout: float = 30.0,
        *,
        every: float = 0.05,
        what: str = "what was waited for",
    ) -> T:
        """Ask until the predicate gives something true, and return that.

        Parameters:
            timeout, every: seconds.
            what: named in the error.

        Raises:
            TimeoutError: it did not happen in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            outcome = predicate()
            found: T = await outcome if isawaitable(outcome) else outcome
            if found:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {timeout:g} s")
            await asyncio.sleep(every)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"X-Page-Token": self._token}, timeout=self._timeout, trust_env=False
            )
        return self._session


def text_of(message: Message) -> str:
    """All that a message says: its text, and the texts in its blocks, one a line."""
    found = [str(message.get("text") or "")]
    found += _texts(message.get("blocks") or [])
    return "\n".join(line for line in found if line)


def button_ids(message: Message) -> list[str]:
    """What can be pressed in a message."""
    blocks: Sequence[Message] = message.get("blocks") or []
    elements = [element for block in blocks for element in [*block.get("elements", ()), block.get("accessory") or {}]]
    return [str(element["action_id"]) for element in elements if isinstance(element, dict) and "action_id" in element]


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if not isinstance(value, dict):
        return []
    found = [value["text"]] if isinstance(value.get("text"), str) else []
    return found + [text for name, one in value.items() if name != "confirm" for text in _texts(one)]


async def _read(response: aiohttp.ClientResponse) -> Any:
    raw = await response.text()
    try:
        answer = json.loads(raw)
    except ValueError:
        answer = {"error": raw[:500]}
    if response.status != 200:
        said = answer.get("error") if isinstance(answer, dict) else raw[:500]
        raise Refused(str(said or f"HTTP {response.status}"), response.status)
    return answer
