"""What a repository says about itself, and the files that are written from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.config import parse
from bot.init.address import Address, read_address
from bot.init.commands import Commands, find_commands
from bot.init.plan import CannotAskError, Given, Plan, make_plan
from bot.init.writing import config_text, env_text, write_new
from bot.settings import Settings


@pytest.mark.parametrize(
    ("url", "host", "slug", "clone"),
    [
        ("git@github.com:acme/shop.git", "github.com", "acme/shop", "git@github.com:acme/shop.git"),
        ("https://github.com/acme/shop.git", "github.com", "acme/shop", "https://github.com/acme/shop.git"),
        ("https://github.com/acme/shop/", "github.com", "acme/shop", "https://github.com/acme/shop/"),
        ("ssh://git@ssh.github.com:443/acme/shop.git", "ssh.github.com", "acme/shop", "ssh://git@ssh.github.com:443/acme/shop.git"),
        ("https://ana:secret@ghe.example.com/acme/shop", "ghe.example.com", "acme/shop", "https://ghe.example.com/acme/shop"),
        ("git@ghe.corp:größe/läden.git", "ghe.corp", "", "git@ghe.corp:größe/läden.git"),
        ("https://ghe.example.com:8443/a/l%C3%A4den", "ghe.example.com:8443", "", "https://ghe.example.com:8443/a/l%C3%A4den"),
        ("acme/shop", "github.com", "acme/shop", "https://github.com/acme/shop.git"),
        ("/srv/git/acme/shop.git", "", "acme/shop", "/srv/git/acme/shop.git"),
        ("../shop", "", "", "../shop"),
        ("file:///srv/git/acme/shop.git", "", "acme/shop", "file:///srv/git/acme/shop.git"),
        ("https://github.com/shop", "github.com", "", "https://github.com/shop"),
    ],
)  # fmt: skip
def test_an_address_is_taken_apart_and_loses_its_password(url: str, host: str, slug: str, clone: str) -> None:
    assert read_address(url) == Address(host, slug, clone)


def test_enterprise_and_other_services_are_told_apart() -> None:
    assert read_address("git@ghe.example.com:a/b.git").api_url == "https://ghe.example.com/api/v3"
    assert read_address("git@github.com:a/b.git").api_url == ""
    assert read_address("git@gitlab.com:a/b.git").is_other and not read_address("git@ghe.example.com:a/b").is_other


_VENV = "python3 -m venv .venv && .venv/bin/pip install"


@pytest.mark.parametrize(
    ("files", "install", "verify"),
    [
        ({}, "", ""),
        ({"uv.lock": "", "pyproject.toml": "[tool.pytest]"}, "uv sync --frozen --all-extras", "uv run --frozen pytest"),
        ({"poetry.lock": "", "tests/test_a.py": ""}, "poetry install", "poetry run python -m unittest"),
        ({"requirements.txt": "", "requirements-dev.txt": "", "conftest.py": ""},
         f"{_VENV} -r requirements-dev.txt -r requirements.txt", ".venv/bin/python -m pytest"),
        ({"pyproject.toml": "[project]\nname='a'\n[project.optional-dependencies]\ndev=['pytest']"},
         f"{_VENV} -e '.[dev]'", ".venv/bin/python -m pytest"),
        ({"pyproject.toml": "[tool.ruff]\n"}, "", ""),
        ({"pyproject.toml": "not = = toml"}, "", ""),
        ({"package.json": {"scripts": {"test": "vitest"}}, "package-lock.json": "{}"}, "npm ci", "npm test"),
        ({"package.json": {"scripts": {"check": "x", "test": "y"}}, "pnpm-lock.yaml": ""},
         "pnpm install --frozen-lockfile", "pnpm run check"),
        ({"package.json": {"scripts": {"test": 'echo "Error: no test specified" && exit 1'}}}, "npm install", ""),
        ({"package.json": {}, "yarn.lock": "", ".yarnrc.yml": ""}, "yarn install --immutable", ""),
        ({"package.json": {"packageManager": "bun@1.2", "scripts": {"test": "bun test"}}, "package-lock.json": ""},
         "bun install", "bun run test"),
        ({"package.json": "[1, 2"}, "", ""),
        ({"Cargo.toml": "", "Cargo.lock": ""}, "cargo fetch --locked", "cargo test --locked"),
        ({"go.mod": ""}, "go mod download", "go test ./..."),
        ({"uv.lock": "", "package.json": {"scripts": {"test": "t"}}, "package-lock.json": ""},
         "uv sync --frozen --all-extras && npm ci", "npm test"),
        ({"go.mod": "", "Makefile": "VAR := 1\n.PHONY: test\ninstall: all\n\tcp\nsetup check: deps\n\ttrue\n"},
         "make setup", "go test ./..."),
        ({"go.mod": "", "Makefile": "test: build\n\tgo test\ncheck := no\n"}, "go mod download", "make test"),
        ({"justfile": "bootstrap:\n  x\ntest *ARGS:\n  y\n"}, "just bootstrap", "just test"),
        ({".github/workflows/ci.yml": "on: pull_request\njobs:\n  a:\n    steps:\n      - run: tox -e ${{ matrix.e }}\n"
          "      - run: tox -e py311\n"}, "", "tox -e py311"),
    ],
)  # fmt: skip
def test_commands_are_read_from_a_repositorys_own_files(
    files: dict[str, object], install: str, verify: str, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    found = find_commands(tmp_path)
    assert (found.install, found.verify) == (install, verify)
    assert bool(found.install_because) == bool(install) and bool(found.verify_because) == bool(verify)
    assert found.has_ci == (".github/workflows/ci.yml" in files)


_ODD = Commands("echo \"ü\" && printf '\\t\x7f' # no", "make 検査", "Makefile", "Makefile", False)
_HERE = "/srv/git/acme/shop.git"
PLANS = [
    Plan("acme/shop", "", read_address("git@github.com:acme/shop.git"), "main", Commands(), "claude-code"),
    Plan(
        "dev_acme/laden", "", read_address("https://ghe.example.com/dev_acme/laden"), "größe/新", _ODD, "codex",
        channel="C0123456789", admin="U0123",
    ),
    Plan("acme/shop", _HERE, read_address(_HERE), "", Commands("a", "b"), "opencode"),
]  # fmt: skip


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.slug)
def test_what_is_written_is_read_back_without_a_complaint(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [repository] = parse(config_text(plan)).repository
    wanted = (plan.slug, plan.remote, plan.base_branch, plan.commands.install, plan.commands.verify)
    read = (repository.slug, repository.remote, repository.base_branch, repository.install, repository.verify)
    assert read == wanted
    assert repository.ci is plan.commands.has_ci
    for name in Settings.names():
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text(env_text(plan))
    settings = Settings.load(env_file=tmp_path / ".env")
    assert settings.notes == () and not settings.github.given and not settings.slack.given
    if plan.address.api_url:
        assert settings.github.api_url == plan.address.api_url


def test_every_commented_line_becomes_a_setting_when_its_mark_is_taken_away() -> None:
    text = config_text(PLANS[0]).replace("…", "make")
    keys = ["[", "screenshots", "ui_paths", "id", "means", "repository", "admins", "families", "install", "verify"]
    settings = tuple(f"# {key}" for key in keys)
    opened = [line[2:] if line.startswith(settings) else line for line in text.splitlines()]
    document = parse("\n".join(opened))
    assert document.channel and document.access.admins and document.reviews.families == 1
    assert document.repository[0].screenshots and document.repository[0].install == "make"


def test_a_file_that_is_there_stays_as_it_is_and_secrets_are_their_owners(tmp_path: Path) -> None:
    assert write_new(tmp_path / ".env", "a", 0o600).made
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert not write_new(tmp_path / ".env", "b", 0o600).made and (tmp_path / ".env").read_text() == "a"
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert not write_new(tmp_path / "link", "b", 0o600).made and not (tmp_path / "elsewhere").exists()


class _NoRemote:
    """A clone that says nothing by itself."""

    root = Path("/nowhere")

    def remotes(self) -> dict[str, str]:
        return {}

    def has_commits(self) -> bool:
        return True

    def default_branch(self, remote: str) -> str:
        return ""

    def current_branch(self) -> str:
        return ""


def test_only_what_cannot_be_found_is_asked_for() -> None:
    asked: list[str] = []
    answers = {"Address": "https://github.com/acme/shop", "Base": "trunk", "Install": "", "Verify": "make test"}

    def ask(question: str, default: str) -> str:
        asked.append(question)
        return answers[question.split()[0]]

    plan = make_plan(_NoRemote(), Given(install="true"), ask, lambda program: None)  # type: ignore[arg-type]
    assert [one.split()[0] for one in asked] == ["Address", "Base", "Verify"]
    assert (plan.slug, plan.base_branch, plan.commands.verify) == ("acme/shop", "trunk", "make test")
    with pytest.raises(CannotAskError, match="no remote"):
        make_plan(_NoRemote(), Given(), None, lambda program: None)  # type: ignore[arg-type]
