"""Whether a pull request changed since the last look, in one short word."""

from __future__ import annotations

import hashlib

from integrations.github.values import PullLight


def fingerprint(pull: PullLight) -> str:
    """Digest of everything in the light query that a decision could rest on. Pure."""
    facts = (
        pull.head_sha,
        pull.base_sha,
        pull.base_branch,
        pull.state,
        pull.draft,
        pull.mergeable,
        pull.merge_state,
        pull.review_decision,
        pull.rollup,
        sorted(pull.checks_by_state.items()),
        pull.checks_total,
        pull.checks_readable,
        pull.comments,
        pull.reviews,
        pull.threads,
        sorted(pull.labels),
        pull.updated_at.isoformat(),
    )
    return hashlib.sha1(repr(facts).encode(), usedforsecurity=False).hexdigest()
