"""What an HTTP answer of a vendor means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.models import Ask, InvalidAnswer
from integrations.models.address import is_loopback
from integrations.models.errors import from_status, moment
from integrations.models.judgements import JudgementKind, ReviewAnswer, ScopeAnswer, ScopeFacts, fence_facts
from integrations.models.rules import RulesModel

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "retryable"),
    [
        (400, "invalid_request_error", "bad", "rejected", False),
        (400, "invalid_request_error", "Your credit balance is too low", "billing", False),
        (400, "context_length_exceeded", "too many tokens", "context", False),
        (400, "invalid_request_error", "prompt is too long: 250000 tokens", "context", False),
        (401, "authentication_error", "invalid x-api-key", "auth", False),
        (402, "billing_error", "pay", "billing", False),
        (403, "permission_error", "no", "auth", False),
        (404, "not_found_error", "model: x", "no_model", False),
        (409, "conflict", "again", "overloaded", True),
        (413, "request_too_large", "big", "context", False),
        (422, "", "odd", "rejected", False),
        (429, "rate_limit_error", "slow down", "rate_limit", True),
        (429, "insufficient_quota", "You exceeded your current quota", "billing", False),
        (500, "api_error", "oops", "overloaded", True),
        (529, "overloaded_error", "Overloaded", "overloaded", True),
    ],
)
def test_each_status_has_a_kind(status: int, code: str, message: str, kind: str, retryable: bool) -> None:
    error = from_status("anthropic", status, code, message, retry_after="9", now=NOW)
    assert (error.kind, error.retryable) == (kind, retryable)
    assert "anthropic" in error.user_message and error.user_message.endswith(error.cure)
    assert (error.not_before == NOW + timedelta(seconds=9)) is (kind in ("rate_limit", "overloaded"))


@pytest.mark.parametrize(
    ("header", "after"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("1.5", timedelta(seconds=1.5)),
        ("-3", timedelta()),
        ("1e400", None),
        ("nan", None),
        ("Sat, 28 Nov 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Sat, 28 Nov 2026 14:01:00 +0200", timedelta(minutes=1)),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, after: timedelta | None) -> None:
    assert moment(header, NOW) == (None if after is None else NOW + after)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/anthropic", True),
        ("http://localhost:1/x", True),
        ("http://[::1]:1", True),
        ("https://api.anthropic.com", False),
        ("", False),
        ("http://127.0.0.1.example.com", False),
    ],
)
def test_loopback(url: str, local: bool) -> None:
    assert is_loopback(url) is local


async def test_rules_answer_from_the_facts_and_refuse_what_they_do_not_understand() -> None:
    prompt = fence_facts(JudgementKind.SCOPE, ScopeFacts(request="add dark mode", requester="ana", repositories=()))
    model = RulesModel()
    answer = await model.answer(Ask("scope", "", prompt), ScopeAnswer)
    assert answer.family == "rules" and answer.usage.output == 0 and answer.value.title == "Add dark mode"
    for wrong in (Ask("scope", "", "no facts"), Ask("scope", "", '<facts kind="scope">\n{}\n</facts>')):
        with pytest.raises(InvalidAnswer):
            await model.answer(wrong, ScopeAnswer)
    with pytest.raises(InvalidAnswer):
        await model.answer(Ask("review", "", prompt), ReviewAnswer)
    await model.close()
