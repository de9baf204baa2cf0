"""`.waggle.toml`: what a repository may say about itself, and what is refused."""

from __future__ import annotations

import pytest

from bot.orchestrator.plan_rules import choose_lane
from bot.problems import ProblemsError
from bot.project_file import parse_project, with_project
from scheduler.policy import Policy, RepositoryPolicy, ReviewPolicy
from scheduler.registry import Task
from scheduler.standing import done_policy

WHOLE = """
install = "npm ci"
verify = "npm test"
screenshots = "npm run shots"
ui_paths = ["src/**/*.tsx"]
[lanes]
small = ["docs/**"]
full = ["src/billing/**"]
[review]
families = 2
max_lines = 400
rules = ["Money is a Decimal, never a float."]
"""


def test_a_whole_file_completes_what_the_owner_left_open() -> None:
    repository = with_project(RepositoryPolicy("acme/shop", verify="make check"), parse_project(WHOLE))
    assert repository.verify == "make check", "the owner's word goes first"
    assert (repository.install, repository.screenshots) == ("npm ci", "npm run shots")
    assert (repository.small_paths, repository.full_paths) == (("docs/**",), ("src/billing/**",))
    assert repository.review_rules == ("Money is a Decimal, never a float.",)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("verify = 3", 1, "text is wanted"),
        ("\ninstal = 'x'", 2, "Did you mean `install`"),
        ("ui_paths = ['/etc/*']", 1, "matches no file"),
        ("ui_paths = ['../x']", 1, "matches no file"),
        ("[review]\nfamilies = 3", 2, "less than or equal to 2"),
        ("[lanes]\nsmal = []", 2, "Did you mean `small`"),
        # what only Waggle's owner decides
        ("[budget]\ntask_usd = 1000.0", 1, "may not set `budget`"),
        ("[access]\nadmins = ['U0MALLORY']", 1, "may not set `access`"),
        ("\n[capacity]\nmax_agents = 60", 2, "may not set `capacity`"),
        ("ci = false", 1, "may not set `ci`"),
        ("remote = 'https://example.com/x.git'", 1, "may not set `remote`"),
        ("playground = true", 1, "may not set `playground`"),
        ("base_branch = 'x'", 1, "may not set `base_branch`"),
        ("[retries]\nfailures = 20", 1, "may not set `retries`"),
        ("[reviews]\nfamilies = 0", 1, "may not set `reviews`"),
    ],
)
def test_a_mistake_is_named_once_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(ProblemsError) as refused:
        parse_project(text)
    (problem,) = refused.value.problems
    assert problem.where == f".waggle.toml:{line}"
    assert what in str(problem) and problem.cure


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ProblemsError) as refused:
        parse_project("verify = 3\n[budget]\ntask_usd = 9.0\n[lanes]\nsmall = 'x'\n")
    assert [one.where for one in refused.value.problems] == [".waggle.toml:1", ".waggle.toml:2", ".waggle.toml:5"]


@pytest.mark.parametrize(
    ("owners", "repositorys", "lane", "wanted"),
    [(1, 2, "full", 2), (2, 1, "full", 2), (2, 0, "full", 2), (1, 2, "small", 1)],
)
def test_a_repository_asks_for_more_reviews_and_never_for_fewer(
    owners: int, repositorys: int, lane: str, wanted: int
) -> None:
    policy = Policy((RepositoryPolicy("a/b", families=repositorys, max_lines=40),), reviews=ReviewPolicy(owners))
    found = done_policy(policy, Task(request_id=1, title="x", repo="a/b", lane=lane), "anthropic")
    assert (found.families, found.max_lines) == (wanted, 40)


@pytest.mark.parametrize(
    ("kind", "size", "files", "lane"),
    [
        ("frontend", "small", ["docs/a.css"], "small"),
        ("frontend", "small", ["docs/a.css", "app.py"], "full"),
        ("frontend", "large", ["docs/a.css"], "full"),
        ("security", "small", ["docs/a.css"], "full"),
        ("bug", "small", ["src/billing/tax.py"], "full"),
    ],
)
def test_a_repository_says_which_of_its_files_are_small(kind: str, size: str, files: list[str], lane: str) -> None:
    found, reason = choose_lane(kind, size, files, files, ("docs/**",), ("src/billing/**",))
    assert found == lane and reason
