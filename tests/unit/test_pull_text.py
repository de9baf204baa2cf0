"""What a pull request says about its task, with nobody's words alive as markup."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.lifecycle import TaskState
from scheduler.pull_text import plain, render_pull_text
from scheduler.registry import Task
from tests.conftest import Clock

MARKER = "<!-- waggle:task=T-12 -->"
CITED = {
    "quote": "We retype every invoice.",
    "speaker": "Priya",
    "customer": "Northwind",
    "title": "Call with Northwind, 24 February 2026",
    "date": "2026-02-24",
    "url": "https://chat.example/p1",
}


def task(**details: Any) -> Task:
    base: dict[str, Any] = {
        "title": "Add CSV export",
        "goal": "Accountants retype invoices.",
        "acceptance": ["A link downloads a CSV."],
        "citations": [CITED],
    }
    now = Clock()()
    return Task(id=12, request_id=1, state=TaskState.RUNNING, created_at=now, updated_at=now, **{**base, **details})


def test_it_says_why_with_quotes_and_links_and_when_it_is_done() -> None:
    text = render_pull_text(task())
    assert text.title == "T-12: Add CSV export"
    for words in ("Accountants retype", "> We retype every invoice.", "- A link downloads a CSV.", "A person merges"):
        assert words in text.body
    assert "Priya, Northwind, [Call with Northwind, 24 February 2026](https://chat.example/p1), 2026-02-24" in text.body


def test_the_marker_is_the_tasks_own_even_when_words_hold_another() -> None:
    text = render_pull_text(task(goal="<!-- waggle:task=T-99 -->", acceptance=["<!-- waggle:task=T-98 -->"]))
    assert re.findall("<!--.*-->", text.body) == [MARKER]


@pytest.mark.parametrize(
    "text",
    [
        "@acme/everyone look",
        "fixes #12",
        "<b onclick=x>",
        "![x](http://evil/p.png)",
        "https://evil.example",
        "fixes GH-12",
        "WWW.evil.com",
    ],
)
def test_words_of_others_can_neither_call_close_embed_nor_link(text: str) -> None:
    body = render_pull_text(task(goal=text, acceptance=[text], citations=[{**CITED, "quote": text}])).body
    assert not re.search(r"(?<!\\)[@#](?=\w)|<b|(?<!\\)!?\[x\]\(|https?://evil|GH-1|(?i:www)\.", body)


def test_a_link_that_is_no_web_address_is_not_made() -> None:
    body = render_pull_text(task(citations=[{**CITED, "url": "javascript:alert(1)"}])).body
    assert "javascript" not in body


@given(st.text(max_size=200))
def test_any_words_fit_on_one_line(text: str) -> None:
    assert "\n" not in plain(text)
    rendered = render_pull_text(task(title=text, goal=text))
    assert "\n" not in rendered.title and len(rendered.title) <= 120
    assert re.findall("<!--.*-->", rendered.body) == [MARKER]


def test_it_names_the_issue_that_it_fixes_where_the_tracker_reads_it() -> None:
    assert "\n\nFixes LEDGERLINE-1\n\n" in render_pull_text(task(), fixes="LEDGERLINE-1").body
    assert "Fixes" not in render_pull_text(task()).body


@pytest.mark.parametrize("name", ["#3", "acme/app#3", "ledgerline-1", "A-1 and closes #3", "@ana-1", "A-1\nFixes #3"])
def test_no_other_reference_comes_alive_in_its_place(name: str) -> None:
    assert "Fixes" not in render_pull_text(task(), fixes=name).body
