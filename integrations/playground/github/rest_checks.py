"""REST: check runs, workflow runs, jobs and their logs, commit statuses."""

from __future__ import annotations

from aiohttp import web

from integrations.playground.github.checks import Rollup, rollup
from integrations.playground.github.doorway import Answer, Call, Doorway
from integrations.playground.github.records import Annotation, Job, Run, Status
from integrations.playground.github.refusal import Refused, invalid, not_found
from integrations.playground.github.rest_repositories import paged, shapes
from integrations.playground.github.shapes_checks import CheckShapes, attempt_of, run_state
from integrations.playground.github.world import GitHubWorld

_STATES = ("error", "failure", "pending", "success")
_COMBINED = {"SUCCESS": "success", "PENDING": "pending", "FAILURE": "failure", "ERROR": "failure"}


class CheckCalls:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world
        self._store = world.store

    async def check_runs(self, call: Call) -> Answer:
        sha = await self._sha(call)
        found = rollup(self._store, call.slug, sha)
        jobs = list(found.jobs) if found else []
        if call.query("filter") == "all":
            jobs = self._store.all(Job, "slug=? AND sha=?", call.slug, sha)
        wanted = {name: call.query(query) for name, query in (("name", "check_name"), ("status", "status"))}
        jobs = [job for job in jobs if wanted["name"] in ("", job.name) and wanted["status"] in ("", job.status)]
        page = paged(call, [self._check_run(call, job) for job in jobs])
        return Answer({"total_count": len(jobs), "check_runs": page.body}, headers=page.headers)

    async def check_run(self, call: Call) -> Answer:
        return Answer(self._check_run(call, self._job(call)))

    async def annotations(self, call: Call) -> Answer:
        job = self._job(call)
        shape = CheckShapes(shapes(call))
        return paged(call, [shape.annotation(one, job) for one in self._store.all(Annotation, "job_id=?", job.id)])

    async def runs(self, call: Call) -> Answer:
        wanted = {"sha": call.query("head_sha"), "branch": call.query("branch"), "event": call.query("event")}
        shape = CheckShapes(shapes(call))
        found = []
        for run in self._store.all(Run, "slug=?", call.slug, order="id DESC"):
            jobs = self._jobs(run)
            if all(value in ("", getattr(run, name)) for name, value in wanted.items()) and call.query("status") in (
                "",
                *run_state(jobs),
            ):
                found.append(shape.run(run, jobs))
        page = paged(call, found)
        return Answer({"total_count": len(found), "workflow_runs": page.body}, headers=page.headers)

    async def run(self, call: Call) -> Answer:
        run = self._run(call)
        return Answer(CheckShapes(shapes(call)).run(run, self._jobs(run)))

    async def run_jobs(self, call: Call) -> Answer:
        run = self._run(call)
        every = jobs = self._jobs(run)
        if call.query("filter", "latest") == "latest":
            jobs = list({job.name: job for job in jobs}.values())
        shape = CheckShapes(shapes(call))
        page = paged(call, [shape.job(job, run, attempt_of(job, every)) for job in jobs])
        return Answer({"total_count": len(jobs), "jobs": page.body}, headers=page.headers)

    async def rerun(self, call: Call) -> Answer:
        run = self._run(call)
        if run_state(self._jobs(run))[0] != "completed":
            raise Refused(403, "This workflow is already running", kind="FORBIDDEN")
        self._world.ci.rerun(run, only_failed=call.request.path.endswith("failed-jobs"))
        return Answer({}, 201)

    async def job(self, call: Call) -> Answer:
        job = self._job(call)
        run = self._store.get(Run, job.run_id)
        assert run is not None
        return Answer(CheckShapes(shapes(call)).job(job, run, attempt_of(job, self._jobs(run))))

    async def job_log(self, call: Call) -> Answer:
        """302 to the log. GitHub sends to another host; here it is another path, and it too refuses a token."""
        job = self._job(call)
        if job.status != "completed" or not self._world.ci.log_path(job).is_file():
            raise not_found()
        return Answer(None, 302, {"Location": shapes(call).at.log(job, self._world.log_ticket(job))})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The log's bytes. Refuses an Authorization header, as the storage behind GitHub does."""
        started = self._world.clock()
        fault = self._world.faults.take(request.method, request.path)
        job = self._world.log_behind(int(request.match_info["id"]), request.match_info["ticket"])
        answer: web.StreamResponse
        if fault is not None:
            answer = web.Response(status=fault.answer if isinstance(fault.answer, int) else 503)
        elif "Authorization" in request.headers:
            answer = web.Response(
                status=403, text="AuthenticationFailed: the Authorization header is not expected here."
            )
        elif job is None:
            answer = web.Response(status=404, text="This link has expired.")
        else:
            headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
            answer = web.FileResponse(self._world.ci.log_path(job), headers=headers)
        self._world.log.wrote(request, started, answer.status, actor="", performed=answer.status == 200)
        return answer

    async def add_status(self, call: Call) -> Answer:
        sha = await self._sha(call)
        state = call.text("state")
        if state not in _STATES:
            raise invalid("Status", f"state is one of {', '.join(_STATES)}", field="state", code="invalid")
        if len(call.text("description")) > 140:
            raise invalid("Status", "description is too long (maximum is 140 characters)", field="description")
        status = self._store.add(
            Status(
                self._world.pulls.repo(call.slug).slug,
                sha,
                call.text("context") or "default",
                state,
                call.text("description"),
                call.text("target_url"),
                call.actor.login,
                self._world.clock(),
            )
        )
        return Answer(CheckShapes(shapes(call)).status(status), 201)

    async def statuses(self, call: Call) -> Answer:
        sha = await self._sha(call)
        shape = CheckShapes(shapes(call))
        found = self._store.all(Status, "slug=? AND sha=?", call.slug, sha, order="id DESC")
        return paged(call, [shape.status(status) for status in found])

    async def combined(self, call: Call) -> Answer:
        sha = await self._sha(call)
        repo = self._world.pulls.repo(call.slug)
        found = rollup(self._store, repo.slug, sha)
        statuses = found.statuses if found else ()
        shape = CheckShapes(shapes(call))
        state = _COMBINED[Rollup((), statuses).state] if statuses else "pending"
        return Answer(
            {
                "state": state,
                "sha": sha,
                "total_count": len(statuses),
                "statuses": [shape.status(status) for status in statuses],
                "repository": shapes(call).repo(repo),
                "commit_url": f"{call.api}/repos/{repo.slug}/commits/{sha}",
                "url": f"{call.api}/repos/{repo.slug}/commits/{sha}/status",
            }
        )

    def _check_run(self, call: Call, job: Job) -> dict[str, object]:
        return CheckShapes(shapes(call)).check_run(job, self._store.count(Annotation, "job_id=?", job.id))

    async def _sha(self, call: Call) -> str:
        rev = call.part("sha")
        repository = self._world.repositories[self._world.pulls.repo(call.slug).slug]
        sha = await repository.resolve(f"refs/heads/{rev}") or await repository.resolve(rev)
        if sha is None:
            raise Refused(422, f"No commit found for SHA: {rev}")
        return sha

    def _job(self, call: Call) -> Job:
        job = self._store.get(Job, call.number("id"))
        if job is None or job.slug.lower() != call.slug.lower():
            raise not_found()
        return job

    def _run(self, call: Call) -> Run:
        run = self._store.get(Run, call.number("id"))
        if run is None or run.slug.lower() != call.slug.lower():
            raise not_found()
        return run

    def _jobs(self, run: Run) -> list[Job]:
        return self._store.all(Job, "run_id=?", run.id)


def add_routes(app: web.Application, doorway: Doorway, world: GitHubWorld, api: str) -> None:
    calls = CheckCalls(world)
    repo = f"{api}/repos/{{owner}}/{{name}}"
    check, job = f"{repo}/check-runs/{{id:\\d+}}", f"{repo}/actions/jobs/{{id:\\d+}}"
    run = f"{repo}/actions/runs/{{id:\\d+}}"
    app.add_routes(
        [
            web.get(f"{repo}/commits/{{sha:.+}}/check-runs", doorway.rest(calls.check_runs), allow_head=False),
            web.get(f"{repo}/commits/{{sha:.+}}/statuses", doorway.rest(calls.statuses), allow_head=False),
            web.get(f"{repo}/commits/{{sha:.+}}/status", doorway.rest(calls.combined), allow_head=False),
            web.get(f"{repo}/statuses/{{sha}}", doorway.rest(calls.statuses), allow_head=False),
            web.post(f"{repo}/statuses/{{sha}}", doorway.rest(calls.add_status)),
            web.get(check, doorway.rest(calls.check_run), allow_head=False),
            web.get(f"{check}/annotations", doorway.rest(calls.annotations), allow_head=False),
            web.get(f"{repo}/actions/runs", doorway.rest(calls.runs), allow_head=False),
            web.get(run, doorway.rest(calls.run), allow_head=False),
            web.get(f"{run}/jobs", doorway.rest(calls.run_jobs), allow_head=False),
            web.post(f"{run}/rerun", doorway.rest(calls.rerun)),
            web.post(f"{run}/rerun-failed-jobs", doorway.rest(calls.rerun)),
            web.get(job, doorway.rest(calls.job), allow_head=False),
            web.get(f"{job}/logs", doorway.rest(calls.job_log), allow_head=False),
            web.get("/github/actions-logs/{id:\\d+}/{ticket}", calls.download, allow_head=False),
        ]
    )
