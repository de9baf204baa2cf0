"""The fenced block with which an agent hands a product decision to a person.

```waggle-question
{"question": "Which separator?", "options": ["comma", "semicolon"], "default": "comma"}
```
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_FENCE = re.compile(r"```waggle-question\s*\n(?P<json>.*?)\n```\s*\Z", re.DOTALL)
_MOST_OPTIONS = 6


@dataclass(frozen=True)
class AgentQuestion:
    text: str
    options: tuple[str, ...] = ()
    default: str | None = None


def read_question(text: str) -> AgentQuestion | None:
    """The question at the end of an agent's last words; None when there is none.

    A block that is not valid JSON is still a question: what stands in it is asked as it is, because an agent
    that tried to ask must never be read as one that finished.
    """
    found = _FENCE.search(text.strip())
    if found is None:
        return None
    raw = found["json"].strip()
    try:
        value = json.loads(raw)
    except ValueError:
        return AgentQuestion(raw)
    if not isinstance(value, dict) or not str(value.get("question", "")).strip():
        return AgentQuestion(raw)
    listed = value.get("options")
    options = tuple(str(one) for one in listed)[:_MOST_OPTIONS] if isinstance(listed, list) else ()
    default = value.get("default")
    return AgentQuestion(str(value["question"]).strip(), options, None if default is None else str(default))
