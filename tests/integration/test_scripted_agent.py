"""The scripted agent, started as a program in a worktree of the sample repository."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import integrations.playground
from integrations.models.judgements import ReviewFacts
from integrations.models.rules.review import LOGIC, SAFETY, review
from integrations.playground.scripted.reading import answered, request_lines, requested
from integrations.playground.scripted.recipes.known import RECIPES

PLAYGROUND = Path(integrations.playground.__file__).parent
AGENT = PLAYGROUND / "scripted_agent.py"
HEADLINE = "# T-1 Add CSV export of invoices\n\nCustomers want CSV export of invoices.\n"
IMPORT = "# T-2 Import customers from a CSV file\n"


@dataclass
class Run:
    rc: int
    events: list[dict[str, Any]]
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        last = self.events[-1]
        assert last["type"] == "result"
        return last

    @property
    def said(self) -> str:
        return str(self.result["result"])

    @property
    def commands(self) -> list[str]:
        blocks = [block for one in self.events if one["type"] == "assistant" for block in one["message"]["content"]]
        return [
            block["input"]["command"] for block in blocks if block["type"] == "tool_use" and block["name"] == "Bash"
        ]


class Worktree:
    def __init__(self, home: Path) -> None:
        self.path = home / "work"
        self.home = home
        main = home / "main"
        shutil.copytree(PLAYGROUND / "sample" / "repo", main, ignore=shutil.ignore_patterns("__pycache__"))
        self.git(main, "init", "-q", "-b", "main")
        self.git(main, "add", "-A")
        self.git(main, "commit", "-q", "-m", "Ledgerline")
        self.git(main, "worktree", "add", "-q", "-b", "waggle/t-1", str(self.path))

    def git(self, where: Path, *words: str) -> str:
        argv = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.test", *words]
        return subprocess.run(argv, cwd=where, capture_output=True, text=True, check=True).stdout.strip()

    def head(self) -> str:
        return self.git(self.path, "rev-parse", "HEAD")

    def dirty(self) -> str:
        return self.git(self.path, "status", "--porcelain")

    def changed(self) -> set[str]:
        return set(self.git(self.path, "diff", "--name-only", "main...HEAD").split())

    def text(self, path: str) -> str:
        return (self.path / path).read_text()

    def tests_pass(self) -> bool:
        argv = [sys.executable, "-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]
        return subprocess.run(argv, cwd=self.path, capture_output=True, timeout=60, check=False).returncode == 0

    def lint_passes(self) -> bool:
        argv = [sys.executable, "-B", "tools/lint.py"]
        return subprocess.run(argv, cwd=self.path, capture_output=True, timeout=60, check=False).returncode == 0

    def start(self, *options: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "CLAUDE_CONFIG_DIR": str(self.home / "config"),
            "HOME": str(self.home),
        }
        return subprocess.Popen(
            [sys.executable, str(AGENT), "--speed", "200", *options],
            cwd=self.path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, prompt: str, *options: str) -> Run:
        process = self.start(*options)
        out, err = process.communicate(prompt, timeout=60)
        return Run(process.returncode, [json.loads(line) for line in out.splitlines()], err)

    def script(self, *attempts: str, match: str = "CSV") -> tuple[str, str]:
        file = self.home / "script.json"
        file.write_text(json.dumps([{"match": match, "attempts": list(attempts)}]))
        return "--script", str(file)


@pytest.fixture
def tree(tmp_path: Path) -> Worktree:
    return Worktree(tmp_path)


def test_the_headline_request_becomes_a_feature_with_route_link_and_tests(tree: Worktree) -> None:
    session = str(uuid.uuid4())
    run = tree.run(HEADLINE, "--session", session)
    assert run.rc == 0 and run.result["subtype"] == "success" and run.result["is_error"] is False
    assert run.result["session_id"] == session and run.result["num_turns"] > 5
    assert run.result["usage"]["input_tokens"] > 100 and run.result["usage"]["output_tokens"] > 100
    assert tree.changed() == {
        "app/export.py",
        "app/web.py",
        "templates/invoices.html",
        "tests/test_export.py",
        "README.md",
    }
    assert tree.dirty() == "" and tree.tests_pass() and tree.lint_passes()
    assert any("unittest" in command for command in run.commands) and any("lint" in command for command in run.commands)


def test_events_have_the_keys_that_claude_code_writes(tree: Worktree) -> None:
    run = tree.run(HEADLINE)
    first = run.events[0]
    assert (first["type"], first["subtype"]) == ("system", "init")
    assert {"cwd", "session_id", "tools", "model", "permissionMode", "claude_code_version"} <= first.keys()
    calls: set[str] = set()
    for event in run.events[1:-1]:
        assert event["session_id"] == first["session_id"]
        for block in event["message"]["content"]:
            if block["type"] == "tool_use":
                calls.add(block["id"])
            elif block["type"] == "tool_result":
                calls.remove(block["tool_use_id"])
    assert not calls, "every tool call has its result"
    assert {
        "duration_ms",
        "total_cost_usd",
        "usage",
        "modelUsage",
        "terminal_reason",
        "permission_denials",
    } <= run.result.keys()


@pytest.mark.parametrize(
    ("request_text", "file", "tests"),
    [
        ("Fix tax rounding on invoices", "app/invoices.py", "tests/test_invoices.py"),
        ("Invoices are overdue a day early", "app/reminders.py", "tests/test_reminders.py"),
        ("Make the customer search case-insensitive", "app/customers.py", "tests/test_customers.py"),
        ("ValueError: invalid literal for int() with base 10: 'abc'", "app/web.py", "tests/test_web.py"),
    ],
)
def test_a_correction_brings_the_test_that_was_missing(
    tree: Worktree, request_text: str, file: str, tests: str
) -> None:
    run = tree.run(f"# T-3 {request_text}\n")
    assert tree.changed() == {file, tests}, run.said
    assert tree.tests_pass() and tree.lint_passes()
    repaired = tree.text(file)
    tree.git(tree.path, "checkout", "-q", "main", "--", file)
    assert not tree.tests_pass(), "the new test fails without the correction"
    assert tree.text(file) != repaired


def test_jobs_work_on_top_of_each_other(tree: Worktree) -> None:
    for wish in (HEADLINE, "# T Fix tax rounding of totals\n", "# Document in the README how totals are made\n"):
        tree.run(wish)
    tree.run(f"{IMPORT}\nThe schema is in app/schema.py\n")
    tree.run("# Fix the crash for an invoice id that is no number\n")
    assert tree.tests_pass() and tree.lint_passes()
    assert "on the net total of the invoice and rounded once" in tree.text("README.md")


def test_an_unknown_request_changes_nothing_and_names_what_it_can(tree: Worktree) -> None:
    before = tree.head()
    prompt = "# T-9 Add a dark mode\n\n## What customers said\n> We need our invoices as CSV export\n"
    run = tree.run(prompt)
    assert run.rc == 0 and "do not know how" in run.said and "export invoices as CSV" in run.said
    assert tree.head() == before and tree.dirty() == ""


def test_a_missing_fact_is_named_and_the_fact_unlocks_the_work(tree: Worktree) -> None:
    before = tree.head()
    run = tree.run(IMPORT)
    assert "could not find where the table definitions live" in run.said
    assert tree.head() == before and tree.dirty() == ""
    run = tree.run(f"{IMPORT}\n## Guidance\nthe schema is in app/schema.py\n")
    assert "tests/test_import_customers.py" in tree.changed(), run.said
    assert tree.tests_pass() and tree.lint_passes()


def test_ci_evidence_is_what_repairs_a_broken_test(tree: Worktree) -> None:
    script = tree.script("break-test")
    first = tree.run(HEADLINE, *script)
    assert not tree.tests_pass() and not any("unittest" in command for command in first.commands)
    broken = tree.head()
    blind = tree.run(HEADLINE, *script)
    assert "in place already" in blind.said and tree.head() == broken
    evidence = "## CI\nFAIL: test_show_groups_thousands (tests.test_money.ShowTest)\n'1250.00' != '1,250.00'\n"
    second = tree.run(HEADLINE + evidence, *script)
    assert "separators again" in second.said and tree.head() != broken and tree.tests_pass()


def test_two_broken_attempts_are_two_different_heads(tree: Worktree) -> None:
    script = tree.script("break-test", "break-test")
    heads = {tree.head()}
    for _ in range(2):
        tree.run(HEADLINE, *script)
        heads.add(tree.head())
    assert len(heads) == 3 and not tree.tests_pass()


def test_review_findings_are_addressed(tree: Worktree) -> None:
    script = tree.script("sloppy")
    tree.run(HEADLINE, *script)
    assert "DEBUG" in tree.text("app/export.py") and "tests/test_export.py" not in tree.changed()
    finding = "## Review\n- app/export.py:47 debug print left behind\n- no tests for the export\n"
    tree.run(HEADLINE + finding, *script)
    assert "DEBUG" not in tree.text("app/export.py") and "tests/test_export.py" in tree.changed()
    assert tree.tests_pass() and tree.lint_passes()


def test_a_question_is_asked_and_its_answer_counts(tree: Worktree) -> None:
    session = str(uuid.uuid4())
    script = tree.script("ask")
    run = tree.run(HEADLINE, "--session", session, *script)
    block = json.loads(run.said.split("```waggle-question\n")[1].split("\n```")[0])
    assert block["options"] == ["commas", "semicolons"] and block["default"] == "commas"
    assert tree.dirty() == ""
    again = tree.run("You asked about commas or semicolons.\nAnswer: semicolons\n", "--resume", session, *script)
    assert again.result["session_id"] == session
    assert 'DELIMITER = ";"' in tree.text("app/export.py") and tree.tests_pass()


def test_a_crash_leaves_work_behind_and_a_resumed_session_finishes_it(tree: Worktree) -> None:
    session = str(uuid.uuid4())
    script = tree.script("crash")
    run = tree.run(HEADLINE, "--session", session, *script)
    assert run.rc == -signal.SIGKILL and run.events[-1]["type"] != "result" and tree.dirty()
    again = tree.run("You were interrupted. Go on.", "--resume", session, *script)
    assert again.rc == 0 and tree.dirty() == "" and tree.tests_pass()


@pytest.mark.parametrize(("behaviour", "changed"), [("hang:120", False), ("stall:120", True)])
def test_a_hanging_run_has_a_child_outside_its_group(tree: Worktree, behaviour: str, changed: bool) -> None:
    process = tree.start(*tree.script(behaviour))
    assert process.stdin is not None
    process.stdin.write(HEADLINE)
    process.stdin.close()
    try:
        deadline, pause = time.monotonic() + 60, threading.Event()
        children: list[psutil.Process] = []
        while not (children := [one for one in psutil.Process(process.pid).children() if one.name() == "sleep"]):
            assert time.monotonic() < deadline and process.poll() is None
            pause.wait(0.02)
        assert os.getsid(children[0].pid) != os.getsid(process.pid)
        assert ("app/export.py" in tree.dirty()) is changed and not tree.changed()
    finally:
        for one in psutil.Process(process.pid).children(recursive=True):
            one.kill()
        process.kill()
        process.wait(10)
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.mark.parametrize(
    ("behaviour", "marks"),
    [
        ("context", {"terminal_reason": "prompt_too_long", "subtype": "success", "api_error_status": 400}),
        ("max-turns", {"terminal_reason": "max_turns", "subtype": "error_max_turns"}),
        ("rate-limit", {"terminal_reason": "api_error", "api_error_status": 429}),
        ("auth", {"terminal_reason": "api_error", "api_error_status": 401}),
    ],
)
def test_failures_end_as_claude_code_ends_them(tree: Worktree, behaviour: str, marks: dict[str, object]) -> None:
    before = tree.head()
    run = tree.run(HEADLINE, *tree.script(behaviour))
    assert run.rc == 1 and run.result["is_error"] is True
    assert marks.items() <= run.result.items()
    assert tree.head() == before and tree.dirty() == ""


def test_nothing_and_slow(tree: Worktree) -> None:
    before = tree.head()
    script = tree.script("nothing", "slow:0.2")
    assert tree.run(HEADLINE, *script).rc == 0 and tree.head() == before
    began = time.monotonic()
    assert tree.run(HEADLINE, *script).rc == 0 and tree.head() != before
    assert time.monotonic() - began > 0.2


@pytest.mark.parametrize(
    ("prompt", "behaviour", "verdicts"),
    [
        (HEADLINE, "succeed", ("approve", "approve")),
        (f"{IMPORT}the schema is in app/schema.py", "succeed", ("approve", "approve")),
        ("# Fix tax rounding of totals", "succeed", ("approve", "approve")),
        ("# Make the customer search ignore case", "succeed", ("approve", "approve")),
        ("# Invoices are overdue a day early", "succeed", ("approve", "approve")),
        ("# Document in the README how totals are made", "succeed", ("approve", "approve")),
        (HEADLINE, "sloppy", ("request_changes", "approve")),
    ],
)
def test_what_reviewers_by_rules_say_about_its_work(
    tree: Worktree, prompt: str, behaviour: str, verdicts: tuple[str, str]
) -> None:
    tree.run(prompt, *tree.script(behaviour, match="#"))
    facts = ReviewFacts(
        task=prompt.splitlines()[0],
        goal=prompt,
        acceptance=("All tests and the linter pass.",),
        focus="",
        base_sha="",
        head_sha=tree.head(),
        diff=tree.git(tree.path, "diff", "main...HEAD"),
        changed_files=tuple(tree.changed()),
        ci="2 checks passed",
    )
    answers = [review(facts, lens) for lens in (LOGIC, SAFETY)]
    assert tuple(answer.verdict for answer in answers) == verdicts, [answer.findings for answer in answers]
    assert not [one for answer in answers for one in answer.findings if behaviour == "succeed"]


def test_sessions_are_refused_as_claude_code_refuses_them(tree: Worktree) -> None:
    session = str(uuid.uuid4())
    unknown = tree.run("Go on", "--resume", session)
    assert unknown.rc == 1 and unknown.result["subtype"] == "error_during_execution"
    assert "No conversation found" in unknown.result["errors"][0]
    tree.run("# Add a dark mode", "--session", session)
    reused = tree.run("# Add a dark mode", "--session", session)
    assert reused.rc == 1 and not reused.events and "already in use" in reused.stderr
    empty = tree.run(" \n")
    assert empty.rc == 1 and not empty.events and "Input must be provided" in empty.stderr


def test_list_prints_what_it_can_do(tree: Worktree) -> None:
    process = tree.start("--list")
    out, _ = process.communicate(timeout=60)
    assert len(out.splitlines()) == len(RECIPES)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("customers want CSV export of invoices", ["csv-export"]),
        ("An important customer wants invoices as CSV", ["csv-export"]),
        ("# T-4 CSV export\n## Goal\nColumns: tax, total, status (overdue)", ["csv-export"]),
        ("Import customers from a CSV file", ["customer-import"]),
        ("Fix tax rounding of totals and the overdue date of invoices", ["rounding", "overdue"]),
        ("Document in the README how totals are rounded", ["totals-docs"]),
        ("Change the background of the invoice page", []),
        ("# T-4 Print invoices\n## Goal\nMela: “We need a CSV export.”\n## What to do differently\ncsv export", []),
        ("```\ncustomers want CSV export of invoices\n```\nMake it faster", []),
    ],
)
def test_what_a_prompt_asks_for(prompt: str, names: list[str]) -> None:
    assert [recipe.name for recipe in requested(prompt, RECIPES)] == names


def test_titles_and_goals_are_the_request() -> None:
    prompt = "You work alone.\n# T-1 Dark mode\n## Goal\nA dark page.\n## What customers said\ninvoices as CSV\n"
    assert request_lines(prompt) == ["# T-1 Dark mode", "## Goal", "A dark page."]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Answer: semicolons, please", "semicolons"),
        ("commas or semicolons? They say commas", "commas"),
        ("whatever", None),
    ],
)
def test_which_answer_was_given(prompt: str, answer: str | None) -> None:
    assert answered(prompt, ["commas", "semicolons"]) == answer
