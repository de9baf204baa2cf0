"""An agent's event stream in words, for people who read along. Pure."""

from __future__ import annotations

from integrations.agents import (
    AgentEvent,
    Compacted,
    Ended,
    Retry,
    Started,
    Text,
    ToolCall,
)

_LONGEST = 400


def narrate(event: AgentEvent) -> str:
    """One line for an event; empty when it says nothing to a person."""
    match event:
        case Started():
            return f"— started{f' ({event.model})' if event.model else ''}"
        case Text():
            return _one_line(event.text)
        case ToolCall():
            return f"→ {event.name} {_one_line(event.summary)}".rstrip()
        case Retry():
            return f"— asks its provider again ({event.status or event.error or 'no answer'})"
        case Compacted():
            return "— ran out of context and summarised its session"
        case Ended():
            return f"— ended: {_one_line(event.text)}" if event.text else "— ended"
        case _:
            return ""


def _one_line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
