"""Both vendors' SDKs against the playground's model server: answers, two opinions, and every kind of trouble."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anthropic
import openai
import pytest
from aiohttp import ClientSession, web

from integrations.models import (
    Ask,
    AuthRefused,
    BillingRefused,
    InvalidAnswer,
    Model,
    ModelError,
    NoSuchModel,
    Overloaded,
    PromptTooLong,
    RateLimited,
    Refused,
    RequestRejected,
    Truncated,
    Unreachable,
)
from integrations.models.anthropic import AnthropicModel
from integrations.models.judgements import (
    ClaimFacts,
    JudgementKind,
    PassageFact,
    RepositoryFact,
    ReviewAnswer,
    ReviewFacts,
    ScopeAnswer,
    ScopeFacts,
    Verification,
    fence_facts,
)
from integrations.models.openai import OpenAIModel
from integrations.playground.models import BadFault, ModelServer, add_routes
from integrations.playground.place import Place

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
KEY = "playground-model-key"
FACTS = ScopeFacts(
    request="customers want CSV export of invoices",
    requester="ana",
    repositories=(RepositoryFact(slug="acme/ledgerline", base_branch="main", files=("app/web.py",)),),
    passages=(
        PassageFact(
            passage_id="p1", source_id="s1", text="We need a CSV export of our invoices.", customer="Northwind"
        ),
    ),
)
SCOPE = Ask("scope", "You scope requests.", f"Scope this.\n\n{fence_facts(JudgementKind.SCOPE, FACTS)}\n")


@dataclass
class World:
    server: ModelServer
    place: Place

    def model(self, family: str, key: str = KEY, timeout: float = 30.0) -> Model:
        if family == "anthropic":
            return AnthropicModel(key, self.place.anthropic_base_url, "claude-test", clock=lambda: NOW, timeout=timeout)
        return OpenAIModel(key, self.place.openai_base_url, "gpt-test", clock=lambda: NOW, timeout=timeout)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=1)
    place = Place(tmp_path, "", "page", "xoxb", "xapp", "ghp", KEY, "sntry")
    server = add_routes(app, place)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield World(server, Place(tmp_path, f"http://127.0.0.1:{port}", "page", "xoxb", "xapp", "ghp", KEY, "sntry"))
    await runner.cleanup()


FAMILIES = pytest.mark.parametrize("family", ["anthropic", "openai"])


@FAMILIES
async def test_a_question_is_answered_in_its_schema_with_honest_tokens(world: World, family: str) -> None:
    model = world.model(family)
    answer = await model.answer(SCOPE, ScopeAnswer)
    await model.close()
    assert answer.value.title == "Add CSV export of invoices"
    assert answer.value.citations[0].quote == "We need a CSV export of our invoices."
    assert answer.family == family and answer.model == model.name
    assert answer.usage.output == -(-len(answer.value.model_dump_json()) // 4)
    sent = len(SCOPE.prompt) + len(SCOPE.system)
    assert answer.usage.input > sent // 4 and answer.usage.cached == 0
    [call] = world.server.calls()
    assert (call["family"], call["kind"], call["status"], call["stop"]) == (family, "scope", 200, "end")
    assert call["input_tokens"] == answer.usage.input and call["prompt"] == SCOPE.prompt


@FAMILIES
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"answer": 400}, RequestRejected),
        ({"answer": 401}, AuthRefused),
        ({"answer": 403}, AuthRefused),
        ({"answer": 404}, NoSuchModel),
        ({"answer": 413}, PromptTooLong),
        ({"answer": "too_long"}, PromptTooLong),
        ({"answer": "billing"}, BillingRefused),
        ({"answer": 500}, Overloaded),
        ({"answer": 503}, Overloaded),
        ({"answer": 529}, Overloaded),
        ({"answer": "refusal"}, Refused),
        ({"answer": "truncated"}, Truncated),
        ({"answer": "invalid"}, InvalidAnswer),
        ({"answer": "drop"}, Unreachable),
    ],
    ids=lambda value: str(value.get("answer")) if isinstance(value, dict) else value.kind,
)
async def test_each_trouble_is_its_own_typed_error(
    world: World, family: str, fault: dict[str, object], error: type[ModelError]
) -> None:
    model = world.model(family)
    world.server.fault(fault)
    with pytest.raises(error) as caught:
        await model.answer(SCOPE, ScopeAnswer)
    assert type(caught.value) is error
    assert KEY not in str(caught.value) and family in caught.value.user_message
    paid = error in (Refused, Truncated, InvalidAnswer)
    assert (caught.value.usage.output > 0) is paid, "what was answered is paid for, whether or not it is of use"
    again = await model.answer(SCOPE, ScopeAnswer)
    assert again.value.clear, "a fault is met once"
    await model.close()
    assert len(world.server.calls()) == 2, "the client did not retry by itself"


@FAMILIES
async def test_a_rate_limit_says_when_to_come_back(world: World, family: str) -> None:
    model = world.model(family)
    world.server.fault({"answer": 429, "retry_after": 7, "next": 2})
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await model.answer(SCOPE, ScopeAnswer)
        assert caught.value.retryable and caught.value.not_before == NOW + timedelta(seconds=7)
    await model.answer(SCOPE, ScopeAnswer)
    await model.close()


@FAMILIES
async def test_a_server_that_hangs_is_unreachable_in_time(world: World, family: str) -> None:
    model = world.model(family, timeout=0.3)
    world.server.fault({"answer": "hang", "seconds": 5})
    with pytest.raises(Unreachable) as caught:
        await model.answer(SCOPE, ScopeAnswer)
    assert caught.value.retryable
    await model.close()


@FAMILIES
async def test_nobody_listening_is_unreachable(family: str) -> None:
    model: Model = (
        AnthropicModel("k", "http://127.0.0.1:9", "m")
        if family == "anthropic"
        else OpenAIModel("k", "http://127.0.0.1:9", "m")
    )
    with pytest.raises(Unreachable):
        await model.answer(SCOPE, ScopeAnswer)
    await model.close()


@FAMILIES
async def test_a_wrong_key_is_refused(world: World, family: str) -> None:
    model = world.model(family, key="somebody-elses")
    with pytest.raises(AuthRefused):
        await model.answer(SCOPE, ScopeAnswer)
    await model.close()


@FAMILIES
async def test_the_output_limit_is_kept(world: World, family: str) -> None:
    model = world.model(family)
    with pytest.raises(Truncated) as caught:
        await model.answer(Ask("scope", SCOPE.system, SCOPE.prompt, max_output_tokens=20), ScopeAnswer)
    assert caught.value.usage.output == 20
    await model.close()


@FAMILIES
async def test_a_fault_of_one_family_leaves_the_other_alone(world: World, family: str) -> None:
    other = "openai" if family == "anthropic" else "anthropic"
    world.server.fault({"answer": 500, "family": other})
    model = world.model(family)
    await model.answer(SCOPE, ScopeAnswer)
    await model.close()


async def test_two_families_are_two_opinions(world: World) -> None:
    diff = (
        "diff --git a/app/web.py b/app/web.py\n--- a/app/web.py\n+++ b/app/web.py\n@@ -1,1 +1,2 @@\n import os\n"
        '+print("DEBUG", os)\n'
    )
    facts = ReviewFacts(
        task="T-1 Web", goal="Print less", acceptance=(), focus="", base_sha="a" * 40, head_sha="b" * 40, diff=diff,
        changed_files=("app/web.py",),
    )  # fmt: skip
    ask = Ask("review", "You review.", fence_facts(JudgementKind.REVIEW, facts))
    said = {}
    for family in ("anthropic", "openai"):
        model = world.model(family)
        said[family] = (await model.answer(ask, ReviewAnswer)).value
        await model.close()
    assert said["anthropic"].verdict == "request_changes" and said["openai"].verdict == "approve"
    assert said["anthropic"].summary != said["openai"].summary


@FAMILIES
@pytest.mark.parametrize(("title", "result"), [("Debug line left behind", "confirmed"), ("It is ugly", "unsure")])
async def test_a_stand_in_confirms_only_what_its_rules_see_on_the_line(
    world: World, family: str, title: str, result: str
) -> None:
    code = '1: import os\n2: print("DEBUG", os)\n3: x = 1'
    claim = ClaimFacts(path="app/web.py", line=2, title=title, why="it runs for everybody", code=code)
    model = world.model(family)
    ask = Ask("verify", "You check.", fence_facts(JudgementKind.VERIFY, claim))
    said = (await model.answer(ask, Verification)).value
    elsewhere = claim.model_copy(update={"line": 3})
    ask = Ask("verify", "You check.", fence_facts(JudgementKind.VERIFY, elsewhere))
    assert (await model.answer(ask, Verification)).value.result == "unsure"
    await model.close()
    assert said.result == result


@pytest.mark.parametrize("path", ["/anthropic/v1/messages", "/openai/v1/responses"])
async def test_without_facts_it_says_what_it_is(world: World, path: str) -> None:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}], "input": "hello"}
    async with (
        ClientSession(headers={"x-api-key": KEY}) as session,
        session.post(world.place.url + path, json=body) as response,
    ):
        assert response.status == 200
        assert "stand-in of Waggle's playground" in await response.text()


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/anthropic/v1/messages", {"type": "error", "error": {"type": "authentication_error"}}),
        ("/openai/v1/responses", {"error": {"code": "invalid_api_key"}}),
    ],
)
async def test_errors_have_each_vendors_shape(world: World, path: str, shape: dict[str, object]) -> None:
    async with ClientSession() as session, session.post(world.place.url + path, json={}) as response:
        assert response.status == 401
        body = await response.json()
    for name, value in shape.items():
        assert value == body[name] if isinstance(value, str) else value.items() <= body[name].items()  # type: ignore[attr-defined]  # a table of JSON


@pytest.mark.parametrize("path", ["/anthropic/v1/messages", "/openai/v1/responses"])
@pytest.mark.parametrize("body", ["", "[]", "{}", '{"model": "m", "max_tokens": "x", "messages": 5, "input": 5}'])
async def test_malformed_requests_are_400(world: World, path: str, body: str) -> None:
    async with (
        ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session,
        session.post(world.place.url + path, data=body) as response,
    ):
        assert response.status == 400


async def test_streams_carry_the_same_answer(world: World) -> None:
    claude = anthropic.AsyncAnthropic(api_key=KEY, base_url=world.place.anthropic_base_url, max_retries=0)
    async with claude.messages.stream(
        model="m", max_tokens=4000, messages=[{"role": "user", "content": SCOPE.prompt}]
    ) as stream:
        message = await stream.get_final_message()
    assert message.stop_reason == "end_turn"
    assert ScopeAnswer.model_validate_json(await _text(message)).clear
    await claude.close()
    gpt = openai.AsyncOpenAI(api_key=KEY, base_url=world.place.openai_base_url, max_retries=0)
    async with gpt.responses.stream(model="m", input=SCOPE.prompt) as events:
        response = await events.get_final_response()
    assert ScopeAnswer.model_validate_json(response.output_text).clear
    await gpt.close()


async def _text(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


async def test_a_prompt_longer_than_aiohttps_own_limit_is_read(world: World) -> None:
    model = world.model("anthropic")
    long = Ask("scope", "s", SCOPE.prompt + "x" * 1_500_000)
    assert (await model.answer(long, ScopeAnswer)).usage.input > 375_000
    await model.close()


async def test_the_environment_is_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "from-the-environment")
    for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for family in ("anthropic", "openai"):
        model = world.model(family)
        await model.answer(SCOPE, ScopeAnswer)
        await model.close()


async def test_calls_outlive_the_server(world: World) -> None:
    model = world.model("openai")
    await model.answer(SCOPE, ScopeAnswer)
    await model.close()
    again = ModelServer(world.place)
    assert [call["kind"] for call in again.calls()] == ["scope"]
    again.close()


@pytest.mark.parametrize(
    "spec", [{"answer": 418}, {"answer": "x"}, {"family": "gemini"}, {"nxt": 1}, {"answer": 500, "next": -1}]
)
async def test_a_fault_that_makes_no_sense_is_named(world: World, spec: dict[str, object]) -> None:
    with pytest.raises(BadFault):
        world.server.fault(spec)


async def test_clear_ends_all_trouble(world: World) -> None:
    world.server.fault({"answer": 500, "next": 10})
    world.server.fault({"clear": True})
    model = world.model("anthropic")
    await model.answer(SCOPE, ScopeAnswer)
    await model.close()


def test_schemas_are_closed_and_complete_as_strict_mode_demands() -> None:
    for schema in (ScopeAnswer, ReviewAnswer):
        text = json.dumps(schema.model_json_schema())
        objects = [one for one in _objects(json.loads(text)) if one.get("type") == "object"]
        assert objects and all(set(one["required"]) == set(one["properties"]) for one in objects)
        assert all(one["additionalProperties"] is False for one in objects)


def _objects(value: object) -> list[dict[str, list[str]]]:
    if isinstance(value, list):
        return [one for part in value for one in _objects(part)]
    if isinstance(value, dict):
        return [value, *(one for part in value.values() for one in _objects(part))]
    return []
