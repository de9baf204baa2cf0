"""What a check has to say: summary, annotations, the steps that failed, and the job's log.

PyGithub cannot fetch a log: GitHub redirects to a storage host that PyGithub refuses to call, and that storage refuses
a request with our credential (PyGithub #3314, KnpLabs/php-github-api#1156). The credential is therefore used for the
redirect only.
"""

from __future__ import annotations

from itertools import islice
from urllib.parse import urljoin

import requests

from integrations.github.connection import Connection, present
from integrations.github.errors import Forbidden, GitHubError, NotFound, no_answer, no_connection, refused
from integrations.github.values import Annotation, CheckOutput, JobAttempt
from integrations.redact import redact

#: Bytes of a log that are kept, from its end: failures are reported last.
LOG_KEPT = 8_000_000
#: Bytes after which reading stops, whatever follows.
LOG_READ = 200_000_000
LOG_S = 60
MOST_ANNOTATIONS = 50
_FAILED = ("failure", "timed_out", "cancelled")
MOST_SUMMARY = 20_000


def check_output(connection: Connection, slug: str, job_id: int) -> CheckOutput:
    """Summary, annotations, failed steps and log of a check run. What this credential may not read is left out.

    Raises AuthFailed, RateLimited, SecondaryLimited, TimedOut, Unavailable.
    """
    try:
        summary, annotations = _from_check(connection, slug, job_id)
    except (Forbidden, NotFound):
        # A fine-grained token cannot read checks at all, but it can read the log of the job of the same number.
        summary, annotations = "", ()
    try:
        log, missing = _log(connection, slug, job_id), ""
    except NotFound:
        log, missing = "", "GitHub has no log of this job: it is still running, was deleted, or is no Actions job."
    except Forbidden as problem:
        log, missing = "", problem.user_message
    try:
        steps = _failed_steps(connection, slug, job_id)
    except (Forbidden, NotFound):
        steps = ()
    return CheckOutput(summary, annotations, redact(log), missing, steps)


def _failed_steps(connection: Connection, slug: str, job_id: int) -> tuple[str, ...]:
    with connection.calling(f"look at the steps of job {job_id} of {slug}") as client:
        _, job = client.requester.requestJsonAndCheck("GET", f"/repos/{slug}/actions/jobs/{job_id}")
        failed = [step["name"] for step in job.get("steps") or () if step.get("conclusion") in _FAILED]
        return tuple(redact(str(name)) for name in failed)


def _from_check(connection: Connection, slug: str, job_id: int) -> tuple[str, tuple[Annotation, ...]]:
    with connection.calling(f"read check {job_id} of {slug}") as client:
        check = client.get_repo(slug).get_check_run(job_id)
        present(check.name)
        output = check.output
        parts = [part for part in (output.title, output.summary) if part] if output else []
        annotations = tuple(
            Annotation(
                path=note.path or "",
                line=note.start_line or 0,
                level=note.annotation_level or "",
                title=redact(note.title or ""),
                message=redact(note.message or ""),
            )
            for note in (
                islice(check.get_annotations(), MOST_ANNOTATIONS) if output and output.annotations_count else ()
            )
        )
    return redact("\n\n".join(parts))[:MOST_SUMMARY], annotations


def job_attempt(connection: Connection, slug: str, job_id: int) -> JobAttempt:
    """Which attempt of its workflow run a job belongs to, and how far that run is."""
    with connection.calling(f"look at job {job_id} of {slug}") as client:
        _, job = client.requester.requestJsonAndCheck("GET", f"/repos/{slug}/actions/jobs/{job_id}")
        run_id = int(job["run_id"])
        _, run = client.requester.requestJsonAndCheck("GET", f"/repos/{slug}/actions/runs/{run_id}")
        return JobAttempt(run_id, int(job["run_attempt"]), int(run["run_attempt"]), run["status"] != "completed")


def _log(connection: Connection, slug: str, job_id: int) -> str:
    what = f"read the log of job {job_id} of {slug}"
    url = f"{connection.api_url}/repos/{slug}/actions/jobs/{job_id}/logs"
    connection.limits.check("core")
    try:
        with connection.session.get(
            url, headers=connection.authorization(), timeout=connection.timeout_s, allow_redirects=False, stream=True
        ) as first:
            _raise_for(connection, first, what)
            if not first.is_redirect:
                return _tail(first)
            where = urljoin(url, first.headers["Location"])
        with connection.session.get(where, timeout=LOG_S, stream=True) as second:
            _raise_for(connection, second, what)
            return _tail(second)
    except requests.Timeout as problem:
        raise no_answer(what, str(problem)) from problem
    except requests.RequestException as problem:
        raise no_connection(what, str(problem)) from problem


def _raise_for(connection: Connection, response: requests.Response, what: str) -> None:
    if response.status_code >= 400:
        error: GitHubError = refused(
            response.status_code, response.headers, response.reason or "", what, connection.clock()
        )
        connection.limits.failed("core", error)
        raise error


def _tail(response: requests.Response) -> str:
    """The end of a body, read in pieces so that memory stays bounded."""
    kept = bytearray()
    read = 0
    for piece in response.iter_content(1 << 16):
        kept += piece
        read += len(piece)
        if len(kept) > 2 * LOG_KEPT:
            del kept[:-LOG_KEPT]
        if read > LOG_READ:
            break
    return kept[-LOG_KEPT:].decode("utf-8", "replace")
