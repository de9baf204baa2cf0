"""The council's remarks on lines of a pull request: which findings get one, and what became of them. Pure.

Only what a second model family confirmed is said on a line, once: what was said about an earlier commit is left where
it stands and is not said again. Each remark carries the key of its finding in a hidden marker, so that it is found
again whoever forgot it, and whoever resolves its conversation says something about the finding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.github import ReviewComment, Thread, marked, marker, marker_in
from scheduler.pull_text import plain
from scheduler.registry.work import Review
from scheduler.same_finding import Finding, key_of, same

#: what is known of each remark, by its finding's key: {"state": "open" | "resolved", "by": login of a person}
Remarks = Mapping[str, Mapping[str, Any]]

_MOST = 10
_KEY = re.compile(r" kind=finding-(?P<key>[0-9a-f]+) ")


def confirmed(reviews: Sequence[Review]) -> list[Finding]:
    """What blocks and was confirmed, most certain first where there is too much."""
    found: list[Finding] = [one for review in reviews for one in review.findings]
    return [one for one in found if one.get("blocks") and one.get("status") == "confirmed"][:_MOST]


def unsaid(found: Sequence[Finding], earlier: Sequence[Finding], known: Remarks) -> list[Finding]:
    """Those findings that no remark was made about.

    Parameters:
        earlier: findings about earlier commits of the pull request.
    """
    said = [one for one in earlier if key_of(one) in known]
    return [one for one in found if key_of(one) not in known and not any(same(one, other) for other in said)]


def remark_of(label: str, finding: Finding) -> ReviewComment:
    """A finding as it stands on its line.

    Parameters:
        label: the task, such as `T-12`.
    """
    by = ", ".join(str(name) for name in finding.get("found_by", ()))
    text = f"**{plain(str(finding['title']))}**\n\n{plain(str(finding['why']))}"
    text += f"\n\nFound by {plain(by)}, and confirmed by a second model family." if by else ""
    mark = marker(label, f"finding-{key_of(finding)}")
    return ReviewComment(str(finding["path"]), int(finding["line"]), marked(mark, text))


def seen_remarks(threads: Sequence[Thread], known: Remarks) -> dict[str, dict[str, Any]]:
    """What is known of the remarks, after a close look at the pull request's conversations.

    Parameters:
        known: what was known before; a conversation that is not shown any more is remembered.
    """
    seen = {key: dict(value) for key, value in known.items()}
    for thread in threads:
        mark = marker_in(thread.comments[0].body) if thread.own and thread.comments else None
        found = _KEY.search(mark) if mark else None
        if found is not None:
            by = thread.resolved_by if thread.resolved and thread.resolved_by_user else ""
            seen[found["key"]] = {"state": "resolved" if thread.resolved else "open", "by": by}
    return seen
