"""What a person typed, as Slack stores it: entities escaped, mentions and addresses marked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Trailing punctuation belongs to the sentence, not to the address.
_ADDRESS = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?'\")\]]")
_NAME = re.compile(r"(?<![\w@/.-])([@#])([a-z0-9][a-z0-9._-]*[a-z0-9]|[a-z0-9])", re.IGNORECASE)
_BROADCAST = {"here", "channel", "everyone"}
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def composed(text: str, users: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """Slack's form of a typed text.

    Parameters:
        users, channels: ids by name, without `@` and `#`.
    """
    parts = _CODE.split(text)
    return "".join(
        _escaped(part) if position % 2 else _marked(part, users, channels) for position, part in enumerate(parts)
    )


def _marked(text: str, users: Mapping[str, str], channels: Mapping[str, str]) -> str:
    def name(found: re.Match[str]) -> str:
        sign, word = found[1], found[2]
        if sign == "@" and word.lower() in users:
            return f"<@{users[word.lower()]}>"
        if sign == "@" and word.lower() in _BROADCAST:
            return f"<!{word.lower()}>"
        if sign == "#" and word.lower() in channels:
            return f"<#{channels[word.lower()]}|{word.lower()}>"
        return found[0]

    done, at = [], 0
    for address in _ADDRESS.finditer(text):
        done.append(_NAME.sub(name, _escaped(text[at : address.start()])))
        done.append(f"<{address[0].replace('&', '&amp;')}>")
        at = address.end()
    done.append(_NAME.sub(name, _escaped(text[at:])))
    return "".join(done)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
