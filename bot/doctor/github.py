"""GitHub: who the credential is, what it can do in each repository, and whether each can be cloned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from bot.doctor.check import Check, Surroundings, judged
from bot.github_access import github_access
from bot.remotes import remote_of
from integrations.fault import IntegrationError
from integrations.git import Repositories
from integrations.github import GitHub
from integrations.github.app import lacking

_CREDENTIALS = "GITHUB_TOKEN, or GITHUB_APP_ID with its key and installation,"


def github(seen: Surroundings) -> Iterator[Check]:
    access = github_access(seen.settings, seen.playground.place if seen.playground else None)
    if access is None:
        yield Check("github", True, "playground", f"For your repositories set {_CREDENTIALS}.")
        return
    client = GitHub(access.api_url, access.token)
    try:
        signed_in = client.viewer()
    except IntegrationError as problem:
        yield Check("github", False, problem.user_message, f"Set {_CREDENTIALS} to what is valid, or remove it.")
        return
    kind = "" if not seen.services.github else ", an App" if access.app else ", a token"
    yield Check("github", True, f"signed in as {signed_in}{kind or ' (playground)'}")
    if access.app is not None:
        yield _granted(lacking(access.app.permissions()), access.root)
    repositories = Repositories(seen.home.root)
    for one in seen.document.repository:
        for capability in client.probe(one.slug, access.root):
            if capability.name != "credential":
                name = f"github {capability.name} {one.slug}"
                yield Check(name, capability.ok, capability.detail, capability.fix)
        try:
            repositories.ensure(remote_of(seen.document, one.slug, access.root, partial(access.git_token, one.slug)))
        except IntegrationError as problem:
            yield Check(f"repository {one.slug}", False, problem.user_message, "Check its name, remote and rights.")
        else:
            yield Check(f"repository {one.slug}", True, "can be cloned")


def _granted(missing: Mapping[str, str], root: str) -> Check:
    """Whether the App was granted what Waggle does with it."""
    names = ", ".join(f"{name.replace('_', ' ')}: {level}" for name, level in missing.items())
    fix = (
        f"At {root}/settings/apps, the App, Permissions & events: grant it; then accept it at Settings, Applications, "
        "Installed GitHub Apps, Review request."
    )
    return judged("github app permissions", not missing, f"missing: {names}" if names else "all granted", fix)
