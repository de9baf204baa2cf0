"""The rescue refs of a mirror: what was saved before its workspace went, listed and, in time, let go."""

from __future__ import annotations

from datetime import UTC, datetime

from integrations.git.command import GitCommand
from integrations.git.errors import BadName
from integrations.git.places import Places
from integrations.git.rescue import RESCUE
from integrations.git.values import Rescued


class RescuedWork:
    """Reads and drops rescue refs. The caller holds the repository's lock for `drop`."""

    def __init__(self, git: GitCommand, places: Places) -> None:
        self._git = git
        self._places = places

    def all(self, slug: str, workspace: str = "") -> list[Rescued]:
        """Every rescue ref of a repository, or of one workspace, oldest first."""
        mirror = self._places.mirror(slug)
        if not (mirror / "HEAD").exists():
            return []
        said = self._git.run(
            [
                "for-each-ref",
                "--sort=committerdate",
                "--format=%(refname) %(objectname) %(committerdate:unix)",
                f"{RESCUE}{workspace}",
            ],
            git_dir=mirror,
        ).text
        rows = (line.rsplit(" ", 2) for line in said.splitlines())
        return [
            Rescued(ref, sha, datetime.fromtimestamp(int(at or 0), UTC)) for ref, sha, at in rows if ref.count("/") >= 4
        ]

    def drop(self, slug: str, one: Rescued) -> None:
        """Delete a rescue ref, if it still is where it was seen. Idempotent."""
        if not one.ref.startswith(RESCUE):
            raise BadName(f"{one.ref} is not below {RESCUE}")
        self._git.run(
            ["update-ref", "--no-deref", "-d", one.ref, one.sha], git_dir=self._places.mirror(slug), ok=(0, 1, 128)
        )
