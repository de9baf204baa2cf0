"""Webhooks: whoever asked hears what happens in a repository, signed, once and never again, as on GitHub."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from integrations.playground.github.addresses import Addresses
from integrations.playground.github.doorway import Answer, Call, Doorway
from integrations.playground.github.records import Branch, Comment, Hook, Job, Pull, Record, Repo, Review, Status
from integrations.playground.github.refusal import invalid, not_found
from integrations.playground.github.shapes import Json, Shapes, moment
from integrations.playground.github.shapes_checks import CheckShapes
from integrations.playground.github.store import Store

_ANSWER_S = 10.0  #: as long as GitHub waits
_LOCAL = {"127.0.0.1", "localhost", "::1"}
logger = logging.getLogger(__name__)


class Webhooks:
    """Turns changes of the memory into deliveries. One that is refused or lost is not sent again."""

    def __init__(self, store: Store, addresses: Addresses, clock: Callable[[], float]) -> None:
        self._store = store
        self._shapes = Shapes(addresses)
        self._clock = clock
        self._hooks = store.all(Hook)
        self._sending: set[asyncio.Task[None]] = set()
        store.told = self.hear

    async def stop(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def add(self, slug: str, url: str, secret: str, events: tuple[str, ...], *, active: bool) -> Hook:
        """Somebody wants to be told. GitHub says `ping` to it at once."""
        hook = self._store.add(Hook(slug, url, secret, events, active, self._clock()))
        self._hooks.append(hook)
        self._send(hook, "ping", {"zen": "Keep it logically awesome.", "hook_id": hook.id, "hook": self.shape(hook)})
        return hook

    def of(self, slug: str) -> list[Hook]:
        return [hook for hook in self._hooks if hook.slug.lower() == slug.lower()]

    def remove(self, hook: Hook) -> None:
        self._store.remove(hook)
        self._hooks.remove(hook)

    def shape(self, hook: Hook) -> Json:
        url = f"{self._shapes.at.api}/repos/{hook.slug}/hooks/{hook.id}"
        config = {"url": hook.url, "content_type": "json", "insecure_ssl": "0"}
        return {
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": hook.active,
            "events": list(hook.events),
            "config": config | ({"secret": "********"} if hook.secret else {}),
            "url": url,
            "ping_url": f"{url}/pings",
            "created_at": moment(hook.created_at),
            "updated_at": moment(hook.created_at),
        }

    def hear(self, before: Record | None, after: Record) -> None:
        """Something was added or changed."""
        if not self._hooks:
            return
        for slug, event, payload in self._events(before, after):
            repo = self._store.first(Repo, "slug=?", slug)
            if repo is None:
                continue
            whole = payload | {"repository": self._shapes.repo(repo)}
            for hook in self.of(slug):
                if hook.active and {"*", event} & set(hook.events):
                    self._send(hook, event, whole)

    def _events(self, before: Record | None, after: Record) -> Iterator[tuple[str, str, Json]]:
        """(repository, event, what it says) of each thing that GitHub tells about a change."""
        if isinstance(after, Pull) and (before is None or isinstance(before, Pull)):
            repo = self._store.first(Repo, "slug=?", after.slug)
            if repo is None:
                return
            for action in _pull_actions(before, after):
                pull = self._shapes.pull(after, repo, more={"merged": after.merged})
                said = {"action": action, "number": after.number, "pull_request": pull}
                yield after.slug, "pull_request", said | {"sender": self._shapes.user(after.merged_by or after.author)}
        elif isinstance(after, Comment | Review) and (pull_of := self._store.get(Pull, after.pull_id)) is not None:
            sender = {"sender": self._shapes.user(after.author)}
            if isinstance(after, Comment):
                said = {"action": "edited" if before else "created", "issue": {"number": pull_of.number}}
                yield pull_of.slug, "issue_comment", said | {"comment": self._shapes.comment(after, pull_of)} | sender
            else:
                said = {"action": "dismissed" if before else "submitted"}
                review = {"review": self._shapes.review(after, pull_of)}
                yield pull_of.slug, "pull_request_review", said | review | sender
        elif isinstance(after, Job) and (before is None or (isinstance(before, Job) and before.status != after.status)):
            if after.status in ("queued", "completed"):
                check = CheckShapes(self._shapes).check_run(after, 0)
                action = "created" if after.status == "queued" else "completed"
                yield after.slug, "check_run", {"action": action, "check_run": check}
        elif isinstance(after, Status) and before is None:
            yield after.slug, "status", {"sha": after.sha, **CheckShapes(self._shapes).status(after)}
        elif isinstance(after, Branch) and (before is None or isinstance(before, Branch)):
            old = before.sha if before else "0" * 40
            yield after.slug, "push", {"ref": f"refs/heads/{after.name}", "before": old, "after": after.sha}

    def _send(self, hook: Hook, event: str, payload: Json) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(hook, event, json.dumps(payload).encode()))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, hook: Hook, event: str, body: bytes) -> None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/playground",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-GitHub-Hook-ID": str(hook.id),
        }
        if hook.secret:
            signature = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature-256"] = f"sha256={signature}"
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(hook.url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                logger.info("webhook %s of %s: %s", event, hook.slug, answer.status)
        except (aiohttp.ClientError, TimeoutError) as problem:
            logger.info("webhook %s of %s was lost: %r", event, hook.slug, problem)


def _pull_actions(before: Pull | None, after: Pull) -> Iterator[str]:
    if before is None:
        yield "opened"
        return
    if before.state != after.state:
        yield "closed" if after.state == "closed" else "reopened"
    if before.head_sha != after.head_sha:
        yield "synchronize"
    if before.draft != after.draft:
        yield "converted_to_draft" if after.draft else "ready_for_review"
    if (before.title, before.body, before.base_branch) != (after.title, after.body, after.base_branch):
        yield "edited"
    if before.labels != after.labels:
        yield "labeled" if len(after.labels) > len(before.labels) else "unlabeled"


class HookCalls:
    """REST: repository webhooks. Only this machine can be told: a playground sends nothing elsewhere."""

    def __init__(self, webhooks: Webhooks, repo: Callable[[str], Repo]) -> None:
        self._webhooks = webhooks
        self._repo = repo

    async def list(self, call: Call) -> Answer:
        return Answer([self._webhooks.shape(hook) for hook in self._webhooks.of(self._repo(call.slug).slug)])

    async def create(self, call: Call) -> Answer:
        repo, config = self._repo(call.slug), call.body.get("config")
        url = config.get("url") if isinstance(config, dict) else None
        if not isinstance(config, dict) or not isinstance(url, str):
            raise invalid("Hook", "url is missing", field="url", code="missing_field")
        if urlsplit(url).hostname not in _LOCAL:
            raise invalid("Hook", f"url is not supported: the playground tells this machine only, not {url}")
        if any(hook.url == url for hook in self._webhooks.of(repo.slug)):
            raise invalid("Hook", "Hook already exists on this repository")
        events = call.body.get("events") or ["push"]
        wanted = tuple(str(one) for one in events) if isinstance(events, list) else ("push",)
        active = call.body.get("active") is not False
        hook = self._webhooks.add(repo.slug, url, str(config.get("secret") or ""), wanted, active=active)
        return Answer(self._webhooks.shape(hook), 201)

    async def delete(self, call: Call) -> Answer:
        for hook in self._webhooks.of(self._repo(call.slug).slug):
            if hook.id == call.number("id"):
                self._webhooks.remove(hook)
                return Answer(None, 204)
        raise not_found()


def add_routes(
    app: web.Application, doorway: Doorway, webhooks: Webhooks, repo: Callable[[str], Repo], api: str
) -> None:
    calls = HookCalls(webhooks, repo)
    hooks = f"{api}/repos/{{owner}}/{{name}}/hooks"
    app.add_routes(
        [
            web.get(hooks, doorway.rest(calls.list), allow_head=False),
            web.post(hooks, doorway.rest(calls.create)),
            web.delete(f"{hooks}/{{id:\\d+}}", doorway.rest(calls.delete)),
        ]
    )
