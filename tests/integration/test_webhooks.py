"""Webhooks: a signed delivery makes Waggle look at once; nothing else that arrives does anything."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from bot.app import find_services
from bot.configuration import Running, write_running
from bot.doctor.check import Surroundings
from bot.doctor.webhooks import webhooks as examined
from bot.home import Home
from bot.settings import Settings
from integrations.github.webhooks import LARGEST_BODY, PATH, WAKING, Webhooks
from scheduler.lifecycle import TaskState
from scheduler.registry import PullRequest, Task
from tests.bench.quiet import quiet_home, verifying
from tests.bench.thousand import open_pulls
from tests.integration.github_world import playground

SECRET = "a secret that nobody guesses"
BODY = b'{"action": "closed", "pull_request": {"merged": true}}'


class Door:
    """A receiver, the times that it woke somebody, and GitHub before it."""

    def __init__(self) -> None:
        self.woken = 0
        self.webhooks = Webhooks(SECRET, self._wake)
        self.port = 0

    def _wake(self) -> None:
        self.woken += 1

    async def deliver(
        self,
        body: bytes = BODY,
        *,
        secret: str = SECRET,
        event: str = "pull_request",
        delivery: str = "d-1",
        **other: str,
    ) -> int:
        signature = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        headers = {"X-Hub-Signature-256": signature, "X-GitHub-Event": event, "X-GitHub-Delivery": delivery} | other
        headers = {name: value for name, value in headers.items() if value}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{self.port}{PATH}", data=body, headers=headers) as answer,
        ):
            return answer.status


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    made = Door()
    made.port = await made.webhooks.start("127.0.0.1", 0)
    yield made
    await made.webhooks.stop()


@pytest.mark.parametrize("event", sorted(WAKING))
async def test_what_a_look_would_see_wakes(door: Door, event: str) -> None:
    assert await door.deliver(event=event) == 202
    assert door.woken == 1


async def test_a_delivery_that_comes_again_wakes_nobody(door: Door) -> None:
    said = [await door.deliver(delivery=one) for one in ("d-1", "d-1", "d-2", "d-1")]
    assert (said, door.woken) == ([202, 200, 202, 200], 2)


@pytest.mark.parametrize("event", ["ping", "star", "pull_request_target_of_the_future"])
async def test_what_no_look_would_see_wakes_nobody(door: Door, event: str) -> None:
    assert await door.deliver(event=event) == 200
    assert door.woken == 0


async def test_what_our_secret_did_not_sign_is_refused(door: Door) -> None:
    good = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    said = [
        await door.deliver(secret="another one"),
        await door.deliver(**{"X-Hub-Signature-256": ""}),
        await door.deliver(**{"X-Hub-Signature-256": good}),
        await door.deliver(**{"X-Hub-Signature-256": f"sha1={good[:40]}"}),
        await door.deliver(BODY + b" ", **{"X-Hub-Signature-256": f"sha256={good}"}),
        await door.deliver(**{"X-Hub-Signature-256": "sha256=ü"}),
    ]
    assert said == [401] * 6
    assert await door.deliver() == 202, "a refused one does not use up its delivery's name"
    assert door.woken == 1


async def test_a_signed_one_without_a_name_is_refused(door: Door) -> None:
    assert [await door.deliver(delivery=""), await door.deliver(event="")] == [400, 400]
    assert door.woken == 0


async def test_a_huge_body_is_refused_before_it_is_read(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST_BODY + 1}\r\n\r\n".encode())
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_body_that_does_not_come_is_not_waited_for(door: Door) -> None:
    impatient = Webhooks(SECRET, door._wake, read_s=0.05)
    port = await impatient.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf".encode())
    assert b" 408 " in await reader.readline()
    writer.close()
    await impatient.stop()


async def test_a_huge_body_that_does_not_say_its_size_is_refused_too(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_BODY // 2**20 + 1):
            yield bytes(2**20)

    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(f"http://127.0.0.1:{door.port}{PATH}", data=endless()) as answer:
                said = answer.status
        except aiohttp.ClientError:
            said = 413  # it hung up while we still spoke
    assert (said, door.woken) == (413, 0)


async def test_only_deliveries_are_heard(door: Door) -> None:
    async with aiohttp.ClientSession() as session:
        said = []
        for method, path in (("GET", PATH), ("POST", "/"), ("GET", "/")):
            async with session.request(method, f"http://127.0.0.1:{door.port}{path}") as answer:
                said.append(answer.status)
    assert said == [405, 404, 404]


def test_an_empty_secret_is_none() -> None:
    with pytest.raises(ValueError, match="empty secret"):
        Webhooks("", lambda: None)


def surroundings(home: Path, port: int) -> Surroundings:
    settings = Settings.isolated(home)
    chosen = {"webhook_secret": SecretStr(SECRET), "webhook_listen": f"127.0.0.1:{port}"} if port else {}
    settings = replace(settings, github=settings.github.model_copy(update=chosen))
    Home(home).prepare()
    return Surroundings(settings, Home(home), find_services(settings), None, None)


async def test_the_doctor_says_whether_webhooks_are_heard(door: Door, tmp_path: Path) -> None:
    def say(port: int) -> tuple[bool, str]:
        (line,) = examined(surroundings(tmp_path, port))
        return line.ok, line.detail

    assert await asyncio.to_thread(say, 0) == (True, "off: GitHub is looked at once a tick, which is enough")
    assert await asyncio.to_thread(say, door.port) == (True, f"heard at http://127.0.0.1:{door.port}{PATH}")
    await door.webhooks.stop()
    silent = f"nothing listens at http://127.0.0.1:{door.port}{PATH}"
    assert await asyncio.to_thread(say, door.port) == (True, f"{silent}; `waggle run` does")
    write_running(Home(tmp_path), Running(1, tmp_path / "waggle.toml", ""))
    assert await asyncio.to_thread(say, door.port) == (False, silent)


async def test_a_merge_is_noticed_at_once_between_two_ticks_that_are_an_hour_apart(tmp_path: Path) -> None:
    with playground(tmp_path) as github:
        github.act(lambda world: world.seeding.sample())
        pulls = open_pulls(github.place, tmp_path, verifying(1))
        ((task_id, pull),) = pulls.items()
        quiet = quiet_home(tmp_path / "waggle", github.place, pulls)
        loop = quiet.loop
        webhooks = Webhooks(SECRET, loop.supervisor.nudge)
        try:
            await quiet.settle()
            port = await webhooks.start("127.0.0.1", 0)
            await loop.supervisor.start()
            await loop.supervisor.caught_up(30)
            (row,) = await loop.rows(PullRequest)
            async with aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {github.place.github_token}"}
            ) as session:
                wish = {
                    "config": {"url": f"http://127.0.0.1:{port}{PATH}", "secret": SECRET},
                    "events": ["pull_request"],
                }
                async with session.post(f"{github.place.github_api_url}/repos/{row.repo}/hooks", json=wish) as answer:
                    assert answer.status == 201

            def merge(world):  # type: ignore[no-untyped-def]
                return world.pulls.merge(world.pulls.find(row.repo, pull.number), "ana", bypass=True)

            await asyncio.to_thread(github.act, merge)

            async with asyncio.timeout(20):
                while (await loop.rows(Task, id=task_id))[0].state is not TaskState.MERGED:
                    await asyncio.sleep(0.05)
        finally:
            await webhooks.stop()
            await loop.supervisor.stop()
            quiet.close()
