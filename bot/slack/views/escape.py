"""Text that others wrote, made harmless for Slack. Nothing else in this project writes Slack's markup.

`&`, `<` and `>` of every text that is not ours are escaped where it is put into a message; escaped entities are
not read again as tokens. Only the functions below produce `<…>`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from bot.slack.markup import strip_invisible

_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,20}")
_MARKUP = re.compile(r"<(?=[!@#]|https?:|mailto:)")
_UTC_TIME = re.compile(r"\b\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC")
_ESCAPED_USER = re.compile(r"&lt;@([UW][A-Z0-9]{2,20})&gt;")


def text(raw: str) -> str:
    """Untrusted text for mrkdwn; line breaks stay."""
    return strip_invisible(raw).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def line(raw: str) -> str:
    """Untrusted text for mrkdwn, on one line."""
    return text(" ".join(strip_invisible(raw).split()))


def plain(raw: str) -> str:
    """Untrusted text for plain_text, on one line.

    Slack reads no markup there. What would be markup elsewhere is broken all the same, for the places that a
    heading or a label is copied to.
    """
    return _MARKUP.sub("‹", " ".join(strip_invisible(raw).split()))


def bold(raw: str) -> str:
    """One bold line; an asterisk inside would end it."""
    inner = line(raw).replace("*", "∗")
    return f"*{inner}*" if inner else ""


def code(raw: str) -> str:
    """One line of code; a backtick inside would end it."""
    inner = line(raw).replace("`", "ˋ")
    return f"`{inner}`" if inner else ""


def fenced(raw: str) -> str:
    """A block of code. Nothing in it is made a link."""
    inner = text(raw).replace("`", "ˋ").strip("\n")
    return f"```\n{inner}\n```" if inner else ""


def quoted(raw: str) -> str:
    """Somebody's words, each line marked as quoted."""
    return "\n".join(f"> {part}" for part in text(raw).strip().split("\n"))


def link(url: str, label: str) -> str:
    """A link that our code makes; only the label when the address is not a plain web address."""
    shown = line(label).replace("|", "¦")
    try:
        parts = urlsplit(url)
    except ValueError:
        return shown
    if parts.scheme not in {"http", "https"} or not parts.netloc or re.search(r"[\s<>|\"\\]|[^\x21-\x7e]", url):
        return shown
    return f"<{url}|{shown or line(parts.netloc)}>"


def person(user_id: str) -> str:
    """A mention, for ids that Slack gave us; anybody else by name."""
    if _USER.fullmatch(user_id):
        return f"<@{user_id}>"
    return line(user_id.removeprefix("cli:")) or "somebody"


def channel(channel_id: str) -> str:
    return f"<#{channel_id}>" if _CHANNEL.fullmatch(channel_id) else line(channel_id)


def with_times(raw: str) -> str:
    """Words of ours on one line, with each `2026-03-01 12:00 UTC` in them as the reader's own time."""

    def shown(found: re.Match[str]) -> str:
        try:
            return moment(datetime.strptime(found[0], "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC))
        except ValueError:
            return found[0]

    return _UTC_TIME.sub(shown, line(raw))


def ago(at: datetime) -> str:
    """How long ago something was, to the minute, as the reader's own Slack counts it."""
    minute = int(at.timestamp()) // 60 * 60
    return f"<!date^{minute}^{{ago}}|{at:%H:%M} UTC>"


def moment(at: datetime) -> str:
    """A time in the reader's own zone."""
    fallback = f"{at:%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def sentence(raw: str, known: frozenset[str] = frozenset()) -> str:
    """A sentence of ours that may hold others' words: escaped, but for mentions of people in `known`."""
    return _ESCAPED_USER.sub(lambda found: person(found[1]) if found[1] in known else found[0], text(raw))
