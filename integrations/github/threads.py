"""Review threads: a reply in one, once for each marker, and resolving it. GitHub offers both in GraphQL alone."""

from __future__ import annotations

from integrations.github.answers import ThreadNode, ThreadRepliesAnswer
from integrations.github.connection import Connection
from integrations.github.conversation import LONGEST_BODY
from integrations.github.detail import same_account
from integrations.github.errors import NotFound, TimedOut, Unavailable
from integrations.github.graphql import ask, change, remember
from integrations.github.markers import marked
from integrations.redact import redact


def reply_in_thread(connection: Connection, thread_id: str, own_login: str, mark: str, body: str) -> None:
    """Say something in a review thread, unless a reply of ours with that marker stands there.

    Raises:
        NotFound: there is no such thread any more.
    """
    what = "answer in a review thread"
    if _said(_thread(connection, thread_id, what), own_login, mark):
        return
    try:
        text = redact(marked(mark, body))[:LONGEST_BODY]
        change(connection, "reply", {"thread": thread_id, "body": text}, what)
    except (TimedOut, Unavailable):
        # The answer was lost, the reply perhaps not.
        if not _said(_thread(connection, thread_id, what), own_login, mark):
            raise


def resolve_thread(connection: Connection, thread_id: str) -> None:
    """Resolve a review thread; one that is resolved is left alone.

    Raises:
        NotFound: there is no such thread any more.
        Forbidden: the credential may not write to pull requests.
    """
    what = "resolve a review thread"
    if not _thread(connection, thread_id, what).is_resolved:
        change(connection, "resolve", {"thread": thread_id}, what)


def _thread(connection: Connection, thread_id: str, what: str) -> ThreadNode:
    reply = ask(connection, "thread", {"id": thread_id}, ThreadRepliesAnswer, what)
    remember(connection.limits, reply.data.rate_limit)
    if reply.data.node is None:
        raise NotFound(f"{what}: it is gone", user_message="The review thread is gone.")
    return reply.data.node


def _said(thread: ThreadNode, own_login: str, mark: str) -> bool:
    return any(
        one.body.startswith(mark) and one.author is not None and same_account(one.author.login, own_login)
        for one in (thread.comments.known if thread.comments else ())
    )
