"""What Waggle knows about the workspaces it made, in one small file each, where no agent can write.

The record is written before the worktree and marked ready after its files are there, so that a crash in between
leaves something that the next attempt recognises as its own and heals.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from integrations.git.places import Places


@dataclass(frozen=True)
class Record:
    """One workspace. `ready` turns true when all files are checked out; only then may an agent have worked in it."""

    name: str
    slug: str
    branch: str
    base_sha: str
    ready: bool = False


class Records:
    """The record files of one home."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def find(self, name: str) -> Record | None:
        path = self._places.record(name)
        try:
            return Record(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            # Half-written by a full disk before the rename, or edited by hand: keep it as evidence, start anew.
            path.rename(path.with_suffix(".broken"))
            return None

    def all(self, slug: str) -> list[Record]:
        return [record for record in self.every() if record.slug == slug]

    def every(self) -> list[Record]:
        names = sorted(path.stem for path in (self._places.home / "workspaces").glob("*.json"))
        found = (self.find(name) for name in names)
        return [record for record in found if record is not None]

    def save(self, record: Record) -> Record:
        path = self._places.record(record.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        with beside.open("w") as out:
            json.dump(asdict(record), out)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
        return record

    def mark_ready(self, record: Record) -> Record:
        return self.save(replace(record, ready=True))

    def forget(self, name: str) -> None:
        self._places.record(name).unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replace a file by another in one step, so that a reader sees the old or the new one and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.replace(path)
