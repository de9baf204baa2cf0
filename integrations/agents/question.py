"""The fenced block with which an agent hands a product decision to a person.

```waggle-question
{"question": "Which separator?", "options": ["comma", "semicolon"], "default": "comma"}
```
"""

from __future__ import annotations

import json
from dataclasses import dataclass

_FENCE, _END = "```waggle-question", "```"
_MOST_OPTIONS = 6
_LONGEST, _LONGEST_OPTION = 2000, 200
_AFTERWORD = 300  #: characters that an agent may add behind its question, such as a greeting


@dataclass(frozen=True)
class AgentQuestion:
    """What a person is asked: free text, or one of `options`; `default` is taken when nobody answers."""

    text: str
    options: tuple[str, ...] = ()
    default: str | None = None


def read_question(text: str) -> AgentQuestion | None:
    """The question at the end of an agent's last words; None when there is none.

    A block that is not valid JSON, or lacks its closing fence, is still a question: what stands in it is asked as it
    is, because an agent that tried to ask must never be read as one that finished.
    """
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip() == _FENCE]
    if not starts:
        return None
    below = lines[starts[-1] + 1 :]
    end = next((number for number, line in enumerate(below) if line.strip() == _END), len(below))
    if len("\n".join(below[end + 1 :]).strip()) > _AFTERWORD:
        return None
    return _read_block("\n".join(below[:end]).strip()[:_LONGEST])


def _read_block(raw: str) -> AgentQuestion | None:
    if not raw:
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return AgentQuestion(raw)
    if not isinstance(value, dict) or not str(value.get("question") or "").strip():
        return AgentQuestion(raw)
    listed = value.get("options")
    options = tuple(str(one)[:_LONGEST_OPTION] for one in listed)[:_MOST_OPTIONS] if isinstance(listed, list) else ()
    default = value.get("default")
    preset = None if default is None or default == "" else str(default)[:_LONGEST_OPTION]
    return AgentQuestion(str(value["question"]).strip()[:_LONGEST], options, preset)
