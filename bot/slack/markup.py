"""Slack's wire text to the words that a person typed.

Slack rewrites what people write: entities, auto-links, smart quotes, mentions as ids. Commands are read from
the result of `words`; the wire text is kept beside it, because it is what the person really sent.
"""

from __future__ import annotations

import html
import re
import unicodedata

_TOKEN = re.compile(r"<([^<>\n]*)>")
_USER = re.compile(r"@([UW][A-Z0-9]+)(?:\|([^|]*))?")
_CHANNEL = re.compile(r"#([CG][A-Z0-9]+)(?:\|([^|]*))?")
_QUOTES = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u00a0": " ",
        "\u202f": " ",
        "\u2026": "...",
        "\u2013": "-",
    }
)
#: characters that change how the text around them reads, and no person types on purpose
_INVISIBLE = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)>")


def strip_invisible(text: str) -> str:
    """Text without control, zero-width and bidirectional characters. Line breaks and tabs stay."""
    kept = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(c for c in kept if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs", "Co", "Cn"})


def words(wire: str) -> str:
    """What the person typed: entities and links undone, typographic quotes straightened.

    Mentions of people stay as `<@U1>`, whichever way Slack sent them, because commands need the id.
    """
    pieces: list[str] = []
    end = 0
    for found in _TOKEN.finditer(wire):
        pieces.append(_literal(wire[end : found.start()]))
        pieces.append(_token(found[1]))
        end = found.end()
    pieces.append(_literal(wire[end:]))
    return strip_invisible("".join(pieces)).strip()


def readable(text: str) -> str:
    """The result of `words` for a reader who knows no ids: `<@U1>` becomes `@U1`."""
    return _MENTION.sub(lambda found: f"@{found[1]}", text)


def mentioned(text: str) -> tuple[str, ...]:
    """The people that the result of `words` names, in order."""
    return tuple(found[1] for found in _MENTION.finditer(text))


def without_leading_mention(text: str, user_id: str) -> str:
    """The text behind mentions of `user_id` at its start; unchanged when it starts otherwise."""
    mark = f"<@{user_id}>"
    rest = text.lstrip()
    while user_id and rest.startswith(mark):
        rest = rest[len(mark) :].lstrip(" \t,:")
    return rest.strip()


def _literal(text: str) -> str:
    # A typed "<@U1>" arrives as "&lt;@U1&gt;". It must not become a mention by being decoded.
    decoded = html.unescape(text).translate(_QUOTES)
    return _MENTION.sub(lambda found: f"@{found[1]}", decoded)


def _token(inner: str) -> str:
    user = _USER.fullmatch(inner)
    if user:
        return f"<@{user[1]}>"
    channel = _CHANNEL.fullmatch(inner)
    if channel:
        return f"#{channel[2] or channel[1]}"
    if inner.startswith("!"):
        command, _, label = inner[1:].partition("|")
        return html.unescape(label) if label else f"@{command.split('^')[0]}"
    if inner.startswith(("@", "#")):
        return html.unescape(inner)
    target, _, label = inner.partition("|")
    target, label = html.unescape(target), html.unescape(label)
    bare = re.sub(r"^(?:https?://|mailto:|tel:)", "", target)
    if not label or label == target:
        return target.removeprefix("mailto:").removeprefix("tel:")
    # Slack made a link of a file name or an address: the label is what was typed.
    if label.rstrip("/") == bare.rstrip("/"):
        return label
    return f"{label} ({target})"
