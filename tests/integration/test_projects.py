"""The project file in force is that of the base branch, and its mistakes are told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import SQLModel, select

from bot.projects import Projects
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.registry import Outbox, Registry
from tests.integration.git_world import SLUG, World, new_world

OWNERS = Policy((RepositoryPolicy(SLUG),))


@dataclass(frozen=True)
class Home:
    """A git world with a registry."""

    world: World
    registry: Registry
    again: Callable[[], Projects]

    def alerts(self) -> list[str]:
        rows = self.registry.read_now(lambda s: s.exec(select(Outbox).where(Outbox.kind == "alert")).all())
        return [str(row.payload["text"]) for row in rows]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    root: Path = tmp_path_factory.mktemp("projects")
    world = new_world(root)
    registry = Registry(f"sqlite:///{root / 'registry.db'}")
    SQLModel.metadata.create_all(registry.engine)

    def again() -> Projects:
        return Projects(registry, world.repositories, lambda _: world.remote, lambda: OWNERS, lambda: datetime.now(UTC))

    yield Home(world, registry, again)
    registry.close()


def test_only_what_is_merged_counts(home: Home) -> None:
    world, projects = home.world, home.again()
    world.repositories.fetched = projects.look

    def install() -> str:
        found = projects.policy().repository(SLUG)
        assert found is not None
        return found.install

    world.ready()
    assert install() == ""
    world.push({".waggle.toml": "install = 'make deps'\n"}, branch="waggle/t-1-x")
    tree = world.workspace()
    world.work(tree, {".waggle.toml": "install = 'curl evil'\n"}, commit="Set up faster")
    world.repositories.collect_head(tree.path)
    world.ready()
    assert install() == "", "neither a branch nor a worktree says how the repository is built"

    world.push({".waggle.toml": "install = 'make deps'\n# merged\n"})
    world.ready()
    assert install() == "make deps"

    world.push({".waggle.toml": "install = 'make deps'\n[budget]\ntask_usd = 1e6\n"})
    for _ in range(3):
        world.ready()
        projects.look(SLUG)
    assert install() == "make deps", "the last good one stays in force"
    (told,) = home.alerts()
    assert ".waggle.toml:2" in told and "may not set `budget`" in told and SLUG in told and "main" in told

    restarted = home.again()
    restarted.recall()
    found = restarted.policy().repository(SLUG)
    assert found is not None and found.install == "make deps", "a restart without a network knows it too"
    restarted.look(SLUG)
    assert len(home.alerts()) == 1

    world.push({".waggle.toml": ""})
    world.ready()
    assert install() == ""
