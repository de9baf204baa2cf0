"""The scenarios, by name. Each is a story that a person plays through the pages, with what must be seen on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.demo.scenarios import (
    agent_asks,
    approve_retry,
    budget,
    ci_retry,
    closed_by_a_person,
    conflict_train,
    context_overflow,
    crash,
    duplicate_delivery,
    error_to_fix,
    feature,
    guidance_mid_run,
    needs_help,
    rate_limit,
    restart,
    review_changes,
    stop,
    ui_screenshot,
)
from bot.demo.stage import Stage


@dataclass(frozen=True)
class Scenario:
    """One story.

    Attributes:
        about: one sentence.
        play: plays it, and raises SceneFailed where it goes wrong.
        script: how the scripted agent's runs behave.
        toml: what stands in `waggle.toml` beside the playground's own.
        core: it is among those that `make demo` plays.
    """

    name: str
    about: str
    play: Callable[[Stage], Awaitable[None]]
    script: Sequence[dict[str, Any]] = field(default=())
    core: bool = True
    toml: str = ""


SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Scenario("feature", "From a customer's wish to a merged pull request.", feature.play),
        Scenario(
            "ci-retry",
            "A broken test comes back with its failing lines, and is mended.",
            ci_retry.play,
            ci_retry.SCRIPT,
        ),
        Scenario("needs-help", "The agent lacks a fact, asks once, is told, and goes on.", needs_help.play),
        Scenario(
            "ui-screenshot",
            "A change of the pages is shown before and after, on the pull request and in Slack.",
            ui_screenshot.play,
            core=False,
        ),
        Scenario(
            "review-changes",
            "Reviewers ask for a change, the agent makes it, and a second round approves.",
            review_changes.play,
            review_changes.SCRIPT,
            core=False,
        ),
        Scenario(
            "closed-by-a-person",
            "A pull request is closed unmerged: its task is dropped, its work kept; reopened, it goes on.",
            closed_by_a_person.play,
            core=False,
        ),
        Scenario(
            "conflict-train",
            "Two tasks change the same lines: the first is merged, the second is brought up to it and merged too.",
            conflict_train.play,
            core=False,
        ),
        Scenario(
            "error-to-fix",
            "An error of the running application is proposed, mended, merged and resolved.",
            error_to_fix.play,
        ),
        Scenario(
            "restart",
            "Waggle is killed while an agent works, and between a side effect and its record; nothing is doubled.",
            restart.play,
            restart.SCRIPT,
        ),
        Scenario(
            "crash",
            "The agent is killed in the middle of its work; its session is resumed.",
            crash.play,
            crash.SCRIPT,
            core=False,
        ),
        Scenario(
            "stop",
            "A stop in Slack ends all of an agent's processes within two seconds; the work is kept.",
            stop.play,
            stop.SCRIPT,
            core=False,
        ),
        Scenario(
            "agent-asks",
            "The agent asks before it decides something about the product; the answer resumes its session.",
            agent_asks.play,
            agent_asks.SCRIPT,
            core=False,
        ),
        Scenario(
            "guidance-mid-run",
            "Words for an agent that works: the thread says when it is told, and `now` makes it at once.",
            guidance_mid_run.play,
            guidance_mid_run.SCRIPT,
            core=False,
        ),
        Scenario(
            "approve-retry",
            "Nothing is tried again before somebody approves the changed prompt.",
            approve_retry.play,
            approve_retry.SCRIPT,
            core=False,
            toml=approve_retry.TOML,
        ),
        Scenario(
            "context-overflow",
            "The agent runs out of context; a new session with a narrower prompt gets it done.",
            context_overflow.play,
            context_overflow.SCRIPT,
            core=False,
        ),
        Scenario(
            "rate-limit",
            "The model provider's limit parks the agent until it ends; then the same session goes on.",
            rate_limit.play,
            rate_limit.SCRIPT,
            core=False,
        ),
        Scenario(
            "budget",
            "A task's money is said to go, and ends: the agent is stopped until somebody extends it.",
            budget.play,
            budget.SCRIPT,
            core=False,
            toml=budget.TOML,
        ),
        Scenario(
            "duplicate-delivery",
            "Slack delivers everything three times and cuts the socket; everything acts once.",
            duplicate_delivery.play,
            core=False,
        ),
    )
}
