"""Signing in as a GitHub App: the key signs, GitHub gives tokens of an hour, git gets one that opens one repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.doctor.check import Surroundings
from bot.doctor.github import github
from bot.github_access import github_access
from bot.github_settings import GitHubSettings
from bot.home import Home
from bot.problems import ProblemsError
from bot.services import services_of
from bot.settings import Settings
from integrations.git import Remote, Repositories
from integrations.git.errors import GitError
from integrations.github import AppCredential, AppIdentity, AuthFailed, GitHub, GitHubError, Invalid, NotFound
from integrations.github.app import REFRESH_BEFORE, WANTED
from integrations.playground.github.apps import App
from integrations.redact import redact
from tests.integration.github_stub import stub
from tests.integration.github_world import SLUG, Playground, playground

OTHER = "acme/other"


def key_pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@dataclass
class World:
    github: Playground
    private: str
    now: datetime

    def credential(self, app_id: str = "77", installation: str = "4711", key: str = "") -> AppCredential:
        identity = AppIdentity(app_id, key or self.private, installation)
        return AppCredential(self.github.place.github_api_url, identity, lambda: self.now)

    @property
    def minted(self) -> int:
        return len(self.github.act(lambda world: world.apps._tokens))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    private, public = key_pair()
    with playground(tmp_path_factory.mktemp("app")) as github:
        github.act(lambda world: world.seeding.create(OTHER, {"a.txt": b"a\n"}))
        app = App("77", public, "4711", (SLUG, OTHER), dict(WANTED))
        github.act(lambda world: world.apps.register(app))
        yield World(github, private, datetime.now(UTC))


def test_an_app_does_what_a_token_does(world: World) -> None:
    app = world.credential()
    client = GitHub(world.github.place.github_api_url, app.token)
    assert client.viewer() == "waggle-bot"
    assert client.repository(SLUG).can_push
    pull = world.github.pull(client, "waggle/t-9")
    assert client.find_pull(SLUG, "waggle/t-9") == pull
    assert client.light([pull.node_id]).pulls[pull.node_id].head_sha == pull.head_sha


def test_a_token_is_kept_until_shortly_before_it_expires(world: World) -> None:
    now = world.now
    app = world.credential()
    before = world.minted
    first = app.token()
    world.now = now + timedelta(hours=1) - REFRESH_BEFORE - timedelta(seconds=90)
    assert app.token() == first
    assert world.minted == before + 1
    world.now = now + timedelta(hours=1) - REFRESH_BEFORE + timedelta(seconds=90)
    with pytest.raises(AuthFailed, match="401"):
        app.token()  # it asked for a new one: the playground refuses a signature from the future
    world.now = now


def test_git_gets_a_token_that_opens_one_repository(world: World, tmp_path: Path) -> None:
    app = world.credential()
    repositories = Repositories(tmp_path)

    def remote(slug: str) -> Remote:
        return Remote(slug, f"{world.github.place.url}/github/git/{slug}.git", lambda: app.token_for(SLUG))

    repositories.ensure(remote(SLUG))
    assert repositories.resolve(SLUG, "main")
    with pytest.raises(GitError):
        repositories.ensure(remote(OTHER))
    with pytest.raises(NotFound):
        GitHub(world.github.place.github_api_url, lambda: app.token_for(SLUG)).repository(OTHER)


def _other_key(world: World) -> AppCredential:
    return world.credential(key=key_pair()[0])


@pytest.mark.parametrize(
    ("credential", "error", "cure"),
    [
        (_other_key, AuthFailed, "GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY belong together"),
        (lambda world: world.credential(app_id="78"), AuthFailed, "belong together"),
        (lambda world: world.credential(installation="1"), NotFound, "GITHUB_APP_INSTALLATION_ID"),
        (lambda world: world.credential(key="-----BEGIN RSA PRIVATE KEY-----\nx\n"), AuthFailed, "no RSA key"),
    ],
)
def test_what_is_wrong_with_an_app_is_said_with_its_cure(world: World, credential, error, cure: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error) as raised:
        credential(world).token()
    assert cure in raised.value.user_message
    assert world.private[40:80] not in str(raised.value)


def test_a_repository_without_the_app_is_said_with_its_cure(world: World) -> None:
    with pytest.raises(Invalid) as raised:
        world.credential().token_for("acme/elsewhere")
    assert "Repository access" in raised.value.user_message


@pytest.mark.parametrize(
    ("status", "body", "retryable"),
    [(500, b"{}", True), (429, b"{}", True), (201, b"<html>", True), (403, b"{}", False)],
)
def test_trouble_at_the_app_s_door_is_typed(world: World, status: int, body: bytes, retryable: bool) -> None:
    with stub(lambda method, path: (status, body)) as url:
        app = AppCredential(url, AppIdentity("77", world.private, "4711"))
        with pytest.raises(GitHubError) as raised:
            app.token()
    assert raised.value.retryable is retryable


def test_a_token_of_an_installation_is_taken_out_of_text(world: World) -> None:
    token = world.credential().token()
    assert token not in redact(f"fatal: {token}")


@pytest.fixture
def settings(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "key.pem").write_text(world.private)
    for name in ("GITHUB_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "GITHUB_APP_ID": "77",
        "GITHUB_APP_PRIVATE_KEY": str(tmp_path / "key.pem"),
        "GITHUB_APP_INSTALLATION_ID": "4711",
        "GITHUB_API_URL": world.github.place.github_api_url,
        "WAGGLE_HOME": str(tmp_path / "home"),
    }.items():
        monkeypatch.setenv(name, value)
    return Settings.load(env_file=None)


def test_the_settings_of_an_app_make_github_real(settings: Settings) -> None:
    services = services_of(settings, lambda program: None)
    access = github_access(settings, None)
    assert services.github
    assert access is not None
    assert GitHub(access.api_url, access.token).viewer() == "waggle-bot"
    assert access.git_token(SLUG) != access.token()


def test_the_doctor_names_what_an_app_was_not_granted(settings: Settings, world: World) -> None:
    home = Home(settings.waggle.home)
    seen = Surroundings(settings, home, services_of(settings, lambda program: None), None, None)
    lines = {one.check: one for one in github(seen)}
    assert lines["github"].detail == "signed in as waggle-bot, an App"
    assert lines["github app permissions"].ok
    registered = world.github.act(lambda world: world.apps._apps["4711"])
    poor = {**WANTED, "statuses": "read"}
    poor.pop("actions")
    world.github.act(lambda world: world.apps.register(App("77", registered.public_key, "4711", (SLUG,), poor)))
    try:
        line = {one.check: one for one in github(seen)}["github app permissions"]
    finally:
        world.github.act(lambda world: world.apps.register(registered))
    assert not line.ok
    assert line.detail == "missing: statuses: write, actions: write"
    assert "Permissions & events" in line.fix


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"app_id": ""}, "GITHUB_APP_ID"),
        ({"app_private_key": "/nowhere.pem"}, "PEM"),
        ({"app_installation_id": "mine"}, "not a number"),
    ],
)
def test_half_an_app_is_refused_with_its_cure(world: World, change: dict[str, str], says: str, tmp_path: Path) -> None:
    given = {"app_id": "77", "app_private_key": world.private, "app_installation_id": "4711", **change}
    env = tmp_path / ".env"
    env.write_text("".join(f'GITHUB_{name.upper()}="{value}"\n' for name, value in given.items()))
    with pytest.raises(ProblemsError) as raised:
        Settings.load(env_file=env)
    assert says in str([(one.where, one.what, one.cure) for one in raised.value.problems])


def test_a_key_in_one_line_is_read_as_pem(world: World) -> None:
    one_line = world.private.replace("\n", "\\n")
    chosen = GitHubSettings(app_id="77", app_private_key=one_line, app_installation_id="4711")
    assert chosen.private_key == world.private
