"""GitHub: pull requests, checks, logs, comments, reviews, statuses. Knows nothing of tasks.

client.py       the door
light.py        the query of every tick          medium.py      those that changed, many at once
detail.py       one pull request in full         chunks.py      one question about many
pulls.py        find, open, close                conversation.py comments, reviews
ci_output.py    summary, annotations, log        excerpt.py     the lines of a log that explain a failure
checks.py       what a check's words mean        fingerprint.py whether anything changed
probe.py        what the credential can do       limits.py      quotas, pauses, our own write budget
app.py          a GitHub App's tokens            webhooks.py     what GitHub tells by itself
connection.py   PyGithub, one client a thread    graphql.py     one GraphQL call, partial data kept
etags.py        reads that did not change        review_bots.py  what review bots from outside say
degraded.py     checks for a credential that may not read them
answers.py, values.py, markers.py, errors.py, queries/*.graphql
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from integrations.github.errors import (
    AuthFailed,
    Conflict,
    Forbidden,
    GitHubError,
    Invalid,
    NotFound,
    RateLimited,
    SecondaryLimited,
    TimedOut,
    Unavailable,
)
from integrations.github.excerpt import excerpt
from integrations.github.limits import Limits
from integrations.github.markers import marked, marker, marker_in
from integrations.github.review_bots import BotVerdict, ReviewBot, is_bots, known_bots, read_bots
from integrations.github.values import (
    Annotation,
    Capability,
    CheckFact,
    CheckOutput,
    Comment,
    Excerpt,
    JobAttempt,
    LightBatch,
    MediumBatch,
    PullDetail,
    PullLight,
    PullRef,
    Rate,
    RepositoryFacts,
    Review,
    ReviewComment,
    Thread,
)

if TYPE_CHECKING:
    from integrations.github.app import AppCredential, AppIdentity
    from integrations.github.client import GitHub

#: Loaded when they are first used: PyGithub takes longer than a command at the terminal, which only reads values.
_ON_DEMAND = {"AppCredential": "app", "AppIdentity": "app", "GitHub": "client"}


def __getattr__(name: str) -> Any:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ON_DEMAND[name]}"), name)


__all__ = [
    "Annotation",
    "AppCredential",
    "AppIdentity",
    "AuthFailed",
    "BotVerdict",
    "Capability",
    "CheckFact",
    "CheckOutput",
    "Comment",
    "Conflict",
    "Excerpt",
    "Forbidden",
    "GitHub",
    "GitHubError",
    "Invalid",
    "JobAttempt",
    "LightBatch",
    "Limits",
    "MediumBatch",
    "NotFound",
    "PullDetail",
    "PullLight",
    "PullRef",
    "Rate",
    "RateLimited",
    "RepositoryFacts",
    "Review",
    "ReviewBot",
    "ReviewComment",
    "SecondaryLimited",
    "Thread",
    "TimedOut",
    "Unavailable",
    "excerpt",
    "is_bots",
    "known_bots",
    "marked",
    "marker",
    "marker_in",
    "read_bots",
]
