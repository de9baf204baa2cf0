"""Check runs, workflow runs, jobs and statuses as the JSON of GitHub's REST API. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.playground.github.records import Annotation, Job, Run, Status, node_id
from integrations.playground.github.shapes import Json, Shapes, moment

APP = {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"}
_WORKFLOW = "CI"
_STEPS = ("Set up job", "Check out", "Run the command", "Complete job")


@dataclass(frozen=True)
class Step:
    """One step of a job, as GraphQL and REST show it."""

    number: int
    name: str
    status: str
    conclusion: str  #: empty while it is not done


def steps(job: Job) -> list[Step]:
    """The steps of a job. The command is what can fail; the others are there because real jobs have them."""
    if job.status == "queued" or not job.started_at:
        return []
    running = job.status == "in_progress"
    found = []
    for number, name in enumerate(_STEPS, 1):
        is_command = name == "Run the command"
        shown = f"Run {job.command}" if is_command else name
        if running:
            state = ("in_progress", "") if is_command else ("completed", "success") if number < 3 else ("queued", "")
        else:
            state = ("completed", job.conclusion if is_command else "success")
        found.append(Step(number, shown, *state))
    return found


@dataclass(frozen=True)
class CheckShapes:
    """Parameters: `shapes`, for users and addresses."""

    shapes: Shapes

    def check_run(self, job: Job, annotations: int) -> Json:
        at = self.shapes.at
        url = f"{at.api}/repos/{job.slug}/check-runs/{job.id}"
        return {
            "id": job.id,
            "node_id": node_id(job),
            "name": job.name,
            "head_sha": job.sha,
            "external_id": str(job.id),
            "url": url,
            "html_url": at.job(job),
            "details_url": at.job(job),
            "status": job.status,
            "conclusion": job.conclusion or None,
            "started_at": moment(job.started_at or job.created_at),
            "completed_at": moment(job.completed_at),
            "output": {
                "title": job.title or None,
                "summary": job.summary or None,
                "text": None,
                "annotations_count": annotations,
                "annotations_url": f"{url}/annotations",
            },
            "check_suite": {"id": job.run_id},
            "app": APP,
            "pull_requests": [],
        }

    def annotation(self, annotation: Annotation, job: Job) -> Json:
        return {
            "path": annotation.path,
            "blob_href": f"{self.shapes.at.repo(job.slug)}/blob/{job.sha}/{annotation.path}",
            "start_line": annotation.line,
            "end_line": annotation.line,
            "start_column": None,
            "end_column": None,
            "annotation_level": annotation.level,
            "title": annotation.title,
            "message": annotation.message,
            "raw_details": "",
        }

    def job(self, job: Job, run: Run, attempt: int = 1) -> Json:
        at = self.shapes.at
        url = f"{at.api}/repos/{job.slug}/actions/jobs/{job.id}"
        return {
            "id": job.id,
            "node_id": node_id(job),
            "run_id": run.id,
            "run_url": f"{at.api}/repos/{job.slug}/actions/runs/{run.id}",
            "run_attempt": attempt,
            "url": url,
            "html_url": at.job(job),
            "check_run_url": f"{at.api}/repos/{job.slug}/check-runs/{job.id}",
            "logs_url": f"{url}/logs",
            "head_sha": job.sha,
            "head_branch": run.branch,
            "name": job.name,
            "workflow_name": _WORKFLOW,
            "status": job.status,
            "conclusion": job.conclusion or None,
            "created_at": moment(job.created_at),
            "started_at": moment(job.started_at or job.created_at),
            "completed_at": moment(job.completed_at),
            "steps": [
                {"number": step.number, "name": step.name, "status": step.status, "conclusion": step.conclusion or None}
                for step in steps(job)
            ],
            "labels": ["playground"],
            "runner_name": "playground",
        }

    def run(self, run: Run, jobs: list[Job]) -> Json:
        at = self.shapes.at
        url = f"{at.api}/repos/{run.slug}/actions/runs/{run.id}"
        status, conclusion = run_state(jobs)
        return {
            "id": run.id,
            "node_id": node_id(run),
            "name": _WORKFLOW,
            "display_title": _WORKFLOW,
            "head_branch": run.branch,
            "head_sha": run.sha,
            "run_number": run.number,
            "run_attempt": max([attempt_of(job, jobs) for job in jobs], default=1),
            "event": run.event,
            "status": status,
            "conclusion": conclusion or None,
            "workflow_id": 1,
            "check_suite_id": run.id,
            "url": url,
            "html_url": at.run(run),
            "jobs_url": f"{url}/jobs",
            "logs_url": f"{url}/logs",
            "rerun_url": f"{url}/rerun",
            "created_at": moment(run.created_at),
            "updated_at": moment(max([run.created_at, *(job.completed_at for job in jobs)])),
            "run_started_at": moment(run.created_at),
            "pull_requests": [],
        }

    def status(self, status: Status) -> Json:
        return {
            "id": status.id,
            "node_id": node_id(status),
            "url": f"{self.shapes.at.api}/repos/{status.slug}/statuses/{status.sha}",
            "state": status.state,
            "context": status.context,
            "description": status.description or None,
            "target_url": status.target_url or None,
            "creator": self.shapes.user(status.creator),
            "created_at": moment(status.created_at),
            "updated_at": moment(status.created_at),
        }


def attempt_of(job: Job, jobs: list[Job]) -> int:
    """Which try of the run a job belongs to: a run that is started again has its failed jobs once more."""
    return sum(1 for other in jobs if other.name == job.name and other.id <= job.id)


def run_state(jobs: list[Job]) -> tuple[str, str]:
    """Status and conclusion of a run from the newest job of each name; the conclusion is empty until all are done."""
    newest = list({job.name: job for job in jobs}.values())
    if any(job.status != "completed" for job in newest):
        started = any(job.status != "queued" for job in newest)
        return ("in_progress" if started else "queued"), ""
    conclusions = {job.conclusion for job in newest}
    worst = ("startup_failure", "timed_out", "failure", "cancelled")
    return "completed", next((conclusion for conclusion in worst if conclusion in conclusions), "success")
