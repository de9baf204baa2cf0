"""Secrets in text: taken out of what Waggle shows or stores, found in what an agent wants to publish.

Two sources: shapes that tokens of known services have, and the literal values that this process holds itself
(a home-grown token has no shape). Lengths are open-ended on purpose: GitHub's installation tokens are no longer
40 characters since April 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MARK = "[secret removed]"

#: Shapes that are secrets wherever they stand. The word boundary in front keeps hashes and paths untouched; what comes
#: before the end of a shape is bounded, so that a hostile log cannot make a search take the square of its length.
SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9_.\-]{16,}|github_pat_[A-Za-z0-9_]{20,})"),
        ("GitLab token", r"\bgl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_\-]{20,}"),
        ("Slack token", r"\bxox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}"),
        ("Slack webhook", r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}"),
        ("Anthropic key", r"\bsk-ant-[A-Za-z0-9_\-]{16,}"),
        ("OpenAI key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{20,}"),
        ("Sentry token", r"\bsntry[su]_[A-Za-z0-9_+/=\-]{20,}"),
        ("AWS access key", r"\b(?:AKIA|ASIA)(?![0-9A-Z]{9}EXAMPLE)[0-9A-Z]{16}\b"),
        ("Google key", r"\bAIza[0-9A-Za-z_\-]{35}"),
        ("Stripe key", r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{16,}"),
        ("npm token", r"\bnpm_[A-Za-z0-9]{30,}"),
        ("PyPI token", r"\bpypi-AgE[A-Za-z0-9_\-]{40,}"),
        ("JSON web token", r"\beyJ[A-Za-z0-9_\-]{8,1000}\.eyJ[A-Za-z0-9_\-]{8,8000}\.[A-Za-z0-9_\-]{8,}"),
        ("private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    )
)

_KEY_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----.*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\Z)", re.DOTALL
)
#: `user:password@` in an address; the user stays, since it helps to understand a message.
_IN_ADDRESS = re.compile(
    r"(?P<head>\b[a-z][a-z0-9+.\-]{0,20}://[^\s/:@]{0,100}:)(?P<secret>[^\s/@]{1,1000})(?=@)", re.IGNORECASE
)
_HEADER = re.compile(
    r"(?P<head>\bAuthorization:\s*(?:Basic|Bearer|token)\s+)(?P<secret>[A-Za-z0-9._~+/=\-]+)", re.IGNORECASE
)

#: A literal shorter than this is too likely to be an ordinary word.
SHORTEST_LITERAL = 8


@dataclass(frozen=True)
class FoundSecret:
    """A secret on an added line of a diff.

    Attributes:
        name: what it looks like, such as "GitHub token".
        path: the file in the new version; empty when the diff has no file header.
        line: line number in the new version, from 1.
        shown: the secret's first characters, enough to find it and too few to use it.
    """

    name: str
    path: str
    line: int
    shown: str


def redact(text: str, literals: Iterable[str] = ()) -> str:
    """Replace every secret in `text` by a mark.

    Parameters:
        literals: values known to be secret, such as this process's own tokens; short ones are ignored.
    """
    for literal in sorted({value for value in literals if len(value) >= SHORTEST_LITERAL}, key=len, reverse=True):
        text = text.replace(literal, MARK)
    text = _KEY_BLOCK.sub(MARK, text)
    for _, shape in SHAPES:
        text = shape.sub(MARK, text)
    for wrapped in (_IN_ADDRESS, _HEADER):
        text = wrapped.sub(lambda found: found["head"] + MARK, text)
    return text


def find_secrets(diff: str, literals: Iterable[str] = ()) -> tuple[FoundSecret, ...]:
    """Secrets that a unified diff adds. Removed and context lines are history and do not count."""
    known = sorted({value for value in literals if len(value) >= SHORTEST_LITERAL}, key=len, reverse=True)
    found: list[FoundSecret] = []
    path, line, in_hunk = "", 0, False
    for row in diff.split("\n"):
        if row.startswith("diff --git "):
            in_hunk = False
        elif not in_hunk and row.startswith("+++ "):
            path = row[4:].strip().strip('"').removeprefix("b/")
        elif (hunk := re.match(r"@@ -\d+(?:,\d+)? \+(\d+)", row)) is not None:
            line, in_hunk = int(hunk[1]), True
        elif in_hunk and row.startswith("+"):
            found += [FoundSecret(kind, path, line, secret[:4] + "…") for kind, secret in _secrets_in(row[1:], known)]
            line += 1
        elif in_hunk and not row.startswith(("-", "\\")):
            line += 1
    return tuple(found)


def _secrets_in(text: str, literals: list[str]) -> list[tuple[str, str]]:
    seen = [("one of Waggle's own secrets", value) for value in literals if value in text]
    for kind, shape in SHAPES:
        for match in shape.finditer(text):
            if not any(match[0] in other or other in match[0] for _, other in seen):
                seen.append((kind, match[0]))
    return seen
