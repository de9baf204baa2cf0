"""GitHub: who the credential is, what it can do in each repository, and whether each can be cloned."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bot.doctor.check import Check, Surroundings, judged
from bot.remotes import remote_of, web_root
from integrations.fault import IntegrationError
from integrations.git import Repositories
from integrations.github import GitHub


def github(seen: Surroundings) -> Iterator[Check]:
    settings = seen.settings.github
    token: Callable[[], str]
    if settings.token is not None:
        url, token = settings.api_url, settings.token.get_secret_value
        root = web_root(url)
    elif seen.playground is not None:
        place = seen.playground.place
        url, token, root = place.github_api_url, lambda: place.github_token, f"{place.url}/github/git"
    else:
        yield Check("github", True, "playground", "For your repositories set GITHUB_TOKEN.")
        return
    client = GitHub(url, token)
    try:
        signed_in = client.viewer()
    except IntegrationError as problem:
        yield Check("github", False, problem.user_message, "Set GITHUB_TOKEN to a valid token, or remove it.")
        return
    yield Check("github", True, f"signed in as {signed_in}{'' if seen.services.github else ' (playground)'}")
    repositories = Repositories(seen.home.root)
    for one in seen.document.repository:
        for capability in client.probe(one.slug):
            if capability.name != "credential":
                yield judged(f"github {capability.name} {one.slug}", capability.ok, capability.detail, capability.fix)
        try:
            repositories.ensure(remote_of(seen.document, one.slug, root, token))
        except IntegrationError as problem:
            yield Check(f"repository {one.slug}", False, problem.user_message, "Check its name, remote and rights.")
        else:
            yield Check(f"repository {one.slug}", True, "can be cloned")
