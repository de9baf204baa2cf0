"""The playground as a process: found again, started once, killed without loss."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from integrations.playground.lock import is_held, read_address, running
from integrations.playground.place import Place
from integrations.playground.start import PlaygroundError, ensure_playground, stop_playground
from integrations.playground.visitor import Refused, Visitor
from tests.integration.playground_slack_world import PRODUCT, until


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "playground"
    stop_playground(tmp_path / "playground")


def kill(home: Path) -> None:
    """End the process without a word, and wait until the system has let go of its lock."""
    found = running(home)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    os.waitpid(found.pid, 0)
    assert not is_held(home)


def playgrounds(home: Path) -> set[int]:
    """The processes that serve a home, or are about to."""
    alive = psutil.process_iter(["cmdline"])
    return {one.pid for one in alive if {"integrations.playground", str(home)} <= set(one.info["cmdline"] or ())}


async def start(home: Path, port: int | None = None) -> Place:
    return await asyncio.to_thread(ensure_playground, home, port)


async def test_it_is_started_once_and_found_again(home: Path) -> None:
    first, second = await asyncio.gather(start(home), start(home))
    assert first == second
    assert await start(home) == first
    address = home / "playground.json"
    assert address.stat().st_mode & 0o777 == 0o600
    written = json.loads(address.read_text())
    assert (written["url"], written["page_url"]) == (first.url, first.page_url)


async def test_of_two_that_start_at_once_one_is_left(home: Path) -> None:
    await asyncio.gather(start(home), start(home))
    found = running(home)
    assert found is not None
    assert playgrounds(home) == {found.pid}


async def test_a_second_process_on_the_same_home_says_where_the_first_is(home: Path) -> None:
    place = await start(home)
    argv = [sys.executable, "-m", "integrations.playground", "--home", str(home)]
    second = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=30)
    assert second.returncode == 3
    assert place.page_url in second.stderr


async def test_a_port_in_use_is_named(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PlaygroundError, match=f"Port {port} is in use"):
            await start(home, port)
    place = await start(home, port)
    assert place.url.endswith(f":{port}")
    with pytest.raises(PlaygroundError, match=f"already listens on {place.url}"):
        await start(home, port + 1)


async def test_a_kill_loses_nothing(home: Path) -> None:
    before = await start(home)
    async with Visitor(before.page_url) as visitor:
        ts = await visitor.say(PRODUCT, "@waggle remember this")
        await visitor.react(PRODUCT, ts, "eyes")
    client = AsyncWebClient(token=before.slack_bot_token, base_url=before.slack_api_url)
    card = str((await client.chat_postMessage(channel=PRODUCT, text="card", thread_ts=ts))["ts"])
    await asyncio.to_thread(kill, home)
    after = await start(home)
    assert (after.url, after.slack_bot_token, after.github_token) == (
        before.url,
        before.slack_bot_token,
        before.github_token,
    )
    assert after.page_token != before.page_token
    async with Visitor(after.page_url) as visitor:
        thread = await visitor.thread(PRODUCT, ts)
        assert [one["ts"] for one in thread] == [ts, card]
        assert thread[0]["reactions"][0]["name"] == "eyes"
        assert [one["state"] for one in await visitor.deliveries()] == ["waiting"] * 4
        later = await visitor.say(PRODUCT, "later")
        assert later > card
    async with Visitor(before.page_url) as stale:
        with pytest.raises(Refused, match="changes at each start"):
            await stale.messages(PRODUCT)


async def test_it_outlives_whoever_started_it_and_ends_when_told(home: Path) -> None:
    code = (
        "from pathlib import Path; from integrations.playground.start import ensure_playground;"
        f"ensure_playground(Path({str(home)!r}))"
    )
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await starter.wait() == 0
    found = running(home)
    assert found is not None
    assert os.getsid(found.pid) == found.pid
    assert await asyncio.to_thread(stop_playground, home)
    await until(lambda: not is_held(home), "the lock is free")
    assert not await asyncio.to_thread(stop_playground, home)
    assert read_address(home) is not None


async def test_an_address_that_cannot_be_read_is_no_address(tmp_path: Path) -> None:
    assert read_address(tmp_path) is None
    (tmp_path / "playground.json").write_text("{")
    assert read_address(tmp_path) is None
    assert running(tmp_path) is None
