"""From `waggle.toml` and the environment to the agents: who logs in with what, and what their commands are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import parse
from bot.config_agents import agent_settings, held_secrets
from bot.services import services_of
from bot.settings import Settings
from integrations.agents import AgentRun, Command
from integrations.agents.catalog import adapter_for


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def command(tmp_path: Path, name: str, toml: str = "", *, model: str | None = None) -> Command:
    """What is started for the agent `name`, under this document and the environment."""
    settings = agent_settings(Settings.load(env_file=tmp_path / ".env"), parse(toml), tmp_path / "agents")
    adapter = adapter_for(settings, name)
    assert adapter is not None
    run = AgentRun("t-1-a1", "Do it.", tmp_path, "5e55", model=model, home=tmp_path / "agents" / name)
    return adapter.command(run)


def logins(made: Command) -> set[str]:
    return {name for name in made.env if name.endswith(("_KEY", "_TOKEN", "_HOME")) or name == "CLAUDE_CONFIG_DIR"}


@pytest.mark.parametrize(
    ("agent", "environment", "toml", "given"),
    [
        ("claude-code", {}, "", set()),
        ("claude-code", {"ANTHROPIC_API_KEY": "k"}, "", {"ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR"}),
        ("claude-code", {"ANTHROPIC_API_KEY": "k"}, '[[agent]]\nname = "claude-code"\nlogin = "own"', set()),
        (
            "claude-code",
            {"ANTHROPIC_API_KEY": "k", "CLAUDE_CODE_OAUTH_TOKEN": "t"},
            "",
            {"CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR"},
        ),
        ("codex", {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, "", {"OPENAI_API_KEY", "CODEX_HOME"}),
        ("codex", {"OPENAI_API_KEY": "k"}, '[[agent]]\nname = "codex"\nlogin = "own"', set()),
        ("opencode", {"OPENAI_API_KEY": "k"}, "", set()),
        ("mini", {"OPENAI_API_KEY": "k"}, '[[agent]]\nname = "mini"\ncommand = ["mini"]', set()),
        (
            "mini",
            {"OPENAI_API_KEY": "k", "OTHER_KEY": "o"},
            '[[agent]]\nname = "mini"\ncommand = ["mini"]\nenv = ["OPENAI_API_KEY", "NOT_SET_KEY"]',
            {"OPENAI_API_KEY"},
        ),
    ],
)
def test_an_agent_is_given_its_own_login_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    agent: str,
    environment: dict[str, str],
    toml: str,
    given: set[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert logins(command(tmp_path, agent, toml)) == given


def test_a_variable_may_stand_in_the_env_file_and_is_known_as_a_secret(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENROUTER_API_KEY=planted-in-a-file\n")
    toml = '[[agent]]\nname = "opencode"\nmodel = "openrouter/x"\nenv = ["OPENROUTER_API_KEY"]'
    made = command(tmp_path, "opencode", toml)
    assert made.env["OPENROUTER_API_KEY"] == "planted-in-a-file"
    assert "planted-in-a-file" in held_secrets(Settings.load(env_file=tmp_path / ".env"), parse(toml))


def test_an_agent_of_your_own_is_called_as_described(tmp_path: Path) -> None:
    toml = '[[agent]]\nname = "mini"\ncommand = ["mini", "-m", "{model}", "-f", "{prompt_file}"]'
    made = command(tmp_path, "mini", toml, model="m-1")
    assert made.argv[:4] == ("mini", "-m", "m-1", "-f")
    assert Path(made.argv[4]).read_text() == "Do it."


def test_claude_code_takes_words_while_it_runs_unless_told_otherwise(tmp_path: Path) -> None:
    assert command(tmp_path, "claude-code").live_input
    assert not command(tmp_path, "claude-code", '[[agent]]\nname = "claude-code"\nlive = false').live_input


@pytest.mark.parametrize(
    ("programs", "environment", "agent"),
    [
        ((), {"ANTHROPIC_API_KEY": "k"}, "scripted"),
        (("claude", "codex"), {}, "scripted"),
        (("claude", "codex"), {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "claude-code"),
        (("claude", "codex"), {"CLAUDE_CODE_OAUTH_TOKEN": "t"}, "claude-code"),
        (("claude", "codex"), {"OPENAI_API_KEY": "k"}, "codex"),
    ],
)
def test_a_real_agent_is_routed_to_once_its_program_and_its_key_are_there(
    monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...], environment: dict[str, str], agent: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = services_of(Settings.load(env_file=None), lambda name: f"/bin/{name}" if name in programs else None)
    assert found.agent == agent
