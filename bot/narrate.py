"""An agent's event stream in words, for people who read along. Pure.

What an agent prints is made by models, programs and strangers: nothing of it may act on a terminal, and no secret in it
is shown.
"""

from __future__ import annotations

from collections.abc import Callable

from integrations.agents import (
    AgentEvent,
    Compacted,
    Ended,
    Failed,
    Heard,
    Retry,
    Started,
    Text,
    Tokens,
    ToolCall,
    ToolResult,
    Usage,
)
from integrations.printable import printable
from integrations.redact import redact

_LONGEST = 400  #: characters of one line
_LINES = 40  #: of one piece of text


class Narrator:
    """Says what happens, event by event.

    Parameters:
        workspace: path of the agent's worktree, which is left out of what is shown; empty when it has none.
        hide: takes secrets out of a text, beyond those that show by their shape.
    """

    def __init__(self, workspace: str = "", hide: Callable[[str], str] = redact) -> None:
        self._inside = f"{workspace.rstrip('/')}/" if workspace.strip("/") else ""
        self._hide = hide

    def clean(self, text: str) -> str:
        """A text as it may be shown: without secrets and without what acts on a terminal."""
        return self._hide(printable(text.replace("\t", "    ")))

    def lines(self, event: AgentEvent) -> list[str]:
        """An event in words; no line when it says nothing to a person."""
        shown = self.clean(_words(event))
        if self._inside:
            shown = shown.replace(self._inside, "")
        found = [_cut(line.rstrip()) for line in shown.split("\n") if line.strip()]
        if len(found) > _LINES:
            return [*found[: _LINES - 1], f"… and {len(found) - _LINES + 1} more lines"]
        return found


def _words(event: AgentEvent) -> str:
    match event:
        case Started():
            about = " ".join(part for part in (event.model, event.version) if part)
            return f"— started{f' ({about})' if about else ''}"
        case Text():
            return event.text
        case ToolCall():
            return f"→ {_flat(event.name)} {_flat(event.summary)}".rstrip()
        case ToolResult(ok=True):
            return "  ✓"
        case ToolResult():
            return f"  ✗ {_flat(event.detail)}".rstrip()
        case Heard():
            return f"← {_flat(event.text)}"
        case Retry():
            wait = f" in {event.delay_s:.0f} s" if event.delay_s >= 1 else ""
            return f"— asks its provider again{wait} ({event.status or _flat(event.error) or 'no answer'})"
        case Compacted():
            return "— ran out of context and summarised its session"
        case Failed():
            said = _flat(event.message) or _flat(event.error)
            return f"— failed: {said}" + (f" ({event.status})" if event.status else "")
        case Usage() if event.tokens != Tokens():
            used = event.tokens
            cost = f", ${event.cost_usd:.2f}" if event.cost_usd is not None else ""
            cached = f", {used.cached:,} from the cache" if used.cached else ""
            whole = " in its whole session" if event.whole_session else ""
            return f"— used {used.input:,} tokens in{cached}, {used.output:,} out{cost}{whole}"
        case Ended(error=True):
            return f"— ended with an error: {_flat(event.text)}".removesuffix(": ")
        case Ended():
            return "— ended"  # its last words were said
        case _:
            return ""


def _flat(text: str) -> str:
    return " ".join(text.split())


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
