"""An agent's log as a person reads it: every event in words, nothing that acts on a terminal, no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import follow
from bot.narrate import Narrator
from integrations.agents import AgentEvent, Ended, Failed, Heard, Retry, Text, Tokens, ToolCall, ToolResult, Usage
from integrations.digests import Digests
from integrations.engines.run_files import RunFiles
from integrations.redact import MARK
from tests.unit.agent_runs import recording, recordings

HOMEGROWN = "correct-horse-battery"
_ACTS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (Text("First.\n\nThen\tmore."), ["First.", "Then    more."]),
        (Text("\x1b[2J\x1b]0;title\x07red\r\u202eback"), ["redback"]),
        (Text("x" * 500), ["x" * 399 + "…"]),
        (ToolCall("Bash", "pytest\n-q"), ["→ Bash pytest -q"]),
        (ToolCall("Edit", "/work/t-1/app/export.py"), ["→ Edit app/export.py"]),
        (ToolResult(ok=True), ["  ✓"]),
        (ToolResult(ok=False, detail="1 failed"), ["  ✗ 1 failed"]),
        (Heard("use semicolons"), ["← use semicolons"]),
        (Retry(529, 2, 4.7), ["— asks its provider again in 5 s (529)"]),
        (Failed("billing_error", 400), ["— failed: billing_error (400)"]),
        (Usage(Tokens(12_300, 8_000, 540), 0.123), ["— used 12,300 tokens in, 8,000 from the cache, 540 out, $0.12"]),
        (Usage(Tokens()), []),
        (Ended("success", error=False, text="Done."), ["— ended"]),
        (
            Ended("success", error=True, text="Credit balance is too low"),
            ["— ended with an error: Credit balance is too low"],
        ),
        (Text(f"key sk-ant-{'a' * 30} and xo\x00xb-{'1' * 20}"), [f"key {MARK} and {MARK}"]),
    ],
)
def test_an_event_is_one_thing_in_words(event: AgentEvent, lines: list[str]) -> None:
    assert Narrator("/work/t-1").lines(event) == lines


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = Narrator().lines(Text("\n".join(str(n) for n in range(100))))
    assert shown[0] == "0" and shown[-1] == "… and 61 more lines" and len(shown) == 40


def test_an_attempt_without_a_workspace_keeps_its_slashes() -> None:
    assert Narrator("").lines(ToolCall("Read", "/etc/hosts")) == ["→ Read /etc/hosts"]


@pytest.mark.parametrize("one", recordings(), ids=lambda one: one.name)
def test_every_recorded_run_can_be_read_along(one) -> None:
    narrator, adapter = Narrator(), follow.parser_of(one.agent)
    shown = [line for text in one.lines if text for event in adapter.parse(text) for line in narrator.lines(event)]
    assert not [line for line in shown if _ACTS.search(line) or len(line) > 400]
    tools = [event for text in one.lines for event in adapter.parse(text) if isinstance(event, ToolCall)]
    assert len([line for line in shown if line.startswith("→ ")]) == len(tools)


def test_a_described_agents_words_are_shown_without_its_description() -> None:
    assert follow.parser_of("mini").parse("thinking") == [Text("thinking")]


def test_what_comes_meanwhile_is_shown_until_the_run_is_over(tmp_path: Path) -> None:
    files, lines = RunFiles("t-1-a1", tmp_path), [line for line in recording("claude-happy").lines if line]
    log = tmp_path / "events.jsonl"
    log.write_text("\n".join(lines[:3]) + "\n")
    looks = iter((False, True))

    def over() -> bool:
        if (now := next(looks)) is True:
            with log.open("a") as file:
                file.write("\n".join(lines[3:]) + "\n")  # its last words, written as it ended
        return now

    adapter = follow.parser_of("claude-code")
    seen = list(follow.events(files.read_events, adapter, over))
    assert seen == [event for line in lines for event in adapter.parse(line)]
    assert next(looks, None) is None


def test_a_secret_without_a_shape_is_hidden_by_one_who_does_not_know_it(tmp_path: Path) -> None:
    file = tmp_path / "digests.json"
    Digests().and_of((HOMEGROWN, "short")).write(file)
    Digests.read(file).and_of(("another-secret",)).write(file)
    assert HOMEGROWN not in file.read_text() and file.stat().st_mode & 0o077 == 0
    known = Digests.read(file)
    text = f"{HOMEGROWN}{HOMEGROWN}, short, another-secret sk-ant-{'b' * 20}"
    assert known.redact(text) == f"{MARK}{MARK}, short, {MARK} {MARK}"
    assert Digests.read(tmp_path / "missing").redact("nothing to hide") == "nothing to hide"
