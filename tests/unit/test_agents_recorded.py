"""Recorded runs of Claude Code, Codex and opencode are read as what they were, also when they are cut short."""

from __future__ import annotations

import json

import pytest

from integrations.agents import AgentEvent, Ended, Heard, OutcomeKind, Retry, Spent, Unreadable
from integrations.agents.describe import outcome_json, read_run
from integrations.engines import RunExit
from tests.unit.agent_runs import Recording, recording, recordings

ALL = recordings()
each = pytest.mark.parametrize("run", ALL, ids=[one.name for one in ALL])

EXITED = RunExit(rc=0, why="exited", ended_at=0.0)


def events_of(run: Recording) -> list[AgentEvent]:
    return [event for line in run.lines for event in run.adapter.parse(line) if line]


@each
def test_a_recorded_run_is_read_as_what_it_was(run: Recording) -> None:
    read = outcome_json(read_run(run.adapter, run.lines, run.rc, run.why, run.stderr))
    assert read == {**run.outcome, "cost_usd": pytest.approx(run.outcome["cost_usd"], abs=1e-6)}


@each
def test_no_line_of_a_whole_run_is_unreadable(run: Recording) -> None:
    assert read_run(run.adapter, run.lines, run.rc, run.why, run.stderr).unreadable == 0


@each
def test_a_run_cut_at_any_line_is_read_and_never_called_done_without_its_end(run: Recording) -> None:
    for count in range(len(run.lines)):
        lines = run.lines[:count]
        outcome = read_run(run.adapter, lines, run.rc, run.why, run.stderr)
        ended = any(isinstance(event, Ended) for line in lines for event in run.adapter.parse(line) if line)
        assert ended or outcome.kind is not OutcomeKind.DONE


@each
def test_a_run_cut_at_any_byte_of_its_last_two_lines_is_read(run: Recording) -> None:
    whole = run.stream.rstrip(b"\n").split(b"\n") if run.stream else []
    for last in range(max(len(whole) - 2, 0), len(whole)):
        before = [event for line in whole[:last] for event in run.adapter.parse(line.decode())]
        for length in range(1, len(whole[last])):
            torn = run.adapter.parse(whole[last][:length].decode(errors="replace"))
            assert [type(event) for event in torn] == [Unreadable]
        outcome = run.adapter.outcome([*before, *torn], EXITED, run.stderr)
        assert outcome.unreadable == 1
        assert outcome.kind is not OutcomeKind.DONE or any(isinstance(event, Ended) for event in before)


@pytest.mark.parametrize(
    ("told", "reset"),
    [
        ('{"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1790000000}}', 1.79e9),
        (
            '{"type": "rate_limit_event", "rate_limit_info": {"status": "allowed", "resetsAt": 1790000000}}',
            None,
        ),
        ('{"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": "soon"}}', None),
        ('{"type": "rate_limit_event"}', None),
    ],
)
def test_a_limit_says_when_it_ends_where_the_provider_says_it(told: str, reset: float | None) -> None:
    run = recording("claude-rate-limit")
    *before, last = [line for line in run.lines if line]
    outcome = read_run(run.adapter, [*before, told, last], run.rc)
    assert (outcome.kind, outcome.resets_at, outcome.unreadable) == (OutcomeKind.RATE_LIMIT, reset, 0)
    other = recording("claude-overloaded-twice")
    assert read_run(other.adapter, [told, *other.lines], other.rc).resets_at is None, "it did not end for that"


def test_a_limit_in_the_words_of_older_versions_is_read_too() -> None:
    ended = {"type": "result", "subtype": "success", "is_error": True, "session_id": "s"}
    line = json.dumps({**ended, "result": "Claude AI usage limit reached|1790000000"})
    run = recording("claude-rate-limit")
    outcome = read_run(run.adapter, [run.lines[0], line], 1)
    assert (outcome.kind, outcome.resets_at) == (OutcomeKind.RATE_LIMIT, 1.79e9)


def test_a_resumed_session_is_not_paid_for_twice() -> None:
    """`total_cost_usd` of the last of these three runs is what the whole session cost: $0.1215065."""
    runs = [recording(f"claude-{name}") for name in ("resume-1", "resume-2", "resume-othercwd")]
    outcomes = [read_run(one.adapter, one.lines, one.rc) for one in runs]
    assert len({one.session_id for one in outcomes}) == 1
    assert sum(one.cost_usd or 0.0 for one in outcomes) == pytest.approx(0.1215065)


def test_codex_says_that_its_tokens_are_those_of_the_whole_session() -> None:
    first, second = (recording(f"codex-resume-{n}") for n in (1, 2))
    outcomes = [read_run(one.adapter, one.lines, one.rc) for one in (first, second)]
    assert all(one.whole_session for one in outcomes)
    assert outcomes[1].tokens.output > outcomes[0].tokens.output


def test_every_turn_of_a_live_session_counts() -> None:
    run = recording("claude-live-followup")
    outcome = read_run(run.adapter, run.lines, run.rc)
    assert outcome.turns == 6
    assert outcome.cost_usd == pytest.approx(0.110521)


def test_what_reached_a_live_session_is_heard() -> None:
    heard = [event.text for event in events_of(recording("claude-live-followup")) if isinstance(event, Heard)]
    assert heard == ["[[fake:slow]] fix add", "FOLLOWUP: also mind the docs", "Second turn please"]


def test_a_killed_run_is_priced_by_what_was_seen_of_it() -> None:
    """One request is split over several lines, each with the tokens of the whole: it counts once."""
    run = recording("claude-live-sigint")
    seen = {event.request for event in events_of(run) if isinstance(event, Spent)}
    assert len(seen) == 1
    assert read_run(run.adapter, run.lines, run.rc, run.why).tokens.input == run.outcome["tokens"]["input"] > 0


def test_its_own_retries_are_signs_of_life() -> None:
    for name, status in (("claude-auth", 401), ("codex-overloaded", 529)):
        retries = [event for event in events_of(recording(name)) if isinstance(event, Retry)]
        assert [(one.status, one.attempt) for one in retries] == [(status, 1), (status, 2)]


def test_codex_that_could_run_no_command_says_so_although_it_ended_well() -> None:
    run = recording("codex-happy")
    outcome = read_run(run.adapter, run.lines, run.rc)
    assert outcome.kind is OutcomeKind.DONE  # that its branch did not move is for git to say
    assert "bwrap: execvp codex-linux-sandbox" in outcome.message


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        ("stopped", OutcomeKind.STOPPED),
        ("timeout", OutcomeKind.TIMEOUT),
        ("output", OutcomeKind.OUTPUT),
        ("processes", OutcomeKind.PROCESSES),
        ("memory", OutcomeKind.MEMORY),
    ],
)
@pytest.mark.parametrize("name", ["claude-happy", "codex-danger", "opencode-happy"])
def test_what_the_runner_knows_comes_first(name: str, why: str, kind: OutcomeKind) -> None:
    run = recording(name)
    outcome = read_run(run.adapter, run.lines, run.rc, why)
    assert outcome.kind is kind
    assert bool(outcome.message) is (kind not in {OutcomeKind.STOPPED, OutcomeKind.TIMEOUT})


@pytest.mark.parametrize("name", ["claude-happy", "codex-danger", "opencode-happy"])
def test_a_run_that_nobody_saw_end_is_lost_unless_its_stream_says_more(name: str) -> None:
    run = recording(name)
    half = run.lines[: len(run.lines) // 2]
    assert read_run(run.adapter, half, None, "lost").kind is OutcomeKind.LOST
    assert run.adapter.outcome([e for line in half for e in run.adapter.parse(line)], None, "").kind is OutcomeKind.LOST
    assert read_run(run.adapter, run.lines, None, "lost").kind is OutcomeKind.DONE


def test_a_run_killed_by_the_system_crashed_and_names_the_signal() -> None:
    run = recording("claude-happy")
    outcome = read_run(run.adapter, run.lines[:5], -9, "killed")
    assert (outcome.kind, outcome.message) == (OutcomeKind.CRASHED, "It was killed by signal 9, without a last word.")


def test_an_unknown_way_to_end_is_refused() -> None:
    with pytest.raises(ValueError, match="there are exited, stopped, killed"):
        read_run(ALL[0].adapter, [], 0, "evaporated")
