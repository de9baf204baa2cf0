"""Errors that no change of this code mends: other people's programs, networks, machines. Pure.

The lists are those that triage tools of this field keep; a match is a reason that people can read.
"""

from __future__ import annotations

import re

from integrations.errors import Event

_MESSAGES: tuple[tuple[str, str], ...] = (
    (r"^Script error\.?$", "a script of another site failed in somebody's browser"),
    (r"ResizeObserver loop", "browsers report this, and nothing is broken"),
    (r"ChunkLoadError|Loading (?:CSS )?chunk \S+ failed", "a page was open while a new version was deployed"),
    (r"(?:chrome|moz|safari(?:-web)?)-extension://", "a browser extension failed"),
)
_KINDS: tuple[tuple[str, str], ...] = (
    (
        r"(?:NetworkError|ConnectionError|ConnectionRefusedError|ConnectionResetError|BrokenPipeError)$",
        "a network failed",
    ),
    (r"(?:TimeoutError|ReadTimeout|ConnectTimeout|Timeout)$", "something did not answer in time"),
    (r"MaxRetryError$", "something could not be reached"),
    (r"(?:KeyboardInterrupt|SystemExit|GeneratorExit)$", "somebody stopped the program"),
    (r"MemoryError$", "the machine was out of memory"),
)
_NETWORK = re.compile(r"\b(?:ECONNRESET|ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EPIPE|Max retries exceeded)\b")
_BOTS = re.compile(
    r"bot\b|crawl|spider|slurp|headless|lighthouse|pingdom|uptime|curl/|wget/|python-requests", re.IGNORECASE
)
_LOCAL = re.compile(r"^(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|::1|.*\.local(?:host)?)$", re.IGNORECASE)


def noise(event: Event) -> str:
    """Why an event is none of the repository's business; empty when it may be."""
    for pattern, why in _MESSAGES:
        if re.search(pattern, event.message) or re.search(pattern, " ".join(one.path for one in event.frames)):
            return why
    for pattern, why in _KINDS:
        if re.search(pattern, event.kind):
            return why
    if _NETWORK.search(event.message):
        return "a network failed"
    return ""


def not_a_person(event: Event, *, playground: bool = False) -> str:
    """Why nobody was hurt by the latest event; empty when somebody may have been.

    Parameters:
        playground: the application runs on this machine by design.
    """
    if _BOTS.search(event.user_agent):
        return f"the latest one was caused by a program ({event.user_agent[:60]})"
    if not playground and event.host and _LOCAL.match(event.host):
        return f"the latest one happened on a developer's machine ({event.host})"
    return ""
