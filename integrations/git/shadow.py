"""Looks at a workspace through a git directory of our own.

A worktree's real git directory is the pool, whose configuration an agent can write: filters, fsmonitor, diff drivers
and includes named there would run in our `git status`. A shadow has the workspace's HEAD and a copy of its index, the
mirror's configuration and refs, and the pool's objects as an alternate store. Names in `.gitattributes` then refer to
drivers that nobody defined, and git ignores them. New objects go to the mirror, where the pool sees them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integrations.git.command import GitCommand
from integrations.git.errors import UnknownRevision
from integrations.git.places import Places
from integrations.git.refs import read_head


@dataclass(frozen=True)
class Shadow:
    """A private view of one workspace.

    Attributes:
        git_dir: the shadow's own directory, gone when the view is closed.
        head: the workspace's commit when the view was opened.
        branch: its branch, None when HEAD is detached.
        env: what a command needs to see the workspace through the shadow.
    """

    git_dir: Path
    head: str
    branch: str | None
    env: dict[str, str]

    @property
    def index(self) -> Path:
        return self.git_dir / "index"


@contextmanager
def shadow(git: GitCommand, places: Places, slug: str, name: str) -> Iterator[Shadow]:
    """Open a view of workspace `name`. Raises UnknownRevision when its HEAD names no commit."""
    admin, pool = places.admin(slug, name), places.pool(slug)
    branch, head = read_head(admin, pool)
    if head is None:
        raise UnknownRevision(f"workspace {name} has no commit at HEAD")
    (places.home / "tmp").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.home / "tmp", prefix="shadow-") as made:
        view = Shadow(
            Path(made),
            head,
            branch,
            {
                "GIT_COMMON_DIR": str(places.mirror(slug)),
                "GIT_WORK_TREE": str(places.workspace(name)),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(pool / "objects"),
            },
        )
        (view.git_dir / "HEAD").write_text(head + "\n")
        for index in (admin / "index", *admin.glob("sharedindex.*")):
            if index.is_file() and not index.is_symlink():
                # With its time: git trusts a file's size and second only when they are older than the index.
                shutil.copy2(index, view.git_dir / index.name)
        if not _index_reads(git, view):
            view.index.unlink(missing_ok=True)
            git.run(["read-tree", head], git_dir=view.git_dir, env=view.env)
        yield view


def _index_reads(git: GitCommand, view: Shadow) -> bool:
    """False when the workspace has no index, or one that git cannot read: then HEAD's tree serves instead."""
    if not view.index.exists():
        return False
    return git.run(["ls-files", "--stage", "-z"], git_dir=view.git_dir, env=view.env, ok=(0, 128), limit=1).rc == 0
