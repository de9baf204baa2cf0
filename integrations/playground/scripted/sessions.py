"""What a session remembers until it is resumed: one JSON file each."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Session:
    id: str
    prompts: list[str] = field(default_factory=list)
    recipes: list[str] = field(default_factory=list)  #: what earlier prompts asked for
    script_match: str = ""  #: the entry of the script that this session follows
    options: list[str] = field(default_factory=list)  #: of the question that it asked and that is still open


def state_directory(option: Path | None, environ: dict[str, str], git_directory: Path) -> Path:
    """`--state`, else beside Claude Code's own state, else in the worktree's own git directory."""
    if option is not None:
        return option
    config = environ.get("CLAUDE_CONFIG_DIR")
    return Path(config) / "scripted" if config else git_directory / "scripted-agent"


class Sessions:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, session_id: str) -> Session | None:
        file = self._file(session_id)
        if not file.is_file():
            return None
        return Session(**json.loads(file.read_text(encoding="utf-8")))

    def save(self, session: Session) -> None:
        """Written whole or not at all: the next moment may be a SIGKILL."""
        self._directory.mkdir(parents=True, exist_ok=True)
        file = self._file(session.id)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(asdict(session)), encoding="utf-8")
        draft.replace(file)

    def _file(self, session_id: str) -> Path:
        safe = "".join(one if one.isalnum() or one in "-_" else "_" for one in session_id)
        return self._directory / f"{safe}.json"
