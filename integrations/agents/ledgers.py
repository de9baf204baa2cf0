"""The files in which agents' own programs count what a session used. Pure, but for finding them.

Codex's stream tells its tokens at the end of a turn only, and a run that is killed says nothing of what it used: these
files know. They lie where the agent could write too, so they are read without trust, as its stream is.
"""

from __future__ import annotations

import re
from pathlib import Path

from integrations.agents.claude_stream import parse_line
from integrations.agents.events import AgentEvent, Spent, Tokens, Usage
from integrations.agents.json_line import read_node

_SESSION = re.compile(r"[A-Za-z0-9-]{8,64}")


def claude_ledger(config: Path, session_id: str) -> Path | None:
    """Claude Code's transcript of a session, in whatever directory it was begun; None while there is none."""
    return _newest(config / "projects", f"*/{session_id}.jsonl", session_id)


def codex_ledger(home: Path, session_id: str) -> Path | None:
    """Codex's record of a thread; None while there is none."""
    return _newest(home / "sessions", f"*/*/*/rollout-*-{session_id}.jsonl", session_id)


def _newest(root: Path, pattern: str, session_id: str) -> Path | None:
    if not _SESSION.fullmatch(session_id):
        return None
    return max(root.glob(pattern), default=None)


def read_claude_ledger(line: str) -> list[AgentEvent]:
    """What one request used: the transcript's lines are those of the stream, with the true count of output tokens."""
    return [event for event in parse_line(line) if isinstance(event, Spent)]


def read_codex_ledger(line: str) -> list[AgentEvent]:
    """What the whole thread used up to this line."""
    node = read_node(line) if "token_count" in line else None
    if node is None or node.text("payload", "type") != "token_count":
        return []
    used = node.at("payload", "info", "total_token_usage")
    cached = used.count("cached_input_tokens")
    tokens = Tokens(max(used.count("input_tokens") - cached, 0), cached, used.count("output_tokens"))
    return [Usage(tokens, whole_session=True)] if tokens != Tokens() else []
