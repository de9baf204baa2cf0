"""An agent that is only described, run by the engine: its prompt, its result file, and what its failures are called."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.agents import AgentRun, Outcome, OutcomeKind, Tokens
from integrations.agents.command import CommandAgent, CommandDescription, ResultFile
from integrations.engines import RunSpec
from tests.integration.engine_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


RESULT = ResultFile(
    "{home}/{run}.json",
    status="info.exit_status",
    good=("Submitted",),
    cost="info.stats.cost",
    turns="info.stats.calls",
    text="info.submission",
    input="info.stats.input",
    output="info.stats.output",
)


def play(world: World, description: CommandDescription, **more: object) -> Outcome:
    """Run the described agent as an attempt and read how it ended."""
    agent = CommandAgent("mini", description)
    given = {"prompt": "Fix it.", "cwd": world.root, "session_id": "s", "home": world.root / "agent", **more}
    command = agent.command(AgentRun(run="t-1-a1", **given))  # type: ignore[arg-type]
    world.engine.start(RunSpec("t-1-a1", command.argv, world.root, command.env, command.stdin))
    view = world.until_over("t-1-a1")
    events = [event for line in world.events("t-1-a1") for event in agent.parse(line)]
    return agent.outcome(events, view.exit, world.engine.stderr_tail("t-1-a1"))


def shell(script: str, **more: object) -> CommandDescription:
    return CommandDescription(("/bin/sh", "-c", script), **more)  # type: ignore[arg-type]


def test_its_words_are_its_events_and_its_exit_code_decides(world: World) -> None:
    outcome = play(world, shell('printf "\\033[1mI heard: %s\\033[0m\\n" "$(cat)"'))
    assert (outcome.kind, outcome.final_text) == (OutcomeKind.DONE, "I heard: Fix it.")


def test_a_prompt_may_come_as_a_file(world: World) -> None:
    description = CommandDescription(("/bin/cat", "{prompt_file}"))
    assert play(world, description).final_text == "Fix it."


def test_it_is_told_its_model_and_its_place_and_other_braces_are_left_alone(world: World) -> None:
    description = CommandDescription(("/bin/echo", "{model} {run} {cwd} {other} {}"))
    assert play(world, description, model="m-1").final_text == f"m-1 t-1-a1 {world.root} {{other}} {{}}"


def test_a_session_is_gone_on_with_where_it_can_be(world: World) -> None:
    description = CommandDescription(("/bin/echo", "anew"), resume=("/bin/echo", "on with {session}"))
    assert play(world, description, resume=True).final_text == "on with s"


def test_its_result_file_tells_what_it_used_and_how_it_ended(world: World) -> None:
    stats = {"cost": 0.25, "calls": 7, "input": 900, "output": 30}
    result = {"info": {"exit_status": "Submitted", "submission": "All good.", "stats": stats}}
    written = json.dumps(result, indent=2)
    outcome = play(world, shell(f"cat > agent/t-1-a1.json <<'END'\n{written}\nEND", result=RESULT))
    assert outcome.kind is OutcomeKind.DONE
    assert (outcome.turns, outcome.tokens, outcome.cost_usd) == (7, Tokens(900, 0, 30), 0.25)
    assert outcome.final_text == "All good."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("AuthenticationError", OutcomeKind.AUTH),
        ("RateLimitError", OutcomeKind.RATE_LIMIT),
        ("LimitsExceeded", OutcomeKind.BUDGET),
        ("ContextWindowExceededError", OutcomeKind.CONTEXT),
        ("Surprise", OutcomeKind.CRASHED),
    ],
)
def test_a_result_that_is_not_good_is_named_although_it_exited_well(
    world: World, status: str, kind: OutcomeKind
) -> None:
    written = json.dumps({"info": {"exit_status": status}})
    outcome = play(world, shell(f"echo '{written}' > agent/t-1-a1.json", result=RESULT))
    assert (outcome.kind, outcome.message) == (kind, status)


def test_without_its_result_file_the_exit_code_decides_and_is_passed_on(world: World) -> None:
    outcome = play(world, shell("echo 'what went wrong' >&2; exit 3", result=RESULT))
    assert (outcome.kind, outcome.message) == (OutcomeKind.CRASHED, "what went wrong")


def test_success_may_have_to_be_said(world: World) -> None:
    assert play(world, shell("echo fini", done="^finished$")).kind is OutcomeKind.CRASHED
    world.engine.remove("t-1-a1")
    assert play(world, shell("echo finished", done="^finished$")).kind is OutcomeKind.DONE


def test_its_failures_are_named_as_the_settings_say(world: World) -> None:
    description = shell("echo 'slow down please'; exit 1", errors={"rate-limit": "slow down"})
    assert play(world, description).kind is OutcomeKind.RATE_LIMIT


def test_one_that_is_not_there_is_bad_setup(world: World) -> None:
    outcome = play(world, CommandDescription(("no-such-agent",)))
    assert outcome.kind is OutcomeKind.BAD_SETUP
    assert "no-such-agent" in outcome.message


@pytest.mark.parametrize(
    ("description", "complaint"),
    [
        (CommandDescription(()), "has no command"),
        (CommandDescription(("x",), done="("), "is broken"),
        (CommandDescription(("x",), errors={"sad": "x"}), "sad"),
    ],
)
def test_an_unusable_description_is_refused(description: CommandDescription, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        CommandAgent("mini", description)
