"""Comments and reviews. Each is found again by its marker, so nothing is said twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from github.IssueComment import IssueComment

from integrations.github.connection import Connection, present
from integrations.github.errors import Invalid, TimedOut, Unavailable
from integrations.github.markers import marked, marker_in
from integrations.github.values import ReviewComment
from integrations.redact import redact

#: GitHub refuses longer bodies.
LONGEST_BODY = 65_000
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")


def upsert_comment(connection: Connection, slug: str, number: int, own_login: str, mark: str, body: str) -> str:
    """Write a comment, or change the one of ours that carries the marker. Returns its address."""
    text = redact(marked(mark, body))[:LONGEST_BODY]
    what = f"comment on {slug}#{number}"
    found = _find(connection, slug, number, own_login, mark)
    if found is not None:
        if found.body != text:
            with connection.calling(what, write=True):
                found.edit(text)
        return found.html_url
    try:
        with connection.calling(what, write=True) as client:
            return present(client.get_repo(slug).get_issue(number).create_comment(text).html_url)
    except (TimedOut, Unavailable):
        # The answer was lost, the comment perhaps not.
        found = _find(connection, slug, number, own_login, mark)
        if found is None:
            raise
        return found.html_url


def post_review(
    connection: Connection,
    slug: str,
    number: int,
    own_login: str,
    head: str,
    body: str,
    comments: Sequence[ReviewComment],
) -> None:
    """Post one review with event COMMENT: an account may not approve or refuse its own pull request.

    A line outside the diff makes GitHub refuse the whole review, so such remarks go into the body; if GitHub refuses
    a line all the same, all of them do. A review that starts with a marker is posted once for each head commit.
    """
    what = f"review {slug}#{number}"
    mark = marker_in(body)
    with connection.calling(what) as client:
        pull = client.get_repo(slug).get_pull(number)
        if mark is not None and any(
            review.body.startswith(mark) and review.commit_id == head and review.user.login == own_login
            for review in pull.get_reviews()
        ):
            return
        lines = {file.filename: diff_lines(file.patch or "") for file in pull.get_files()} if comments else {}
    inside = [remark for remark in comments if remark.line in lines.get(remark.path, frozenset())]
    outside = [remark for remark in comments if remark not in inside]
    try:
        _create(connection, slug, number, what, head, _with_remarks(body, outside), inside)
    except Invalid:
        if not inside:
            raise
        _create(connection, slug, number, what, head, _with_remarks(body, comments), ())


def diff_lines(patch: str) -> frozenset[int]:
    """Line numbers of the new version that a file's patch shows, changed or context: those that take a comment."""
    lines: set[int] = set()
    line = 0
    for row in patch.split("\n"):
        hunk = _HUNK.match(row)
        if hunk is not None:
            line = int(hunk[1])
        elif line and not row.startswith(("-", "\\")):
            lines.add(line)
            line += 1
    return frozenset(lines)


def _create(
    connection: Connection,
    slug: str,
    number: int,
    what: str,
    head: str,
    body: str,
    inside: Sequence[ReviewComment],
) -> None:
    with connection.calling(what, write=True) as client:
        _, answer = client.requester.requestJsonAndCheck(
            "POST",
            f"/repos/{slug}/pulls/{number}/reviews",
            input={
                "commit_id": head,
                "body": redact(body)[:LONGEST_BODY],
                "event": "COMMENT",
                "comments": [
                    {"path": remark.path, "line": remark.line, "side": "RIGHT", "body": redact(remark.body)}
                    for remark in inside
                ],
            },
        )
        present((answer or {}).get("id"))


def _with_remarks(body: str, remarks: Iterable[ReviewComment]) -> str:
    rows = [f"- `{remark.path}:{remark.line}` {remark.body}" for remark in remarks]
    return "\n".join([body, "", *rows]) if rows else body


def _find(connection: Connection, slug: str, number: int, own_login: str, mark: str) -> IssueComment | None:
    """Our comment with the marker. Somebody else's with a copied marker is not ours to edit."""
    with connection.calling(f"read the comments of {slug}#{number}") as client:
        for comment in client.get_repo(slug).get_issue(number).get_comments():
            present(comment.id)
            if comment.user.login == own_login and (comment.body or "").startswith(mark):
                return comment
    return None
