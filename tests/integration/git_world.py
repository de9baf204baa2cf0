"""A small outside world for the git room's tests: a remote, somebody who pushes to it, and a Waggle home."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from integrations.git import Remote, Repositories, Worktree

SLUG = "acme/site"


def git(*args: str, cwd: Path, check: bool = True) -> str:
    """git as a person or an agent runs it: with the repository's own configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    person = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _ANA.items()}
    done = subprocess.run(
        ["git", *args],
        cwd=cwd,
        env={**kept, **person, "GIT_CONFIG_GLOBAL": "/dev/null"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


_ANA = {"NAME": "ana", "EMAIL": "ana@example.com"}


@dataclass(frozen=True)
class World:
    """`upstream` is the remote, `checkout` somebody's clone of it, `repositories` the room under test."""

    root: Path
    upstream: Path
    checkout: Path
    repositories: Repositories

    @property
    def remote(self) -> Remote:
        return Remote(SLUG, str(self.upstream))

    @property
    def mirror(self) -> Path:
        return self.repositories.places.mirror(SLUG)

    @property
    def pool(self) -> Path:
        return self.repositories.places.pool(SLUG)

    def push(self, files: dict[str, str], branch: str = "main", message: str = "work") -> str:
        """Somebody pushes a commit with these files. Returns it."""
        for name, text in files.items():
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (self.checkout / name).write_text(text)
        git("add", "-A", cwd=self.checkout)
        git("commit", "-q", "-m", message, cwd=self.checkout)
        git("push", "-q", "origin", f"HEAD:refs/heads/{branch}", cwd=self.checkout)
        return git("rev-parse", "HEAD", cwd=self.checkout)

    def ready(self) -> str:
        """Mirror and pool exist and are up to date. Returns main's commit."""
        self.repositories.ensure(self.remote)
        self.repositories.fetch(self.remote)
        return self.repositories.resolve(SLUG, "main")

    def workspace(self, name: str = "t-1", branch: str = "waggle/t-1-work") -> Worktree:
        return self.repositories.create_workspace(SLUG, name, branch, self.ready())

    def work(self, tree: Worktree, files: dict[str, str], commit: str = "") -> str:
        """An agent writes files in its workspace, and commits them when there is a message."""
        for name, text in files.items():
            (tree.path / name).parent.mkdir(parents=True, exist_ok=True)
            (tree.path / name).write_text(text)
        if commit:
            git("add", "-A", cwd=tree.path)
            git("commit", "-q", "-m", commit, cwd=tree.path)
        return git("rev-parse", "HEAD", cwd=tree.path)

    def files_at(self, commit: str) -> dict[str, str]:
        """Every file of a commit in the mirror."""
        found = {}
        for path in self.repositories.list_files(SLUG, commit):
            text = self.repositories.read_file(SLUG, commit, path)
            assert text is not None
            found[path] = text
        return found

    def mirror_ref(self, ref: str) -> str:
        return git("--git-dir", str(self.mirror), "rev-parse", "--verify", "--quiet", ref, cwd=self.root, check=False)

    def remote_commit(self, branch: str) -> str:
        return git(
            "--git-dir", str(self.upstream), "rev-parse", "--verify", "--quiet", branch, cwd=self.root, check=False
        )


def new_world(root: Path) -> World:
    """A remote with one commit on main, and an empty home."""
    upstream, checkout = root / "upstream.git", root / "checkout"
    git("init", "-q", "--bare", "-b", "main", str(upstream), cwd=root)
    git("clone", "-q", str(upstream), str(checkout), cwd=root)
    git("checkout", "-q", "-B", "main", cwd=checkout)
    world = World(root, upstream, checkout, Repositories(root / "home"))
    world.push({"app.py": "print('hello')\n", "docs/größe 新.md": "Prüfung\n"})
    return world
