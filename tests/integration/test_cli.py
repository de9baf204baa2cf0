"""The command line as people and programs use it: a real process, a home of its own, what it prints, how it ends."""

from __future__ import annotations

import getpass
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scheduler.commands import Actor, approve, new_request
from scheduler.leadership import Leadership
from scheduler.lifecycle import AttemptState, Cause, PullState, SignalState, TaskState
from scheduler.policy import Policy
from scheduler.registry import Attempt, Diagnosis, Evidence, PullRequest, Registry, Review, Task
from scheduler.registry.migrate import migrate
from scheduler.registry.writers import move_attempt, move_task, pay, record
from tests import forked
from tests.unit.error_facts import signal

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TASK_KEYS = {
    *(
        "id",
        "title",
        "state",
        "kind",
        "size",
        "lane",
        "priority",
        "repo",
        "agent",
        "model",
        "branch",
        "pr_url",
        "attempt",
    ),
    *("retries", "cost_usd", "budget_usd", "signs", "tokens_used", "budget_tokens", "created_at", "updated_at"),
}


class Terminal:
    """Runs `waggle` in a home and directory of its own, without anything of the developer's environment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(directory), "WAGGLE_HOME": str(self.home), "COLUMNS": "200"}

    def __call__(self, *arguments: str, stdin: str = "", rc: int = 0, **env: str) -> str:
        done = forked.run(arguments, stdin=stdin, cwd=self.directory, env=self.env | env, timeout=60)
        self.err = done.stderr
        assert done.returncode == rc, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def json(self, *arguments: str, stdin: str = "", rc: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", stdin=stdin, rc=rc))

    def registry(self) -> Registry:
        self.home.mkdir(exist_ok=True)
        url = f"sqlite:///{self.home / 'registry.db'}"
        migrate(url, self.home / "copies", NOW)
        return Registry(url)


@pytest.fixture
def waggle(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def worked_on(terminal: Terminal) -> None:
    """A task with one failed attempt, a second one, and a pull request that is being verified."""
    registry = terminal.registry()

    def arrange(session) -> None:
        said = new_request(
            session,
            NOW,
            Policy(),
            Actor("U0ANA"),
            text="CSV export",
            source="slack",
            dedupe_key="slack:1",
            channel="C0PRODUCT",
        )
        task = session.get(Task, said.task_id)
        task.goal, task.acceptance, task.repo, task.branch = "Export invoices", ["a link"], "acme/app", "waggle/t-1-csv"
        task.citations = [
            {
                "source_id": 3,
                "passage_id": 9,
                "quote": "as a CSV file",
                "date": "2026-02-20",
                "customer": "Northwind",
                "url": "u",
                "speaker": "P",
            }
        ]
        move_task(session, task, TaskState.PLANNED, Cause.NEEDS_APPROVAL, NOW)
        approve(session, NOW, Policy(), Actor("U0ANA"), task.id)
        move_task(session, task, TaskState.RUNNING, Cause.ADMITTED, NOW)
        for n, outcome in ((1, "crashed"), (2, "done")):
            attempt = Attempt(
                task_id=task.id, n=n, name=f"t-1-a{n}", state=AttemptState.RUNNING, agent="scripted", model="m",
                prompt=f"prompt {n}", outcome=outcome, tokens_input=100, tokens_output=20, cost_usd=0.5,
                started_at=NOW, created_at=NOW,
            )  # fmt: skip
            session.add(attempt)
            session.flush()
            move_attempt(session, attempt, AttemptState.ENDED, Cause.FINISHED, NOW)
            pay(
                session,
                NOW,
                key=f"attempt:{attempt.name}",
                purpose="attempt",
                task_id=task.id,
                attempt_id=attempt.id,
                tokens_input=100,
                tokens_output=20,
                cost_usd=0.5,
            )
            if n == 1:
                session.add(
                    Diagnosis(
                        task_id=task.id,
                        attempt_id=attempt.id,
                        cause="crashed",
                        summary="s",
                        change="resume",
                        created_at=NOW,
                    )
                )
        pull = PullRequest(
            task_id=task.id, repo="acme/app", number=7, node_id="n7", url="http://pr/7", branch="b",
            state=PullState.OPEN, head_sha="b" * 40, head_since=NOW, created_at=NOW,
        )  # fmt: skip
        session.add(pull)
        session.flush()
        for head, state in (("a" * 40, "ok"), ("b" * 40, "wait")):
            session.add(Evidence(pull_request_id=pull.id, head=head, check="ci", state=state, since=NOW))
        move_task(session, task, TaskState.VERIFYING, Cause.PR_OPENED, NOW)
        record(session, NOW, what="noted", why="because", task_id=task.id)

    registry.write_now(arrange)
    registry.close()


def test_help_names_every_command_and_wrong_usage_is_2(waggle: Terminal) -> None:
    told = waggle("--help")
    for command in (
        "run",
        "doctor",
        "tasks",
        "show",
        "logs",
        "attach",
        "tick",
        "new",
        "approve",
        "retry",
        "stop",
        "context",
    ):
        assert f" {command} " in told
    waggle("nonsense", rc=2)
    waggle("show", rc=2)
    waggle("show", "not-a-task", rc=2)
    assert "T-12" in waggle.err


def test_a_fresh_home_has_no_tasks_and_says_what_to_do(waggle: Terminal) -> None:
    assert "waggle new" in waggle("tasks")
    assert waggle.json("tasks") == []
    assert waggle.home.stat().st_mode & 0o077 == 0


def test_tasks_has_the_promised_shape(waggle: Terminal) -> None:
    worked_on(waggle)
    [task] = waggle.json("tasks")
    assert set(task) == TASK_KEYS
    assert task["id"] == "T-1" and task["state"] == "verifying" and task["attempt"] == 2
    assert task["retries"] == {"failure": 0, "review": 0, "people": 0}
    assert (task["cost_usd"], task["tokens_used"], task["budget_usd"]) == (1.0, 240, 15.0)
    assert task["pr_url"] == "http://pr/7" and task["created_at"] == "2026-03-01T09:30:00+00:00"
    assert "verifying" in waggle("tasks") and waggle.json("tasks", "--open") == [task]


def test_show_has_the_promised_shape(waggle: Terminal) -> None:
    worked_on(waggle)
    shown = waggle.json("show", "T-1")
    more = {"port", "goal", "acceptance", "citations", "evidence", "reviews", "attempts", "events"}
    assert set(shown) == TASK_KEYS | more
    assert shown["citations"] == [
        {
            "source_id": 3,
            "passage_id": 9,
            "quote": "as a CSV file",
            "date": "2026-02-20",
            "customer": "Northwind",
            "url": "u",
        }
    ]
    assert shown["evidence"] == [
        {"check": "ci", "state": "wait", "since": "2026-03-01T09:30:00+00:00", "head": "b" * 40, "url": "http://pr/7"}
    ]
    first, second = shown["attempts"]
    assert set(first) == {
        "n", "state", "cause", "outcome", "message", "evidence", "prompt", "tokens", "cost_usd", "started_at",
        "ended_at", "agent", "model", "version", "isolation", "signs",
    }  # fmt: skip
    assert (first["cause"], first["outcome"], first["tokens"]) == ("crashed", "crashed", 120)
    assert (second["cause"], second["outcome"]) == ("", "done")
    assert all(set(event) == {"at", "actor", "what", "why"} for event in shown["events"])
    assert waggle("show", "1", "--prompt").strip() == "prompt 2"
    assert "Cost: $1.00: 2 attempts $1.00 (1 failed, $0.50)" in waggle("show", "1")


def test_costs_counts_what_was_spent_and_what_was_merged_for_it(waggle: Terminal) -> None:
    worked_on(waggle)
    said = waggle.json("costs", "--days", "3650")
    assert (said["spent_usd"], said["merged"], said["budgets"]) == (1.0, [], [])
    assert "Nothing was merged in the last 3650 days. $1.00 were spent." in waggle("costs", "--days", "3650")
    assert "Definition of done" in waggle("show", "#1")


def test_show_of_an_unknown_task_is_explained(waggle: Terminal) -> None:
    waggle("show", "T-9", rc=1)
    assert "no task T-9" in waggle.err
    waggle("logs", "T-9", rc=1)


def test_logs_show_the_attempt_that_is_asked_for_and_end_with_it(waggle: Terminal) -> None:
    worked_on(waggle)
    for n, said in ((1, "first try"), (2, f"\x1b[2Jreads ghp_{'a' * 36}")):
        run = waggle.home / "runs" / f"t-1-a{n}"
        run.mkdir(parents=True)
        line = {"type": "assistant", "message": {"content": [{"type": "text", "text": said}]}}
        (run / "events.jsonl").write_text(json.dumps(line) + "\n")
    told = waggle("logs", "-f", "T-1")
    assert "attempt 2" in told and "reads [secret removed]" in told and "first try" not in told
    assert "ended, done" in told and "\x1b" not in told
    assert "first try" in waggle("logs", "T-1", "--attempt", "1")
    waggle("logs", "T-1", "--attempt", "3", rc=1)


def test_council_shows_what_each_reviewer_was_worth(waggle: Terminal) -> None:
    worked_on(waggle)
    assert waggle("council") == "Nobody has reviewed anything yet.\n"
    found = {"path": "a.py", "line": 3, "category": "security", "title": "t", "why": "w", "status": "confirmed"}
    review = Review(
        pull_request_id=1, head="c" * 40, reviewer="logic", family="anthropic", model="claude-sonnet-5",
        verdict="request_changes", findings=[{**found, "found_by": ["logic"], "became": "fixed"}], created_at=NOW,
    )  # fmt: skip
    registry = waggle.registry()
    registry.write_now(lambda session: session.add(review))
    registry.close()
    told = waggle("council")
    assert "claude-sonnet-5 (anthropic): 1 review, 0 approved, 1 wanted changes" in told and "1 of 1" in told
    said = waggle.json("council")
    assert said["reviewers"][0]["objected"] == 1
    assert [(one["category"], one["fixed"], one["precision"]) for one in said["findings"]] == [
        ("all", 1, 1.0),
        ("security", 1, 1.0),
    ]


def test_commands_change_rows_in_the_name_of_the_local_user(waggle: Terminal) -> None:
    made = waggle.json("new", "customers", "want", "CSV")
    assert made["ok"] and made["id"] == "T-1"
    assert waggle.json("pause", "T-1")["ok"]
    assert waggle.json("resume", "T-1")["ok"]
    assert waggle.json("stop", "T-1", "not", "now")["ok"]
    events = waggle.json("show", "T-1")["events"]
    # What the orchestrator was asked about a stopped task is void; that is Waggle's own doing.
    mine = [event for event in events if event["what"] != "void"]
    assert [event["what"] for event in mine] == ["start", "paused", "resumed", "stopped"]
    assert {event["actor"] for event in mine} == {f"cli:{getpass.getuser()}"}
    assert mine[-1]["why"] == "not now"


def test_a_command_that_changes_nothing_says_why_and_ends_with_1(waggle: Terminal) -> None:
    waggle("new", "CSV")
    refused = waggle.json("approve", "T-1", rc=1)
    assert not refused["ok"] and refused["text"]
    waggle("answer", "T-1", "yes", rc=1)
    assert "no open question" in waggle.err
    waggle("retry", "T-9", rc=1)
    assert "T-9" in waggle.err
    waggle("new", "CSV", "--repo", "acme/nowhere", rc=1)
    assert "acme/ledgerline" in waggle.err
    waggle("new", "CSV", "--priority", "high", rc=2)


def test_somebody_elses_answer_is_told_in_words_for_a_terminal(waggle: Terminal) -> None:
    worked_on(waggle)
    waggle("approve", "T-1", rc=1)
    assert "by @U0ANA" in waggle.err and "<@" not in waggle.err


def test_commands_do_not_wait_for_the_waggle_that_leads_the_home(waggle: Terminal) -> None:
    waggle.registry().close()
    leads = Leadership(waggle.home / "waggle.lock")
    leads.take()
    try:
        told = waggle("new", "CSV")
        assert "T-1" in told and "waggle run" not in waggle.err
        assert len(waggle.json("tasks")) == 1
    finally:
        leads.release()


def test_context_is_taken_in_found_shown_and_forgotten(waggle: Terminal) -> None:
    note = waggle.directory / "note.md"
    note.write_text("# Call with Northwind\n\nPriya wants every invoice as a CSV file for her accountant.\n")
    [added] = waggle.json("context", "add", "note.md")
    assert set(added) == {"source_id", "path", "passages"} and added["path"] == "note.md" and added["passages"] >= 1
    [found] = waggle.json("context", "search", "CSV", "accountant")
    assert set(found) == {
        *("source_id", "passage_id", "text", "score", "start_s", "end_s", "date", "speaker", "customer", "url"),
    }
    asked = "".join(json.dumps({"id": i, "query": "accountant CSV", "limit": 5}) + "\n" for i in ("a", "b"))
    answers = [json.loads(line) for line in waggle("context", "search", "--jsonl", stdin=asked).splitlines()]
    assert [one["id"] for one in answers] == ["a", "b"] and answers[0]["results"][0]["source_id"] == added["source_id"]
    assert "accountant" in waggle("context", "show", str(added["source_id"]))
    waggle("context", "forget", str(added["source_id"]))
    assert waggle.json("context", "search", "accountant") == []
    waggle("context", "show", "99", rc=1)
    waggle("context", "search", rc=2)


def test_a_file_that_cannot_be_taken_in_does_not_keep_others_out(waggle: Terminal) -> None:
    (waggle.directory / "good.md").write_text("Customers want CSV.\n")
    added = waggle.json("context", "add", "none.md", "good.md", rc=1)
    assert [one["path"] for one in added] == ["good.md"]
    assert "none.md" in waggle.err


def test_discovery_says_what_was_noticed_and_why_it_was_not_proposed(waggle: Terminal) -> None:
    assert waggle.json("discovery") == []
    assert "waggle doctor" in waggle("discovery")
    gates = [{"name": "often", "ok": False, "why": "1 event, 1 person; 10 events or 3 people are wanted"}]
    registry = Registry(f"sqlite:///{waggle.home / 'registry.db'}")
    for number, state in ((7, SignalState.REFUSED), (8, SignalState.PROPOSED)):
        more = {"reason": gates[0]["why"], "gates": gates} if state is SignalState.REFUSED else {}
        row = signal(state, id=None, task_id=None, dedupe_key=f"k{number}", name=f"LEDGERLINE-{number}", **more)
        registry.write_now(lambda s, row=row: s.add(row))
    registry.close()
    rows = {one["id"]: one for one in waggle.json("discovery")}
    assert [rows[name]["state"] for name in ("LEDGERLINE-7", "LEDGERLINE-8")] == ["refused", "proposed"]
    assert set(rows["LEDGERLINE-7"]) == {
        "id", "source", "title", "state", "why", "repo", "url", "task", "count", "users", "first_seen", "last_seen",
        "snoozed_until", "gates",
    }  # fmt: skip
    (one,) = waggle.json("discovery", "--why", "ledgerline-7")
    assert one["why"] == gates[0]["why"] and one["gates"] == gates
    shown = waggle("discovery", "--why", "LEDGERLINE-7")
    assert "✗ often" in shown and "12 events, 5 people" in shown
    waggle("discovery", "--why", "NOPE-1", rc=1)
    assert "Nothing was noticed under NOPE-1" in waggle.err


def test_excerpt_and_outcome_work_without_a_home(waggle: Terminal) -> None:
    log = "\n".join(["line"] * 50 + ["FAILED tests/test_x.py::test_y - AssertionError: 1 != 2"])
    assert "AssertionError" in waggle("excerpt", "--lines", "5", stdin=log)
    asked = json.dumps({"id": 7, "log": log}) + "\n"
    answer = json.loads(waggle("excerpt", "--jsonl", "--lines", "5", stdin=asked))
    assert answer["id"] == 7 and 0 < len(answer["lines"]) <= 5
    waggle("excerpt", "--jsonl", stdin="no json\n", rc=1)
    assert "Line 1" in waggle.err
    ended = json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": "Done.", "num_turns": 3})
    assert waggle.json("outcome", stdin=ended)["kind"] == "done"
    assert waggle.json("outcome", "--why", "timeout", stdin=ended)["kind"] == "timeout"
    waggle("outcome", "--agent", "nobody", stdin=ended, rc=1)
    waggle("outcome", "missing.jsonl", rc=1)
    assert not waggle.home.exists()


def test_doctor_reports_each_check_with_its_cure(waggle: Terminal) -> None:
    checks = waggle.json("doctor")
    assert all(set(one) == {"check", "ok", "detail", "fix"} for one in checks)
    assert {"python", "git", "sqlite", "home", "disk", "registry", "config", "slack", "github"} <= {
        one["check"] for one in checks
    }
    (waggle.directory / "waggle.toml").write_text("[retries]\nfailures = 'x'\n")
    broken = {one["check"]: one for one in waggle.json("doctor", rc=1)}
    [line] = [name for name in broken if name.startswith("config ")]
    assert line.endswith("waggle.toml:2") and not broken[line]["ok"] and broken[line]["fix"]


def test_doctor_tells_a_refused_token_and_an_unreachable_service(waggle: Terminal) -> None:
    env = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "SLACK_API_URL": "http://127.0.0.1:9/api/"}
    checks = {one["check"]: one for one in json.loads(waggle("doctor", "--json", rc=1, **env))}
    assert not checks["slack bot token"]["ok"] and "does not answer" in checks["slack bot token"]["detail"]
