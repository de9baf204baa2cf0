"""What `waggle doctor` says, check by check, over values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import bot.doctor as doctor
from bot.config_schema import Document, Reviewer, Reviews
from bot.doctor import Check, next_step
from bot.doctor.clock import compared
from bot.doctor.models import families

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("off_s", "ok", "detail"),
    [
        (0, True, "right"),
        (-1, True, "right"),
        (30, True, "30 s fast"),
        (-61, False, "61 s slow"),
        (3700, False, "3,700 s fast"),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_off(off_s: int, ok: bool, detail: str) -> None:
    said = compared(NOW + timedelta(seconds=off_s), NOW)
    assert (said.ok, said.detail, bool(said.fix)) == (ok, detail, not ok)


def test_the_next_step_is_the_cure_of_the_first_thing_that_is_wrong() -> None:
    well, sick, worse = (
        Check("git", True, "2.39"),
        Check("disk", False, "0 GiB", "Make room."),
        Check("home", False, "x"),
    )
    assert next_step([well]) == "Everything that is set works. Start with `waggle run`."
    assert next_step([well, sick, worse]) == "disk: Make room."
    assert next_step([worse]) == "home: x"


def test_a_defect_in_one_check_hides_no_other() -> None:
    def broken(seen: object) -> list[Check]:
        raise RuntimeError("boom")

    [said] = doctor._examined(broken, None)  # type: ignore[arg-type]  # it looks at nothing
    assert (said.check, said.ok) == ("broken", False) and "boom" in said.detail


SEATS = (Reviewer(name="a", family="anthropic"),)


@pytest.mark.parametrize(
    ("keys", "reviewers", "wanted", "cure"),
    [
        ({"anthropic"}, (), 2, "Set OPENAI_API_KEY"),
        ({"openai"}, (), 2, "Set ANTHROPIC_API_KEY"),
        ({"anthropic", "openai"}, SEATS, 2, "Add a [[reviewer]] of family openai"),
        ({"anthropic", "openai"}, (), 2, ""),
        ({"anthropic"}, (), 1, ""),
        (set(), (), 2, ""),
    ],
)
def test_one_family_that_reviews_alone_is_said_with_its_cure(
    keys: set[str], reviewers: tuple[Reviewer, ...], wanted: int, cure: str
) -> None:
    document = Document(reviewer=reviewers, reviews=Reviews(families=wanted))
    said = families(document, anthropic="anthropic" in keys, openai="openai" in keys)
    assert (said is not None) is bool(cure)
    if said is not None:
        assert said.ok and "reviewed by one family" in said.detail and said.fix.startswith(cure)
