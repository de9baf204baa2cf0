"""When a limit ends, in the words of providers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.agents.outcome import OutcomeKind
from integrations.agents.resets import reset_in_words
from integrations.engines import RunExit
from tests.unit.agent_runs import recording

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ("You've hit your limit · resets 3pm", "2026-11-29 13:00"),
        ("5-hour limit reached ∙ resets 3:30pm (America/New_York)", "2026-11-29 20:30"),
        ("limit reached ∙ resets 1am", "2026-11-29 23:00"),  # tomorrow, where it was written
        ("Weekly limit reached · resets Dec 3, 10am", "2026-12-03 08:00"),
        ("Weekly limit reached · resets Dec 3 at 10am (UTC)", "2026-12-03 10:00"),
        ("You've hit your usage limit. Try again in 3 days 4 hours 5 minutes.", "2026-12-02 16:05"),
        ("Please try again in 1 hour and 20 minutes", "2026-11-29 13:20"),
        ("Rate limit reached for gpt-5. Please try again in 90s. Visit x", "2026-11-29 12:01:30"),
        ("Please try again in 6m0s.", "2026-11-29 12:06"),
        ("or try again at Nov 30th, 2026 3:05 PM.", "2026-11-30 13:05"),
        ("try again at 3:05 PM.", "2026-11-29 13:05"),
        ('{"retry-after": "120"}', "2026-11-29 12:02"),
        ("Retry-After: 60", "2026-11-29 12:01"),
        ("API Error: Request rejected (429) · Rate limit reached.", None),
        ("Try again in 400 days", None),
        ("resets 13pm", None),
        ("resets Feb 30, 10am", None),
        ("exceeded retry limit, last status: 429 Too Many Requests", None),
    ],
)
def test_what_providers_write_is_a_time(words: str, ends: str | None) -> None:
    found = reset_in_words(words, NOON.timestamp(), EAST)
    assert (found and datetime.fromtimestamp(found, UTC)) == (ends and datetime.fromisoformat(ends).replace(tzinfo=UTC))


@given(st.text() | st.from_regex(r"(resets|again in|retry-after:) ?[0-9a-zA-Z:, ]{0,30}"))
def test_no_words_are_a_time_that_is_over_or_far_away(words: str) -> None:
    found = reset_in_words(words, NOON.timestamp(), EAST)
    assert found is None or 0 < found - NOON.timestamp() <= 8 * 86_400


def test_an_outcome_knows_when_its_limit_ends() -> None:
    for name in ("claude-rate-limit", "codex-quota"):
        run = recording(name)
        events = [event for line in run.lines if line for event in run.adapter.parse(line)]
        ended = RunExit(run.rc, "exited", NOON.timestamp())
        told = run.adapter.outcome(events, ended, "Please try again in 5 minutes")
        limited = told.kind is OutcomeKind.RATE_LIMIT
        assert told.resets_at == (NOON.timestamp() + 300 if limited else None)
        assert limited is (name == "claude-rate-limit")
