"""CI of the stand-in: commands really run, in a clean place, and what they said is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from integrations.playground.github.records import Annotation, Job
from tests.integration.playground_github_world import SLUG, Host, git, running, settled, until


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with running(tmp_path / "playground") as started:
        yield started


def _jobs(host: Host, slug: str = SLUG) -> list[Job]:
    return host.world.store.all(Job, "slug=?", slug)


async def _finished(host: Host, slug: str = SLUG) -> list[Job]:
    async def done() -> bool:
        jobs = _jobs(host, slug)
        return bool(jobs) and all(job.status == "completed" for job in jobs)

    await until(done)
    return _jobs(host, slug)


def _log(host: Host, job: Job) -> str:
    return host.world.ci.log_path(job).read_text(encoding="utf-8")


async def _one_job(host: Host, command: str, **more: str) -> Job:
    """A repository with one job, run once."""
    ci_file = f"[[job]]\nname = \"only\"\ncommand = '''{command}'''\ntimeout = 20\n"
    await host.visitor.create_repository(SLUG, {".playground-ci.toml": ci_file, **more})
    [job] = await _finished(host)
    return job


async def test_the_sample_application_is_green(tmp_path: Path) -> None:
    async with running(tmp_path, sample=True) as host:
        jobs = await _finished(host, "acme/ledgerline")
    assert {job.name: job.conclusion for job in jobs} == {"tests": "success", "lint": "success"}


async def test_green_and_red_with_their_logs(host: Host) -> None:
    await host.tiny()
    await host.opened("green")
    await host.opened("red", "state.txt", "bad\n")
    await host.until(settled)
    assert [pull.checks for pull in await host.visitor.pulls(SLUG)] == [{"tests": "passed"}, {"tests": "failed"}]
    log = _log(host, _jobs(host)[-1])
    assert log.startswith("\ufeff20")
    assert "##[group]Run sh check.sh" in log
    assert log.splitlines()[-1].endswith("Z ##[error]Process completed with exit code 1.")


async def test_failing_python_tests_become_annotations(host: Host) -> None:
    test = "import unittest\nclass T(unittest.TestCase):\n    def test_sum(self):\n        self.assertEqual(1 + 1, 3)\n"
    job = await _one_job(
        host, "python3 -m unittest discover -s tests -t .", **{"tests/test_sum.py": test, "tests/__init__.py": ""}
    )
    found = host.world.store.all(Annotation, "job_id=?", job.id)
    assert [(one.path, one.line, one.title, one.message) for one in found[:1]] == [
        ("tests/test_sum.py", 4, "test_sum", "AssertionError: 2 != 3")
    ]


async def test_log_is_behind_a_redirect_that_wants_no_token(host: Host) -> None:
    await _one_job(host, "echo hello from ci")
    job = _jobs(host)[0]
    answer = await host.rest("GET", f"/repos/{SLUG}/actions/jobs/{job.id}/logs")
    assert answer.status == 302
    where = answer.headers["Location"]
    assert not where.startswith(host.api)
    assert (await host.session.get(where, headers={"Authorization": "Bearer ghp_playground"})).status == 403
    async with host.session.get(where) as log:
        assert "hello from ci" in await log.text()
    assert (await host.session.get(where[:-3] + "zzz")).status == 404


async def test_log_of_a_running_job_is_404(host: Host) -> None:
    await host.visitor.create_repository(
        SLUG, {".playground-ci.toml": '[[job]]\nname = "slow"\ncommand = "sleep 30"\n'}
    )

    async def runs() -> bool:
        return [job.status for job in _jobs(host)] == ["in_progress"]

    await until(runs)
    assert (await host.rest("GET", f"/repos/{SLUG}/actions/jobs/{_jobs(host)[0].id}/logs")).status == 404


async def test_environment_is_clean(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "planted-secret")
    monkeypatch.setenv("PYTHONPATH", "/planted")
    job = await _one_job(host, "env; pwd; ls -A; git status 2>&1 || true")
    log = _log(host, job)
    assert "planted" not in log
    assert "CI=true" in log
    assert "not a git repository" in log


async def test_a_job_past_its_timeout_is_killed(host: Host) -> None:
    ci_file = '[[job]]\nname = "slow"\ncommand = "sleep 60"\ntimeout = 0.3\n'
    await host.visitor.create_repository(SLUG, {".playground-ci.toml": ci_file})
    [job] = await _finished(host)
    assert job.conclusion == "timed_out"
    assert "maximum execution time" in _log(host, job)


async def test_background_children_end_with_their_job(host: Host) -> None:
    job = await _one_job(host, "sleep 61.25 & echo started")
    assert job.conclusion == "success"

    async def gone() -> bool:
        return not [one for one in psutil.process_iter(["cmdline"]) if "61.25" in (one.info["cmdline"] or ())]

    await until(gone)


async def test_a_broken_ci_file_is_a_failed_run_that_says_why(host: Host) -> None:
    await host.visitor.create_repository(SLUG, {".playground-ci.toml": "[[job]\n"})
    [job] = await _finished(host)
    assert job.conclusion == "startup_failure"
    assert "not valid TOML" in host.world.store.all(Annotation, "job_id=?", job.id)[0].message


async def test_a_repository_without_ci_file_has_no_checks(host: Host) -> None:
    await host.visitor.create_repository(SLUG, {"a.txt": "a\n"})
    await host.opened(path="a.txt", text="b\n")
    await host.until(settled)
    [pull] = await host.visitor.pulls(SLUG)
    assert (pull.checks, pull.merge_state) == ({}, "CLEAN")


async def test_the_newest_push_of_a_branch_supersedes(host: Host) -> None:
    ci_file = '[[job]]\nname = "slow"\ncommand = "sleep 0.1; test -f quick || sleep 60"\n'
    await host.visitor.create_repository(SLUG, {".playground-ci.toml": ci_file, "quick": "", "a.txt": ""})
    await host.visitor.push_as_person(SLUG, "work", "quick", None)

    async def runs() -> bool:
        return any(job.status == "in_progress" and job.pid for job in _jobs(host)[1:])

    await until(runs)
    pid = next(job.pid for job in _jobs(host)[1:] if job.pid)
    await host.visitor.push_as_person(SLUG, "work", "quick", "again\n")
    assert [job.conclusion for job in (await _finished(host))[1:]] == ["cancelled", "success"]
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_at_most_two_jobs_run_at_once(host: Host) -> None:
    jobs = "".join(f'[[job]]\nname = "job-{n}"\ncommand = "sleep 0.2"\n' for n in range(5))
    await host.visitor.create_repository(SLUG, {".playground-ci.toml": jobs})
    most = 0

    async def done() -> bool:
        nonlocal most
        found = _jobs(host)
        most = max(most, sum(job.status == "in_progress" for job in found))
        return all(job.status == "completed" for job in found)

    await until(done)
    assert most == 2


async def test_one_commit_on_two_branches_is_checked_once(host: Host, tmp_path: Path) -> None:
    await host.tiny()
    await _finished(host)
    await git("clone", "-q", host.remote(), "clone", cwd=tmp_path)
    rc, _, err = await git("push", "-q", "origin", "main:same", cwd=tmp_path / "clone")
    assert rc == 0, err
    assert len(await _finished(host)) == 1


async def test_the_merge_commit_on_main_is_checked_too(host: Host) -> None:
    await host.tiny()
    await host.opened()
    await host.until(settled)
    pull = await host.visitor.merge(SLUG, 1)
    jobs = await _finished(host)
    assert jobs[-1].sha == pull.merge_sha


async def test_a_restart_queues_what_was_running_again(host: Host) -> None:
    ci_file = '[[job]]\nname = "once"\ncommand = "if mkdir $GITHUB_WORKSPACE/../../../seen; then sleep 60; fi"\n'
    await host.visitor.create_repository(SLUG, {".playground-ci.toml": ci_file})

    async def runs() -> bool:
        return (host.home / "seen").is_dir()

    await until(runs)
    await host.restart()
    [job] = await _finished(host)
    assert job.conclusion == "success"


async def test_jobs_can_be_run_again(host: Host) -> None:
    job = await _one_job(host, "false")
    assert (await host.rest("POST", f"/repos/{SLUG}/actions/runs/{job.run_id}/rerun-failed-jobs")).status == 201
    jobs = await _finished(host)
    assert [one.conclusion for one in jobs] == ["failure", "failure"]
    answer = await host.rest("GET", f"/repos/{SLUG}/commits/{job.sha}/check-runs")
    assert [run["id"] for run in (await answer.json())["check_runs"]] == [jobs[-1].id]


async def test_degraded_credentials_can_follow_runs_and_jobs(host: Host) -> None:
    job = await _one_job(host, "false")
    runs = await (await host.rest("GET", f"/repos/{SLUG}/actions/runs?head_sha={job.sha}")).json()
    [run] = runs["workflow_runs"]
    assert (run["status"], run["conclusion"]) == ("completed", "failure")
    jobs = await (await host.rest("GET", f"/repos/{SLUG}/actions/runs/{run['id']}/jobs")).json()
    assert [one["id"] for one in jobs["jobs"]] == [job.id]


async def test_endless_output_is_cut(host: Host) -> None:
    job = await asyncio.wait_for(_one_job(host, "yes 0123456789012345678901234567890123456789 | head -c 12000000"), 60)
    assert job.conclusion == "success"
    assert host.world.ci.log_path(job).stat().st_size < 8_100_000
    assert "The log is cut here" in _log(host, job)
