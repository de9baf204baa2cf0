"""Scenario `feature` as a newcomer plays it: by clicking, from the page's suggestion to the merge."""

from __future__ import annotations

import re

from playwright.async_api import expect

from bot.configuration import read_running
from bot.home import Home
from tests.browser import browsing_at, complaints, in_browser
from tests.e2e.terminal import Terminal

#: What somebody who knows nothing of Waggle is promised: "PR ready" within three minutes.
PROMISED_MS = 180_000


@in_browser
async def test_a_newcomer_gets_from_the_suggestion_to_the_merge_by_clicking(terminal: Terminal) -> None:
    terminal.running()
    async with browsing_at(_address(terminal)) as page:
        await expect(page.locator("#help")).to_contain_text("From a sentence to a merged pull request")
        assert await complaints(page) == []
        await page.get_by_role("button", name="@waggle customers want CSV export of invoices").click()
        await page.keyboard.press("Enter")

        thread = page.locator("#replies")
        await expect(thread).to_contain_text("CSV", timeout=PROMISED_MS)
        assert await complaints(page) == []
        await thread.get_by_role("button", name="Approve plan").click(timeout=PROMISED_MS)
        await expect(thread).to_contain_text("PR ready", timeout=PROMISED_MS)
        assert await complaints(page) == []

        async with page.context.expect_page() as opened:
            await thread.get_by_role("link", name=re.compile("pull request|#1", re.IGNORECASE)).first.click()
        pull = await opened.value
        await expect(pull.get_by_role("heading", level=1)).to_contain_text("#1")
        assert await complaints(pull) == []
        await pull.get_by_role("button", name="Merge", exact=True).click()
        await expect(thread).to_contain_text("merged", timeout=PROMISED_MS)
    [task] = terminal.json("tasks")
    assert task["state"] == "merged"


def _address(terminal: Terminal) -> str:
    running = read_running(Home(terminal.home))
    assert running is not None
    return running.page_url
