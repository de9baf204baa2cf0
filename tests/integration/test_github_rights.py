"""What a credential may do: measured without writing anything, and made the best of where it is little."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations.github import Capability, Forbidden, GitHub, PullRef
from tests.integration.github_world import SLUG, Playground, eventually, playground

#: What docs/configuration.md asks of a fine-grained token.
DOCUMENTED = dict.fromkeys(("contents", "pull_requests", "issues", "statuses", "actions"), "write")
NAMES = [
    "credential", "push", "queries", "contents", "pull requests", "issues", "statuses", "actions", "reruns", "checks",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with playground(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture(scope="module")
def ref(place: Playground) -> PullRef:
    return place.pull(place.client(), "waggle/t-1")


def fine_grained(place: Playground, permissions: dict[str, str]) -> GitHub:
    token = place.act(lambda world: world.apps.fine_grained(permissions))
    return place.client(token=lambda: token)


def measured(github: GitHub) -> dict[str, Capability]:
    return {one.name: one for one in github.probe(SLUG)}


def test_a_whole_credential_may_do_everything_and_nothing_is_written(place: Playground) -> None:
    before = place.calls("POST", "/api/v3/")

    found = measured(place.client())

    assert list(found) == NAMES
    assert all(one.ok and not one.fix for one in found.values()), found
    assert not any(call["performed"] for call in place.calls("POST", "/api/v3/")[len(before) :])


def test_a_fine_grained_token_as_documented_is_enough(place: Playground) -> None:
    found = measured(fine_grained(place, DOCUMENTED))

    assert all(one.ok for one in found.values()), found
    assert "Actions and commit statuses" in found["checks"].detail and "GitHub App" in found["checks"].fix


@pytest.mark.parametrize(
    ("permission", "level", "lines", "words"),
    [
        ("contents", "read", ["contents"], "Contents: read and write"),
        ("pull_requests", "read", ["pull requests"], "Pull requests: read and write"),
        ("issues", "", ["issues"], "Issues: read and write"),
        ("statuses", "read", ["statuses", "checks"], "Commit statuses: read and write"),
        ("actions", "read", ["reruns"], "Actions: read and write"),
        ("actions", "", ["actions", "reruns", "checks"], "Actions: read"),
    ],
)
def test_what_is_missing_is_named_with_the_place_to_grant_it(
    place: Playground, permission: str, level: str, lines: list[str], words: str
) -> None:
    found = measured(fine_grained(place, DOCUMENTED | {permission: level}))

    assert [one.name for one in found.values() if not one.ok] == lines
    first = found[lines[0]]
    assert words in first.fix and "https://github.com/settings/personal-access-tokens" in first.fix
    assert f"{permission}: " in first.detail


def test_a_refused_call_names_the_permission_too(place: Playground, ref: PullRef) -> None:
    github = fine_grained(place, DOCUMENTED | {"statuses": "read"})
    with pytest.raises(Forbidden) as refused:
        github.set_status(SLUG, ref.head_sha, "waggle/done", "pending", "wait", "")
    assert "lacks a permission" in refused.value.user_message and "statuses: write" in refused.value.user_message


def test_a_token_that_nobody_knows_is_one_line(place: Playground) -> None:
    (only,) = place.client(token=lambda: "ghp_nobody").probe(SLUG)
    assert (only.name, only.ok) == ("credential", False)


def test_an_own_server_says_where_its_own_settings_are(place: Playground) -> None:
    token = place.act(lambda world: world.apps.fine_grained({}))
    found = place.client(token=lambda: token).probe(SLUG, "https://ghe.example.com")
    assert all("github.com" not in one.fix for one in found)
    assert any("https://ghe.example.com/settings/personal-access-tokens" in one.fix for one in found)


def test_an_own_server_that_is_too_old_for_our_queries_is_told(place: Playground) -> None:
    place.fault(answer=422, operation="WaggleLight")
    queries = measured(place.client())["queries"]
    assert not queries.ok and "update it" in queries.fix


def test_a_fine_grained_token_sees_what_ci_says(place: Playground, ref: PullRef) -> None:
    whole, github = place.client(), fine_grained(place, DOCUMENTED)
    eventually(lambda: all(one.state == "ok" for one in whole.detail(SLUG, ref.number).checks))

    light = github.light([ref.node_id]).pulls[ref.node_id]
    degraded, full = github.detail(SLUG, ref.number), whole.detail(SLUG, ref.number)

    assert (light.rollup, light.checks_readable, degraded.checks_readable) == ("SUCCESS", False, False)
    assert {(one.name, one.state, one.job_id, one.run_id, one.required) for one in degraded.checks} == {
        (one.name, one.state, one.job_id, one.run_id, one.required) for one in full.checks
    }
    assert github.check_output(SLUG, degraded.checks[0].job_id or 0).log
