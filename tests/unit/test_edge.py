"""The edge's small decisions: what is real, where repositories live, who is asked, who may do what."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import select

from bot.config import parse
from bot.config_schema import Access
from bot.github_settings import GitHubSettings
from bot.grants import apply_access
from bot.panel import Panels, StandIn
from bot.problems import nearest
from bot.remotes import remote_of, web_root
from bot.services import services_of
from bot.setting_groups import AnthropicSettings, OpenAISettings, SlackSettings
from bot.settings import Settings
from bot.slack.access import grant
from bot.ticking import answer_requests, ask_running
from scheduler.monitor import TickReport
from scheduler.registry import Person, Registry, Topic
from tests.conftest import Clock

STAND_IN = StandIn("http://127.0.0.1:1/anthropic", "http://127.0.0.1:1/openai/v1", "key")


def settings(tmp_path: Path, *given: str) -> Settings:
    made = Settings.isolated(tmp_path)
    secret = SecretStr("a-key")
    groups = {
        "slack": SlackSettings.model_construct(bot_token=secret, app_token=secret),
        "github": GitHubSettings.model_construct(token=secret),
        "anthropic": AnthropicSettings.model_construct(api_key=secret),
        "openai": OpenAISettings.model_construct(api_key=secret),
    }
    return replace(made, **{name: groups[name] for name in given})


# --- what is real ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "playground", "said"),
    [
        ((), True, ["GitHub is the playground's.", "No model is connected", "The agent is scripted"]),
        (("slack",), True, ["GitHub is the playground's.", "No model", "The agent is scripted"]),
        (("slack", "github"), False, ["No model", "The agent is scripted"]),
        (("github", "openai"), True, ["One model family"]),
        (("slack", "github", "anthropic", "openai"), False, []),
    ],
)
def test_each_service_is_real_once_it_has_its_credentials(tmp_path, given, playground, said) -> None:
    services = services_of(settings(tmp_path, *given), lambda program: f"/usr/bin/{program}")
    assert services.playground is playground
    assert len(services.missing()) == len(said)
    assert all(told.startswith(words) for told, words in zip(services.missing(), said, strict=True))


def test_an_agent_is_chosen_by_itself_only_with_its_program_and_its_key(tmp_path) -> None:
    def nowhere(program: str) -> None:
        return None

    assert services_of(settings(tmp_path), lambda program: "/usr/bin/claude").agent == "scripted"
    assert services_of(settings(tmp_path, "anthropic"), nowhere).agent == "scripted"
    assert services_of(settings(tmp_path, "anthropic"), lambda program: "/usr/bin/claude").agent == "claude-code"


# --- where repositories live -----------------------------------------------------------------------------------------


def test_the_token_goes_to_no_other_address() -> None:
    document = parse(
        '[[repository]]\nslug = "acme/app"\n'
        '[[repository]]\nslug = "acme/moved"\nremote = "https://git.example.com/acme/moved.git"\n'
        '[[repository]]\nslug = "acme/trap"\nremote = "https://github.com.example.net/acme/trap.git"\n'
    )
    root = web_root("https://api.github.com")
    urls = {one.slug: remote_of(document, one.slug, root, lambda: "token") for one in document.repository}
    assert urls["acme/app"].url == "https://github.com/acme/app.git" and urls["acme/app"].token is not None
    assert urls["acme/moved"].url == "https://git.example.com/acme/moved.git" and urls["acme/moved"].token is None
    assert urls["acme/trap"].token is None


def test_an_own_server_is_found_from_its_api_address() -> None:
    assert web_root("https://git.example.com/api/v3") == "https://git.example.com"
    assert web_root("https://api.acme.ghe.com") == "https://acme.ghe.com"


# --- who is asked ----------------------------------------------------------------------------------------------------


async def test_stand_ins_answer_where_there_is_no_key_and_say_that_they_are_not_real(tmp_path, clock: Clock) -> None:
    panels = Panels(settings(tmp_path), STAND_IN, clock)
    panel = panels.panel(parse(""))
    assert [(one.family, one.real) for one in panel.judges] == [("anthropic", False), ("openai", False)]
    assert [one.voice.family for one in panel.reviewers] == ["anthropic", "openai"]
    await panels.close()


async def test_a_real_model_judges_alone_and_a_stand_in_may_still_review(tmp_path, clock: Clock) -> None:
    panels = Panels(settings(tmp_path, "openai"), STAND_IN, clock)
    panel = panels.panel(parse(""))
    assert [(one.family, one.real) for one in panel.judges] == [("openai", True)]
    assert {one.voice.family: one.voice.real for one in panel.reviewers} == {"anthropic": False, "openai": True}
    await panels.close()


async def test_without_keys_and_stand_ins_nobody_is_asked(tmp_path, clock: Clock) -> None:
    panel = Panels(settings(tmp_path), None, clock).panel(parse(""))
    assert panel.judges == () and panel.reviewers == ()


async def test_the_document_names_judges_and_reviewers(tmp_path, clock: Clock) -> None:
    panels = Panels(settings(tmp_path, "anthropic", "openai"), None, clock)
    document = parse(
        '[models]\njudge = ["openai:gpt-x", "anthropic:claude-y"]\n'
        '[[reviewer]]\nname = "careful"\nfamily = "anthropic"\nmodel = "claude-z"\nfocus = "security"\n'
        '[[reviewer]]\nname = "quick"\nfamily = "openai"\n'
    )
    panel = panels.panel(document)
    assert [one.model.name for one in panel.judges] == ["gpt-x", "claude-y"]
    assert (panel.reviewers[0].name, panel.reviewers[0].voice.model.name) == ("careful", "claude-z")
    assert panel.reviewers[0].focus == "security" and panel.reviewers[1].focus
    assert panels.panel(document).judges[0].model is panel.judges[0].model, "one client for each model"
    await panels.close()


# --- who may do what -------------------------------------------------------------------------------------------------


def roles(registry: Registry) -> dict[str, str]:
    def read(session) -> dict[str, str]:
        return {row.user_id: row.role for row in session.exec(select(Person)).all()}

    return registry.read_now(read)


def test_the_file_lets_people_in_and_out_again(registry: Registry, clock: Clock) -> None:
    first = Access(admins=("U0ANA",), approvers=("U0BEN",))
    registry.write_now(lambda session: apply_access(session, clock(), first))
    assert roles(registry) == {"U0ANA": "admin", "U0BEN": "approver"}
    second = Access(admins=("U0ANA",), viewers=("U0EVE",))
    registry.write_now(lambda session: apply_access(session, clock(), second))
    assert roles(registry) == {"U0ANA": "admin", "U0EVE": "viewer"}


def test_whom_an_admin_let_in_stays_and_keeps_the_higher_role(registry: Registry, clock: Clock) -> None:
    def arrange(session) -> None:
        grant(session, clock(), "U0BEN", "approver", by="U0ANA")
        grant(session, clock(), "U0EVE", "viewer", by="U0ANA")

    registry.write_now(arrange)
    access = Access(requesters=("U0BEN", "U0EVE"))
    registry.write_now(lambda session: apply_access(session, clock(), access))
    assert roles(registry) == {"U0BEN": "approver", "U0EVE": "requester"}
    registry.write_now(lambda session: apply_access(session, clock(), Access()))
    assert roles(registry) == {"U0BEN": "approver"}


# --- a tick that somebody asks for -----------------------------------------------------------------------------------


async def test_a_tick_that_is_asked_for_is_made_once_and_answered(registry: Registry, clock: Clock) -> None:
    made = 0

    async def tick() -> TickReport:
        nonlocal made
        made += 1
        return TickReport(seen=made)

    answering = asyncio.create_task(answer_requests(registry, tick, clock))
    await asyncio.sleep(0)
    ringing = asyncio.create_task(_ring(registry))
    reports = [await asyncio.to_thread(ask_running, registry, clock) for _ in range(2)]
    answering.cancel()
    ringing.cancel()
    assert [report["seen"] for report in reports if report] == [1, 2]
    assert made == 2


async def _ring(registry: Registry) -> None:
    """What the supervisor does when another process wrote."""
    while True:
        registry.ring([Topic.SUPERVISOR])
        await asyncio.sleep(0.02)


def test_the_nearest_word_is_found_whatever_its_case() -> None:
    assert nearest("Approve_Plan", ["approve_plans", "age_step"]) == "approve_plans"
    assert nearest("zzz", ["approve_plans"]) == ""
