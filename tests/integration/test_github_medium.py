"""Pull requests that changed, seen many at once: as much as a look at each would say, and no more is believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from integrations.github import GitHub, PullRef, ReviewComment
from integrations.playground.github.records import Pull
from tests.bench.quiet import quiet_home, verifying
from tests.bench.thousand import open_pulls
from tests.integration.github_world import SLUG, Playground, eventually, playground


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with playground(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture(scope="module")
def refs(place: Playground) -> list[PullRef]:
    github = place.client()
    made = [place.pull(github, f"waggle/t-{n}", {f"f{n}.txt": "1\n"}) for n in range(4)]
    for one in made:
        eventually(lambda one=one: all(check.state == "ok" for check in github.detail(SLUG, one.number).checks))
    return made


@pytest.fixture
def github(place: Playground) -> Iterator[GitHub]:
    place.fault(clear=True)
    yield place.client()
    place.fault(clear=True)


def ids(refs: list[PullRef]) -> list[str]:
    return [ref.node_id for ref in refs]


def test_together_they_say_what_each_says_alone(place: Playground, refs: list[PullRef], github: GitHub) -> None:
    def act(world):  # type: ignore[no-untyped-def]
        pull = world.store.first(Pull, "number=?", refs[1].number)
        world.pulls.comment(pull, "ben", "Looks good, ![shot](https://x.test/a.png)")
        world.pulls.close(pull, "ana")

    place.act(act)

    batch = github.medium(ids(refs))

    assert (batch.requests, batch.left) == (1, frozenset())
    for ref in refs:
        alone = github.detail(SLUG, ref.number)
        assert batch.pulls[ref.node_id] == replace(alone, base_checks=())
    assert batch.pulls[refs[1].node_id].closed_by == "ana"


def test_one_with_a_thread_wants_a_look_of_its_own(place: Playground, refs: list[PullRef], github: GitHub) -> None:
    ref = refs[2]
    github.post_review(SLUG, ref.number, ref.head_sha, "Hm.", [ReviewComment("f2.txt", 1, "Why?")])

    batch = github.medium(ids(refs))

    assert batch.left == {ref.node_id} and batch.pulls.keys() == {*ids(refs)} - {ref.node_id}


def test_what_did_not_come_is_left_and_the_rest_is_kept(place: Playground, refs: list[PullRef], github: GitHub) -> None:
    some = [refs[0], refs[1], refs[3]]
    place.fault(answer="partial", operation="WaggleMedium")
    half = github.medium(ids(some))
    place.fault(answer="forbidden_fields", operation="WaggleMedium")
    unreadable = github.medium(ids(some))
    place.fault(answer=500, operation="WaggleMedium")
    none = github.medium(ids(some))

    assert half.pulls.keys() == {some[1].node_id} and half.left == {some[0].node_id, some[2].node_id}
    assert not unreadable.pulls and unreadable.left == {*ids(some)}
    assert not none.pulls and none.left == {*ids(some)}
    assert github.medium([*ids(some), "PR_gone"]).left == {"PR_gone"}


def test_a_timeout_halves_the_question(place: Playground, refs: list[PullRef], github: GitHub) -> None:
    some = [refs[0], refs[1], refs[3]]
    place.fault(answer="timeout", operation="WaggleMedium")

    batch = github.medium(ids(some))

    assert (batch.pulls.keys(), batch.requests) == ({*ids(some)}, 3)
    assert github.medium(ids(some)).requests == 3, "it is remembered"


async def test_all_that_changed_share_a_request_and_the_one_in_trouble_has_its_own(tmp_path: Path) -> None:
    with playground(tmp_path) as github:
        github.act(lambda world: world.seeding.sample())
        pulls = open_pulls(github.place, tmp_path, verifying(5))
        quiet = quiet_home(tmp_path / "waggle", github.place, pulls)
        try:
            await quiet.settle()
            red = next(iter(pulls.values()))

            def act(world):  # type: ignore[no-untyped-def]
                for pull in world.store.all(Pull):
                    world.pulls.comment(pull, "ben", "Looks good.")

            github.act(act)
            github.client().set_status("acme/ledgerline", red.head_sha, "other-ci", "failure", "no", "")
            quiet.loop.outside.github.viewer()
            before = len(github.calls())
            await quiet.monitor.tick(fetch=True)
            await quiet.monitor.jobs.settle(60)
            asked = [one["operation"] for one in github.calls()[before:] if one["operation"]]
            await quiet.monitor.tick(fetch=True)
            after = [one["operation"] for one in github.calls()[before:] if one["operation"]]
        finally:
            quiet.close()
    assert sorted(asked) == ["WaggleDetail", "WaggleLight", "WaggleMedium"]
    assert "WaggleMedium" not in after[len(asked) :], "what was seen is not asked for again"
