"""A headless Chromium for tests, and what every page of the playground owes to people who see or press less."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--no-first-run", "--disable-sync"),
)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@asynccontextmanager
async def browsing_at(url: str, timeout_ms: float = 10_000) -> AsyncIterator[Page]:
    """A browser that has opened `url`; any error in a page of it fails the test."""
    problems: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = await browser.new_context(viewport={"width": 1360, "height": 860})
        context.set_default_timeout(timeout_ms)
        _watch(context, problems)
        page = await context.new_page()
        await page.goto(url)
        try:
            yield page
        finally:
            await browser.close()
    assert problems == []


def _watch(context: BrowserContext, problems: list[str]) -> None:
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda line: problems.append(line.text) if _is_problem(line) else None)


def _is_problem(line: ConsoleMessage) -> bool:
    """A refused request is no problem of the page: it shows the sentence that came with it."""
    return line.type == "error" and not line.text.startswith("Failed to load resource")


async def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """Reach a control as somebody does who has no mouse."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached within {most} tabs")


_AUDIT = Path(__file__).with_name("accessibility.js").read_text(encoding="utf-8")


async def complaints(page: Page) -> list[str]:
    """What of names, pictures, ids and contrast is wrong with what is shown now, by day and after dark."""
    found: list[Any] = []
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal either way
        found += [f"{scheme}: {one}" for one in await page.evaluate(_AUDIT)]
    return found
