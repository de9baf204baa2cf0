"""Names and words of others, numbered as in docs/lifecycle.md."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.orchestrator.prompts import block, fence, line
from integrations.github.excerpt import excerpt
from integrations.printable import printable
from scheduler.names import branch_name

#: what git refuses in a branch's name (git-check-ref-format), and what a shell or a path would read in it
_REFUSED = re.compile(r"\.\.|[\x00-\x20\x7f~^:?*\[\\]|@\{|//|/$|/\.|\.lock$|\.$|^-|[;&|<>$`'\"()!]")


@given(st.integers(1, 10**6), st.text(max_size=80))
def test_scenario_28_any_title_gives_a_branch_that_git_takes(number: int, title: str) -> None:
    name = branch_name(number, title)
    assert name.startswith(f"waggle/t-{number}") and len(name) < 70
    assert not _REFUSED.search(name) and name.isascii()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "waggle/t-7-etc-passwd"),
        ("🐝🐝", "waggle/t-7"),
        ("x" * 60, f"waggle/t-7-{'x' * 40}"),
        ("Zażółć gęślą", "waggle/t-7-zazoc-gesla"),
        ("a.lock", "waggle/t-7-a-lock"),
        ("HEAD", "waggle/t-7-head"),
    ],
)
def test_scenario_28_odd_titles(title: str, name: str) -> None:
    assert branch_name(7, title) == name


def test_scenario_28_two_tasks_of_one_title_have_two_branches() -> None:
    assert branch_name(1, "Add export") != branch_name(11, "Add export")


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m \x9b31m a\x08b \u202egnp.exe\u202c\x00 tab\there"


@pytest.mark.parametrize("way", [fence, line, block], ids=["fence", "line", "block"])
def test_scenario_30_what_acts_on_a_terminal_reaches_no_prompt(way: object) -> None:
    """Comments, logs, customers' words: all of them go through one of these three."""
    text = way(HOSTILE)  # type: ignore[operator]  # three functions of one shape
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "red" in text and "owned" not in text


def test_scenario_30_what_acts_on_a_terminal_leaves_the_log() -> None:
    shown = "\n".join(excerpt(f"ok\n{HOSTILE}\nFAILED tests/test_a.py", 10).lines)
    assert printable(shown) == shown and "FAILED" in shown


@given(st.text())
def test_scenario_30_clean_words_stay_clean(text: str) -> None:
    assert printable(printable(text)) == printable(text)
