"""The checks of a commit for a credential that may not read checks.

Fine-grained personal tokens have no permission for check runs (cli/cli#12597), so GraphQL answers without them. The
same facts are read from what such a token can see: workflow runs with their jobs (Actions: read), whose numbers are
those of the check runs, and commit statuses. Checks of other apps stay invisible.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from integrations.github.checks import check_run_state, newest, status_state
from integrations.github.connection import Connection
from integrations.github.values import CheckFact

#: More workflow runs than this for one commit are not looked at.
MOST_RUNS = 30


def checks_without_checks(
    connection: Connection, slug: str, head: str, required: Collection[str]
) -> tuple[CheckFact, ...]:
    """Jobs of the commit's workflow runs, and its statuses. Raises Forbidden without Actions: read."""
    found: list[CheckFact] = []
    with connection.calling(f"read the workflow runs of {slug} at {head[:7]}") as client:
        repository = client.get_repo(slug)
        for run in islice(repository.get_workflow_runs(head_sha=head), MOST_RUNS):
            found += [
                CheckFact(
                    name=job.name,
                    kind="check",
                    state=check_run_state(job.status, job.conclusion),
                    conclusion=(job.conclusion or job.status).lower(),
                    url=job.html_url or "",
                    job_id=job.id,
                    required=job.name in required,
                    app="github-actions",
                    workflow=run.name or "",
                    run_id=run.id,
                    started_at=job.started_at,
                )
                for job in run.jobs()
            ]
    with connection.calling(f"read the statuses of {slug} at {head[:7]}") as client:
        found += [
            CheckFact(
                name=status.context,
                kind="status",
                state=status_state(status.state),
                conclusion=status.state,
                url=status.target_url or "",
                required=status.context in required,
                description=status.description or "",
                started_at=status.created_at,
            )
            for status in client.get_repo(slug).get_commit(head).get_combined_status().statuses
        ]
    return newest(found)
