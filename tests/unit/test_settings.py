"""The environment: every mistake at once with its cure, nothing needed, and nothing of it when isolated."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.problems import ProblemsError
from bot.settings import Settings

NO_FILE = None


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def mistakes(env_file: Path | None = None) -> list[str]:
    with pytest.raises(ProblemsError) as found:
        Settings.load(env_file=env_file)
    return [str(problem) for problem in found.value.problems]


def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    settings = Settings.load(env_file=NO_FILE)
    assert settings.waggle.home == tmp_path / ".waggle"
    assert settings.database_url == f"sqlite:///{tmp_path}/.waggle/registry.db"
    assert not (settings.slack.given or settings.github.given or settings.anthropic.given or settings.openai.given)
    assert settings.secrets() == () and settings.notes == ()


# name, value, words of what is wrong, words of the cure
SINGLE = [
    ("WAGGLE_TICK_SECONDS", "soon", "valid number", "remove WAGGLE_TICK_SECONDS"),
    ("WAGGLE_TICK_SECONDS", "0", "greater than or equal to 0.2", "Mend it"),
    ("WAGGLE_MAX_AGENTS", "-1", "greater than or equal to 0", "Mend it"),
    ("WAGGLE_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'", "Mend it"),
    ("WAGGLE_DATABASE_URL", "mysql://host/db", "cannot use such a database (mysql)", "sqlite:////absolute/path.db"),
    ("GITHUB_API_URL", "github.example.com", "not a web address", "https://"),
    ("GITHUB_API_URL", "https://ghe.example.com", "where GitHub's pages are", "https://ghe.example.com/api/v3"),
    ("GITHUB_WEBHOOK_SECRET", "hunter2", "can be guessed", "openssl rand"),
    ("GITHUB_WEBHOOK_LISTEN", "8765", "not HOST:PORT", "127.0.0.1:8765"),
    ("GITHUB_WEBHOOK_LISTEN", "127.0.0.1:80800", "not HOST:PORT", "127.0.0.1:8765"),
    ("SENTRY_AUTH_TOKEN", "sntryu_1", "SENTRY_ORG is not", "the organisation's slug"),
    ("SENTRY_AUTH_TOKEN", "sntrys_1", "cannot read issues", "internal integration"),
    ("SENTRY_URL", "sentry.acme.example", "not a web address", "https://"),
    ("SLACK_BOT_TOKEN", "xoxb-1", "SLACK_APP_TOKEN is not", "needs both"),
    ("SLACK_APP_TOKEN", "xapp-1", "SLACK_BOT_TOKEN is not", "needs both"),
]


@pytest.mark.parametrize(("name", "value", "what", "cure"), SINGLE)
def test_a_mistake_has_its_cure(monkeypatch, name: str, value: str, what: str, cure: str) -> None:
    monkeypatch.setenv(name, value)
    [only] = mistakes()
    assert what in only and cure in only


@pytest.mark.parametrize(
    ("bot", "app", "what"),
    [
        ("xapp-1-A", "xoxb-1", "swapped"),
        ("secret-words", "xapp-1", "not a bot token"),
        ("xoxb-1", "secret-words", "not an app token"),
    ],
)
def test_tokens_of_the_wrong_kind_are_told_without_showing_them(monkeypatch, bot: str, app: str, what: str) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", bot)
    monkeypatch.setenv("SLACK_APP_TOKEN", app)
    [only] = mistakes()
    assert what in only and "secret-words" not in only


def test_all_mistakes_are_told_at_once(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WAGGLE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("WAGGLE_MAX_AGENTS", "many")
    monkeypatch.setenv("OPENAI_BASE_URL", "nowhere")
    env_file = tmp_path / ".env"
    env_file.write_text("# fine\nthis is no setting\nSLACK_BOT_TOKEN=xoxb-1\n")
    found = mistakes(env_file)
    assert len(found) == 5
    assert any(one.startswith(f"{env_file}:2: `this is no setting`") for one in found)


def test_the_env_file_is_read_and_the_environment_goes_before_it(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('export WAGGLE_MAX_AGENTS=2\nGITHUB_TOKEN="from-the-file"\nANTHROPIC_API_KEY=\n')
    monkeypatch.setenv("GITHUB_TOKEN", "from-the-environment")
    settings = Settings.load()
    assert settings.waggle.max_agents == 2
    assert settings.secrets() == ("from-the-environment",)
    assert not settings.anthropic.given


def test_secrets_do_not_show_in_what_is_printed(monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_verysecretvalue")
    assert "verysecret" not in repr(Settings.load(env_file=NO_FILE))


def test_a_misspelled_name_is_noted(monkeypatch) -> None:
    monkeypatch.setenv("WAGGLE_HOEM", "/tmp/x")
    [note] = Settings.load(env_file=NO_FILE).notes
    assert "did you mean WAGGLE_HOME?" in note


def test_isolated_settings_know_nothing_of_env_file_and_environment(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GITHUB_TOKEN=from-the-file\n")
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "SENTRY_DSN"):
        monkeypatch.setenv(name, "a credential")
    monkeypatch.setenv("WAGGLE_HOME", "/nowhere")
    settings = Settings.isolated(tmp_path / "home")
    assert settings.secrets() == ()
    assert settings.waggle.home == tmp_path / "home"
    assert not settings.slack.given and not settings.github.given
    assert "a credential" not in settings.host.environment.values()


def test_no_credential_is_handed_to_the_programs_that_waggle_starts(monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "a credential")
    monkeypatch.setenv("SOMEBODYS_PASSWORD", "another")
    environment = Settings.load(env_file=NO_FILE).host.environment
    assert {"a credential", "another"}.isdisjoint(environment.values())
    assert environment["PATH"]


def test_a_sentry_is_given_with_its_projects_and_keeps_its_token(monkeypatch) -> None:
    for name, value in (
        ("SENTRY_AUTH_TOKEN", "sntryu_secret"),
        ("SENTRY_ORG", "acme"),
        ("SENTRY_PROJECTS", "shop-web, shop-api ,shop-web"),
        ("SENTRY_DSN", "https://key@o1.ingest.sentry.io/4507"),
    ):
        monkeypatch.setenv(name, value)
    settings = Settings.load(env_file=NO_FILE)
    assert settings.sentry.given and settings.sentry.project_slugs == ("shop-web", "shop-api")
    assert settings.sentry.own_project_id == "4507" and settings.sentry.url == "https://sentry.io"
    assert "sntryu_secret" in settings.secrets() and "sntryu_secret" not in repr(settings)


@pytest.mark.parametrize(("name", "value"), [("SENTRY_ORG", "Acme Inc"), ("SENTRY_PROJECTS", "shop,a/b")])
def test_what_is_no_slug_is_named(monkeypatch, name: str, value: str) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", "sntryu_1")
    monkeypatch.setenv("SENTRY_ORG", "acme")
    monkeypatch.setenv(name, value)
    [only] = mistakes()
    assert name in only and "is not a slug" in only
