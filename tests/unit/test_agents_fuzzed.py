"""Whatever stands in an agent's stream, reading it raises nothing and gives something that can be stored and shown."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.agents import AgentAdapter, OutcomeKind, Unreadable
from integrations.agents.catalog import AgentSettings, adapter_for
from integrations.agents.command import CommandDescription, ResultFile
from integrations.agents.describe import outcome_json, read_run
from tests.unit.agent_runs import recordings

_DESCRIBED = CommandDescription(("agent",), result=ResultFile("r.json", status="s", good=("ok",)), done="fin")
SETTINGS = AgentSettings(commands={"mini": _DESCRIBED})
NAMES = ("claude-code", "codex", "opencode", "scripted", "mini")

#: keys and words that the parsers look for, so that made-up lines reach all of their branches
KEYS = (
    *(
        "subtype",
        "session_id",
        "model",
        "claude_code_version",
        "message",
        "content",
        "id",
        "usage",
        "error",
        "is_error",
    ),
    *(
        "api_error_status",
        "text",
        "name",
        "input",
        "command",
        "file_path",
        "tool_use_id",
        "isReplay",
        "result",
        "errors",
    ),
    *(
        "terminal_reason",
        "stop_reason",
        "num_turns",
        "permission_denials",
        "tool_name",
        "total_cost_usd",
        "inputTokens",
    ),
    *(
        "model_usage_since_last_result",
        "costUSD",
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "attempt",
    ),
    *(
        "retry_delay_ms",
        "compact_metadata",
        "pre_tokens",
        "thread_id",
        "item",
        "status",
        "aggregated_output",
        "changes",
    ),
    *("path", "exit_code", "part", "sessionID", "tokens", "cache", "read", "write", "cost", "reason", "messageID"),
    *("state", "tool", "data", "statusCode", "cached_input_tokens", "turns"),
)
WORDS = (
    *("system", "assistant", "user", "result", "init", "api_retry", "compact_boundary", "success", "error_max_turns"),
    *("text", "tool_use", "tool_result", "thread.started", "item.started", "item.completed", "turn.completed", "error"),
    *("turn.failed", "agent_message", "command_execution", "file_change", "failed", "completed", "step_start", "stop"),
    *("step_finish", "length", "APIError", "ContextOverflowError", "prompt_too_long", "waggle-result"),
)

ODD = (None, True, False, 0, -1, 7, 10**400, -(10**400), 1e308, math.inf, math.nan, "", "\ud800", "\0", "é" * 50)
ODD += ("Reconnecting... 9/9 (", "unexpected status 999", "```waggle-question\n{", "```waggle-question\n[]\n```")

RECORDED = [line for run in recordings() for line in run.lines if line]


def made_up(dice: random.Random, depth: int = 3) -> object:
    """A value as the agents' streams might hold it, and as they never should."""
    match dice.randrange(6) if depth else dice.randrange(2):
        case 0:
            return dice.choice(ODD)
        case 1:
            return dice.choice(WORDS)
        case 2:
            return [made_up(dice, depth - 1) for _ in range(dice.randrange(4))]
        case _:
            keys = dice.sample(KEYS, dice.randrange(8))
            return {"type": dice.choice(WORDS), **{key: made_up(dice, depth - 1) for key in keys}}


def damaged(dice: random.Random) -> str:
    """A recorded line with a piece taken out, and another put in."""
    line = dice.choice(RECORDED)
    start = dice.randrange(len(line))
    patch = "".join(dice.choices('{}[]",:0e-\\u\x00\u2028x', k=dice.randrange(4)))
    return line[:start] + patch + line[start + dice.randrange(60) :]


def fuzzed(seed: int, count: int) -> list[str]:
    dice = random.Random(seed)
    return [damaged(dice) if dice.random() < 0.3 else json.dumps(made_up(dice)) for _ in range(count)]


def adapter(name: str) -> AgentAdapter:
    made = adapter_for(SETTINGS, name)
    assert made is not None
    return made


def check(name: str, stream: list[str], rc: int | None, why: str, stderr: str) -> None:
    outcome = read_run(adapter(name), stream, rc, why, stderr)
    assert outcome.kind in set(OutcomeKind) - {OutcomeKind.IDLE, OutcomeKind.NO_CHANGE}
    shown = json.dumps(outcome_json(outcome), allow_nan=False)
    assert "\\u0000" not in shown
    outcome.final_text.encode()
    assert len(outcome.message) <= 300
    assert min(outcome.turns, outcome.tokens.input, outcome.tokens.cached, outcome.tokens.output) >= 0


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rc=st.sampled_from([None, 0, 1, 2, 126, 127, 137, -9]),
    why=st.sampled_from(["exited", "killed", "stopped", "timeout", "output", "lost"]),
    stderr=st.text(max_size=40),
)
def test_ten_thousand_fuzzed_lines_are_survived(name: str, seed: int, rc: int | None, why: str, stderr: str) -> None:
    check(name, fuzzed(seed, 100), rc, why, stderr)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(stream=st.lists(st.text(max_size=60), max_size=10), rc=st.sampled_from([0, 1]))
def test_lines_that_are_no_json_are_survived_and_counted(name: str, stream: list[str], rc: int) -> None:
    check(name, stream, rc, "exited", "")
    stream = [line for line in stream if line.strip() and line.strip()[0] not in '{["-0123456789tfnNI']
    counted = read_run(adapter(name), stream, rc).unreadable
    assert counted == (0 if name == "mini" else len(stream))  # any other command's words are its own


@pytest.mark.parametrize("opening", ["[", '{"type":'])
def test_a_line_nested_beyond_reason_is_only_unreadable(opening: str) -> None:
    for name in NAMES[:3]:
        assert [type(event) for event in adapter(name).parse(opening * 100_000)] == [Unreadable]
