"""Whether a description or comment shows what something looks like. Pure.

Templates' placeholders in comments, code, badges and drawings (`.svg`) show nothing of an application.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*\s*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(`+)[^`]+?\1")
_IMAGE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_BY_REFERENCE = re.compile(r"!\[([^\]]*)\](?:\[([^\]]*)\])?(?!\()")
_REFERENCE = re.compile(r"^ {0,3}\[([^\]]+)\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE)
_TAG = re.compile(r"<(?:img|source|video)\b[^>]*?\b(?:src|srcset)\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_ATTACHED = re.compile(
    r"https://(?:github\.com/user-attachments/assets/[\w-]+"
    r"|user-images\.githubusercontent\.com/[\w./-]+"
    r"|private-user-images\.githubusercontent\.com/[\w./?=&%-]+"
    r"|github\.com/[\w.-]+/[\w.-]+/assets/[\w./-]+)"
)
_NOTHING = re.compile(
    r"shields\.io|badge|\.svg(?:[?#]|$)|travis-ci|circleci\.com|codecov\.io|coveralls\.io|/workflows/.*\.svg"
    r"|^data:|camo\.githubusercontent\.com",
    re.IGNORECASE,
)


def pictures_in(text: str) -> tuple[str, ...]:
    """Addresses of the pictures and films that a Markdown text shows, each once."""
    text = _CODE.sub("", _FENCE.sub("", _COMMENT.sub("", text.replace("\r\n", "\n"))))
    named = {name.lower(): address for name, address in _REFERENCE.findall(text)}
    found = [*_IMAGE.findall(text), *_TAG.findall(text), *_ATTACHED.findall(text)]
    found += [named[key] for label, name in _BY_REFERENCE.findall(text) if (key := (name or label).lower()) in named]
    return tuple(dict.fromkeys(address for address in found if not _NOTHING.search(address)))
