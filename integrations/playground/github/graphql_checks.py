"""GraphQL resolvers: the checks of a commit."""

from __future__ import annotations

from collections import Counter
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from integrations.playground.github.checks import required_contexts
from integrations.playground.github.graphql_repository import asking
from integrations.playground.github.graphql_values import (
    AnnotationView,
    CommitRef,
    Connection,
    RollupView,
    connection,
    record_id,
)
from integrations.playground.github.people import account
from integrations.playground.github.records import Annotation, Job, Pull, Run, Status, read_node_id
from integrations.playground.github.shapes import moment
from integrations.playground.github.shapes_checks import APP, run_state, steps

Info = GraphQLResolveInfo
_APP = {"id": "A_15368", "databaseId": APP["id"], "slug": APP["slug"], "name": APP["name"]}


def _contexts(view: RollupView, info: Info, **page: Any) -> dict[str, Any]:
    found = view.found
    runs: list[Any] = list(found.jobs)
    counts: Any = _counts(found.check_run_states())
    if _hidden(info):  # what a fine-grained token gets, which has no permission for checks (cli/cli#12597)
        runs = [_forbidden() for _ in runs]
        counts = _forbidden()
    listed: Connection = connection([*runs, *found.statuses], **page)
    return {
        "nodes": listed.nodes,
        "pageInfo": listed.page_info,
        "totalCount": listed.total_count,
        "checkRunCount": len(found.jobs),
        "statusContextCount": len(found.statuses),
        "checkRunCountsByState": counts,
        "statusContextCountsByState": _counts(found.status_states()),
    }


def _counts(states: Counter[str]) -> list[dict[str, Any]]:
    return [{"state": state, "count": count} for state, count in sorted(states.items())]


def _hidden(info: Info) -> bool:
    fault = asking(info).fault
    return fault is not None and fault.answer == "forbidden_fields"


def _forbidden() -> GraphQLError:
    return GraphQLError("Resource not accessible by personal access token", extensions={"type": "FORBIDDEN"})


def _run(job: Job, info: Info) -> Run:
    found = asking(info).world.store.get(Run, job.run_id)
    assert found is not None, "every job belongs to a run"
    return found


def _jobs(run: Run, info: Info) -> list[Job]:
    return asking(info).world.store.all(Job, "run_id=?", run.id)


def _is_required(
    check: Job | Status, info: Info, pullRequestNumber: int | None = None, pullRequestId: str | None = None
) -> bool:
    world = asking(info).world
    pull = None
    if pullRequestNumber is not None:
        pull = world.pulls.find(check.slug, pullRequestNumber)
    elif pullRequestId is not None and (known := read_node_id(pullRequestId)) and known[0] is Pull:
        pull = world.store.get(Pull, known[1])
    if pull is None:
        raise GraphQLError("A pull request ID or pull request number is required.")
    name = check.name if isinstance(check, Job) else check.context
    return name in required_contexts(world.pulls.repo(check.slug), pull.base_branch)


def _annotations(job: Job, info: Info, **page: Any) -> Connection:
    found = asking(info).world.store.all(Annotation, "job_id=?", job.id)
    return connection([AnnotationView(annotation) for annotation in found], **page)


def _steps(job: Job, _info: Info, number: int | None = None, **page: Any) -> Connection:
    shown = [
        {
            "number": step.number,
            "name": step.name,
            "status": step.status.upper(),
            "conclusion": step.conclusion.upper() or None,
        }
        for step in steps(job)
        if number in (None, step.number)
    ]
    return connection(shown, **page)


def _location(view: AnnotationView, _info: Info) -> dict[str, Any]:
    place = {"line": view.annotation.line}
    return {"start": place, "end": place}


def _job_page(job: Job, info: Info) -> str:
    return asking(info).world.addresses.job(job)


FIELDS: dict[str, dict[str, Any]] = {
    "StatusCheckRollup": {
        "state": lambda view, info: view.found.state,
        "commit": lambda view, info: CommitRef(view.slug, view.sha),
        "contexts": _contexts,
    },
    "CheckRun": {
        "id": record_id,
        "databaseId": lambda job, info: job.id,
        "status": lambda job, info: job.status.upper(),
        "conclusion": lambda job, info: job.conclusion.upper() or None,
        "title": lambda job, info: job.title or None,
        "summary": lambda job, info: job.summary or None,
        "text": lambda job, info: None,
        "detailsUrl": _job_page,
        "url": _job_page,
        "permalink": _job_page,
        "startedAt": lambda job, info: moment(job.started_at),
        "completedAt": lambda job, info: moment(job.completed_at),
        "isRequired": _is_required,
        "checkSuite": _run,
        "steps": _steps,
        "annotations": _annotations,
    },
    "CheckSuite": {
        "id": lambda run, info: f"CS_{run.id}",
        "databaseId": lambda run, info: run.id,
        "app": lambda run, info: _APP,
        "commit": lambda run, info: CommitRef(run.slug, run.sha),
        "status": lambda run, info: run_state(_jobs(run, info))[0].upper(),
        "conclusion": lambda run, info: run_state(_jobs(run, info))[1].upper() or None,
        "workflowRun": lambda run, info: run,
    },
    "WorkflowRun": {
        "id": record_id,
        "databaseId": lambda run, info: run.id,
        "runNumber": lambda run, info: run.number,
        "createdAt": lambda run, info: moment(run.created_at),
        "url": lambda run, info: asking(info).world.addresses.run(run),
        "workflow": lambda run, info: {"id": "W_1", "databaseId": 1, "name": "CI"},
    },
    "CheckAnnotation": {
        "annotationLevel": lambda view, info: view.annotation.level.upper(),
        "title": lambda view, info: view.annotation.title or None,
        "message": lambda view, info: view.annotation.message,
        "rawDetails": lambda view, info: None,
        "path": lambda view, info: view.annotation.path,
        "location": _location,
    },
    "StatusContext": {
        "id": record_id,
        "state": lambda status, info: status.state.upper(),
        "targetUrl": lambda status, info: status.target_url or None,
        "description": lambda status, info: status.description or None,
        "createdAt": lambda status, info: moment(status.created_at),
        "creator": lambda status, info: account(status.creator),
        "isRequired": _is_required,
    },
}
