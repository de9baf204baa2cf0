"""How each agent is called: what stands in its arguments and its environment, and what never does."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from integrations.agents import AgentAdapter, AgentRun
from integrations.agents.catalog import AgentSettings, adapter_for, adapters, known
from integrations.agents.command import CommandDescription
from integrations.agents.scripted import ScriptedAgent
from integrations.engines.environment import ForbiddenVariable, clean_environment

#: what surrounds Waggle: its own secrets, and things that only concern whoever started it
AROUND = {
    "PATH": "/usr/bin",
    "HOME": "/home/ana",
    "LANG": "C.UTF-8",
    "SLACK_BOT_TOKEN": "planted-slack",
    "GITHUB_TOKEN": "planted-github",
    "GH_TOKEN": "planted-gh",
    "SENTRY_AUTH_TOKEN": "planted-sentry",
    "ANTHROPIC_API_KEY": "planted-other-key",
    "NODE_OPTIONS": "--require /tmp/evil.js",
    "WAGGLE_HOME": "/home/ana/.waggle",
}

SETTINGS = AgentSettings(
    enabled=("claude-code", "codex", "opencode", "scripted", "mini"),
    anthropic_api_key="key-a",
    openai_api_key="key-o",
    credentials={"opencode": {"OPENAI_API_KEY": "key-o"}},
    commands={"mini": CommandDescription(("mini", "-m", "{model}", "--json", '{"a": 1}'))},
    environment=AROUND,
)


@pytest.fixture
def run(tmp_path: Path) -> AgentRun:
    return AgentRun(run="t-1-a1", prompt="Do it.", cwd=tmp_path, session_id="5e55", home=tmp_path / "home")


def adapter(name: str, **changes: object) -> AgentAdapter:
    made = adapter_for(replace(SETTINGS, **changes), name)  # type: ignore[arg-type]
    assert made is not None
    return made


@pytest.mark.parametrize("name", SETTINGS.enabled)
def test_the_prompt_comes_on_standard_input_and_never_in_an_argument(name: str, run: AgentRun) -> None:
    command = adapter(name).command(run)
    assert command.stdin == b"Do it."
    assert not any("Do it." in part for part in command.argv)


@pytest.mark.parametrize("name", SETTINGS.enabled)
def test_none_of_waggles_secrets_reach_an_agent(name: str, run: AgentRun) -> None:
    command = adapter(name).command(run)
    assert not any("planted" in value for value in command.env.values())
    assert not set(command.env) & {"NODE_OPTIONS", "WAGGLE_HOME"}
    assert command.env["PATH"] == "/usr/bin"


@pytest.mark.parametrize("name", SETTINGS.enabled)
def test_no_secret_stands_in_an_argument_or_is_shown(name: str, run: AgentRun) -> None:
    command = adapter(name).command(run)
    assert not any("key-" in part for part in command.argv)
    assert "key-" not in repr(command)
    assert "key-" not in repr(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS.enabled)
def test_nothing_asks_a_person_at_the_keyboard(name: str, run: AgentRun) -> None:
    env = adapter(name).command(run).env
    assert env["GIT_TERMINAL_PROMPT"] == "0"
    assert env["GIT_EDITOR"] == "true"


@pytest.mark.parametrize(
    "forbidden", ["SLACK_BOT_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_APP_PRIVATE_KEY"]
)
def test_a_token_of_waggles_own_is_refused_even_when_it_is_asked_for(forbidden: str) -> None:
    with pytest.raises(ForbiddenVariable):
        clean_environment(allow=[forbidden], source=AROUND)
    with pytest.raises(ForbiddenVariable):
        clean_environment(extra={forbidden: "x"}, source=AROUND)
    with pytest.raises(ForbiddenVariable):
        adapter("claude-code", credentials={"claude-code": {forbidden: "x"}}).command(
            AgentRun(run="r", prompt="", cwd=Path(), session_id="s", home=Path())
        )


def test_an_environment_holds_the_basics_the_allowed_and_the_added() -> None:
    made = clean_environment(allow=["ANTHROPIC_API_KEY", "MISSING"], extra={"CI": "1"}, source=AROUND)
    assert set(made) == {"PATH", "HOME", "LANG", "ANTHROPIC_API_KEY", "CI"}


def test_claude_with_a_key_has_its_own_directory_and_sends_nothing_else_home(run: AgentRun) -> None:
    env = adapter("claude-code").command(run).env
    assert env["ANTHROPIC_API_KEY"] == "key-a"
    assert env["CLAUDE_CONFIG_DIR"] == str(run.home)
    assert env["DISABLE_TELEMETRY"] == env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == "1"
    assert ("IS_SANDBOX" in env) is (os.geteuid() == 0)


def test_claude_without_a_key_uses_the_login_of_the_user(run: AgentRun) -> None:
    env = adapter("claude-code", anthropic_api_key=None).command(run).env
    assert "CLAUDE_CONFIG_DIR" not in env
    assert env["HOME"] == "/home/ana"


def test_claude_begins_a_session_that_we_name_and_goes_on_with_it(run: AgentRun) -> None:
    fresh = adapter("claude-code").command(run).argv
    resumed = adapter("claude-code").command(replace(run, resume=True)).argv
    assert fresh[fresh.index("--session-id") + 1] == "5e55"
    assert resumed[resumed.index("--resume") + 1] == "5e55"
    assert "--session-id" not in resumed


def test_claude_is_bounded_by_turns_and_dollars(run: AgentRun) -> None:
    argv = adapter("claude-code").command(replace(run, max_turns=40, budget_usd=2.5, model="claude-sonnet-5")).argv
    options = dict(pairwise(argv))
    assert (options["--max-turns"], options["--max-budget-usd"]) == ("40", "2.50")
    assert options["--model"] == "claude-sonnet-5"


def test_a_live_claude_takes_its_prompt_and_guidance_as_lines(run: AgentRun) -> None:
    made = adapter("claude-code", live=frozenset({"claude-code"}))
    command = made.command(replace(run, prompt="Two\nlines."))
    assert (command.live_input, command.input_ends_on) == (True, "result")
    assert json.loads(command.stdin)["message"]["content"] == "Two\nlines."
    assert command.stdin.count(b"\n") == 1


def test_codex_with_a_key_speaks_the_plain_api_from_its_own_directory(run: AgentRun) -> None:
    command = adapter("codex", openai_base_url="http://127.0.0.1:1/v1").command(run)
    assert command.env["CODEX_HOME"] == str(run.home)
    assert 'model_providers.waggle.base_url="http://127.0.0.1:1/v1"' in command.argv
    assert 'model_providers.waggle.env_key="OPENAI_API_KEY"' in command.argv
    assert command.argv[-1] == "-"


def test_codex_without_a_key_uses_the_login_of_the_user(run: AgentRun) -> None:
    made = adapter("codex", openai_api_key=None, environment={**AROUND, "CODEX_HOME": "/home/ana/.my-codex"})
    command = made.command(run)
    assert command.env["CODEX_HOME"] == "/home/ana/.my-codex"
    assert not any("model_provider" in part for part in command.argv)


def test_codex_goes_on_with_a_thread_where_it_runs(run: AgentRun) -> None:
    argv = adapter("codex").command(replace(run, resume=True)).argv
    assert argv[1:4] == ("exec", "resume", "5e55")
    assert "-C" not in argv


def test_opencode_with_a_key_keeps_its_files_to_itself(run: AgentRun) -> None:
    command = adapter("opencode", models={"opencode": "openai/gpt-5"}).command(replace(run, resume=True))
    assert command.env["XDG_DATA_HOME"].startswith(str(run.home))
    assert command.argv[-4:] == ("-s", "5e55", "-m", "openai/gpt-5")


@pytest.mark.parametrize(
    ("model", "family"), [("openai/gpt-5", "openai"), ("anthropic/claude-sonnet-5", "anthropic"), ("", "opencode")]
)
def test_opencode_writes_in_the_family_of_its_model(model: str, family: str) -> None:
    assert adapter("opencode", models={"opencode": model}).family == family


def test_extra_arguments_of_the_settings_are_passed_on(run: AgentRun) -> None:
    command = adapter("claude-code", extra_args={"claude-code": ("--add-dir", "/srv")}).command(run)
    assert command.argv[-2:] == ("--add-dir", "/srv")


def test_the_scripted_agent_lies_where_it_is_called() -> None:
    made = adapter("scripted")
    assert isinstance(made, ScriptedAgent)
    assert [finding.ok for finding in made.preflight()] == [True]


def test_only_enabled_agents_are_offered_in_their_order() -> None:
    assert list(adapters(replace(SETTINGS, enabled=("codex", "nobody", "claude-code")))) == ["codex", "claude-code"]
    assert set(known(SETTINGS)) == set(SETTINGS.enabled)


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("name", ["claude-code", "codex", "opencode", "mini"])
def test_a_missing_program_is_named_with_its_cure(name: str) -> None:
    findings = adapter(name, environment={"PATH": "/nowhere"}).preflight()
    assert [finding.ok for finding in findings] == [False]
    assert "is not on PATH" in findings[0].detail
    assert findings[0].fix


def test_a_program_that_answers_shows_its_version_and_its_login(tmp_path: Path) -> None:
    binary = program(tmp_path / "claude", "echo '2.1.330 (Claude Code)'")
    made = adapter("claude-code", binaries={"claude-code": binary})
    found = {finding.check: finding for finding in made.preflight()}
    assert found["claude-code"].ok
    assert "2.1.330" in found["claude-code"].detail
    assert found["claude-code login"].detail == "given: ANTHROPIC_API_KEY"
    assert "key-a" not in repr(found)


def test_a_program_that_fails_is_said_to(tmp_path: Path) -> None:
    binary = program(tmp_path / "codex", "echo 'no such library' >&2; exit 1")
    findings = adapter("codex", binaries={"codex": binary}).preflight()
    assert [finding.ok for finding in findings] == [False]
    assert "no such library" in findings[0].detail


def test_without_a_key_and_without_a_login_the_cure_is_named(tmp_path: Path) -> None:
    binary = program(tmp_path / "codex", "echo codex-cli 0.169.0")
    made = adapter(
        "codex",
        openai_api_key=None,
        binaries={"codex": binary},
        environment={"PATH": "/usr/bin", "HOME": str(tmp_path), "TMPDIR": "/nowhere"},
    )
    login = next(finding for finding in made.preflight() if finding.check == "codex login")
    assert not login.ok
    assert "codex login" in login.fix
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "auth.json").write_text("{}")
    login = next(finding for finding in made.preflight() if finding.check == "codex login")
    assert login.ok


def test_a_codex_home_under_the_temporary_directory_is_found(tmp_path: Path) -> None:
    binary = program(tmp_path / "codex", "echo codex-cli 0.169.0")
    around = {"PATH": "/usr/bin", "HOME": "/root", "TMPDIR": str(tmp_path)}
    made = adapter("codex", binaries={"codex": binary}, home=tmp_path, environment=around)
    home = next(finding for finding in made.preflight() if finding.check == "codex home")
    assert not home.ok
    assert "WAGGLE_HOME" in home.fix


def test_opencode_wants_its_model_with_its_provider(tmp_path: Path) -> None:
    binary = program(tmp_path / "opencode", "echo 1.18.33")
    made = adapter("opencode", binaries={"opencode": binary}, models={"opencode": "gpt-5"})
    assert [finding.check for finding in made.preflight() if not finding.ok] == ["opencode model"]


def test_asking_for_a_version_leaves_nothing_where_waggle_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "codex"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nmkdir -p "$CODEX_HOME/tmp" && echo "codex 1.2.3 in $PWD"\n')
    program.chmod(0o755)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    made = adapter("codex", environment={**AROUND, "PATH": f"{program.parent}:/usr/bin:/bin"})
    assert made.version().startswith("codex 1.2.3 in ")
    assert not list(here.iterdir())
