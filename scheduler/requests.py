"""Taking in what is wanted: a request and the task that it becomes, whoever or whatever asked."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from scheduler.lifecycle import TaskState
from scheduler.policy import Policy
from scheduler.registry.work import Request, Task

_TITLE_LENGTH = 80


def file_request(
    session: Session,
    now: datetime,
    policy: Policy,
    *,
    text: str,
    requester: str,
    source: str,
    dedupe_key: str,
    channel: str = "",
    thread_ts: str = "",
    permalink: str = "",
    repo: str = "",
    priority: str = "",
    priority_reason: str = "",
) -> Task:
    """A new request, and its task in the state `proposed`.

    Parameters:
        text: the words; the first 80 characters are the title until it is scoped.
        requester: Slack user id, `cli:<login>` or `signal:<id>`.
        dedupe_key: unique; the caller has looked that there is none yet.
    """
    wanted = " ".join(text.split())
    request = Request(
        dedupe_key=dedupe_key,
        text=text.strip(),
        requester=requester,
        source=source,
        channel=channel,
        thread_ts=thread_ts,
        permalink=permalink,
        created_at=now,
    )
    session.add(request)
    session.flush()
    assert request.id is not None
    task = Task(
        request_id=request.id,
        state=TaskState.PROPOSED,
        title=wanted if len(wanted) <= _TITLE_LENGTH else wanted[: _TITLE_LENGTH - 1] + "…",
        repo=repo,
        priority=priority or "p2",
        priority_reason=priority_reason,
        requester=requester,
        channel=channel,
        thread_ts=thread_ts,
        budget_usd=policy.budget.task_usd,
        budget_tokens=policy.budget.task_tokens,
        created_at=now,
        updated_at=now,
    )
    session.add(task)
    session.flush()
    return task
