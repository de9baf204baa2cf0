"""The lines of a CI log that a retry prompt shows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.github.excerpt import excerpt


def noise(count: int) -> str:
    """What a package manager and a test runner say when all is well."""
    return "".join(
        f"Collecting package-{n}\n  Downloading package_{n}-1.{n}-py3-none-any.whl ({n} kB)\ntest_{n} ... ok\n"
        for n in range(count)
    )


def actions(body: str, *, code: int = 1) -> str:
    """A job's log as GitHub gives it: a mark at the start, a time on each line, groups, the exit code."""
    lines = [
        "Current runner version: '2.330.0'",
        "##[group]Run actions/checkout@v5",
        "HEAD is now at 1234567",
        "##[endgroup]",
        "##[group]Run make test",
        "make test",
        "shell: /usr/bin/bash -e {0}",
        "##[endgroup]",
        *body.rstrip("\n").split("\n"),
        f"##[error]Process completed with exit code {code}.",
        "Post job cleanup.",
        "[command]/usr/bin/git config --local --unset-all http.https://github.com/.extraheader",
        "Cleaning up orphan processes",
    ]
    return "\ufeff" + "".join(f"2026-03-01T10:00:{n % 60:02}.1234567Z {line}\n" for n, line in enumerate(lines))


PYTEST = """\
=================================== FAILURES ===================================
______________________________ test_export_quotes ______________________________

    def test_export_quotes():
>       assert export([row]) == "a;b"
E       AssertionError: assert 'a,b' == 'a;b'
E         - a;b
E         + a,b

tests/test_export.py:42: AssertionError
=========================== short test summary info ============================
FAILED tests/test_export.py::test_export_quotes - AssertionError: assert 'a,b' == 'a;b'
========================= 1 failed, 611 passed in 3.21s =========================
"""
UNITTEST = """\
======================================================================
FAIL: test_total (tests.test_invoice.InvoiceTest)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/home/runner/work/site/tests/test_invoice.py", line 17, in test_total
    self.assertEqual(invoice.total(), 119)
AssertionError: 118 != 119

----------------------------------------------------------------------
Ran 41 tests in 0.112s

FAILED (failures=1)
"""
JEST = """\
FAIL src/cart.test.ts
  ● Cart › adds the tax

    expect(received).toBe(expected) // Object.is equality

    Expected: 119
    Received: 100

      12 |   it('adds the tax', () => {
    > 13 |     expect(total(cart)).toBe(119)
         |                         ^
      14 |   })

      at Object.<anonymous> (src/cart.test.ts:13:25)

Tests:       1 failed, 203 passed, 204 total
"""
TSC = """\
src/export.ts(14,7): error TS2322: Type 'string' is not assignable to type 'number'.
src/export.ts(20,1): error TS2304: Cannot find name 'rows'.
"""
GO = """\
--- FAIL: TestExport (0.00s)
    export_test.go:31: got "a;b", want "a,b"
FAIL
FAIL\texample.com/site/export\t0.012s
"""
RUST = """\
error[E0502]: cannot borrow `rows` as mutable because it is also borrowed as immutable
  --> src/export.rs:14:5
   |
13 |     let first = &rows[0];
   |                  ---- immutable borrow occurs here
"""


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        (PYTEST, ["E       AssertionError: assert 'a,b' == 'a;b'", "tests/test_export.py:42: AssertionError"]),
        (UNITTEST, ["AssertionError: 118 != 119", "FAIL: test_total (tests.test_invoice.InvoiceTest)"]),
        (JEST, ["    Expected: 119", "    Received: 100", "  ● Cart › adds the tax"]),
        (TSC, TSC.splitlines()),
        (GO, GO.splitlines()[:2]),
        (RUST, RUST.splitlines()[:2]),
    ],
    ids=["pytest", "unittest", "jest", "tsc", "go", "rust"],
)
def test_the_failing_lines_are_found_in_a_long_log(body: str, needed: list[str]) -> None:
    found = excerpt(actions(noise(300) + body + noise(3)), 40)

    assert set(needed) <= set(found.lines)
    assert sum(1 for line in found.lines if line) <= 40
    assert not found.infra


def test_a_failure_far_from_the_end_is_found() -> None:
    found = excerpt(actions(noise(50) + PYTEST + noise(400)), 60)

    assert "tests/test_export.py:42: AssertionError" in found.lines


def test_a_short_log_is_shown_whole_and_clean() -> None:
    found = excerpt(actions("\x1b[31mboom\x1b[0m\n"), 50)

    assert "boom" in found.lines
    assert not any("2026-03-01" in line or "##[group]" in line or "##[endgroup]" in line for line in found.lines)
    assert found.lines[0] == "Current runner version: '2.330.0'"


def test_a_log_without_a_sign_of_failure_shows_its_end() -> None:
    log = "".join(f"step {n} of many\n" for n in range(500))

    assert excerpt(log, 10).lines == tuple(f"step {n} of many" for n in range(490, 500))


@pytest.mark.parametrize("log", ["", "\n\n\n", "\ufeff", "\x00\x01"])
def test_nothing_stays_nothing(log: str) -> None:
    assert excerpt(log, 10).lines == ()
    assert excerpt(log, 10).signature == ""


def test_gaps_are_shown_as_empty_lines() -> None:
    found = excerpt(actions(TSC + noise(300) + PYTEST), 20)

    assert "" in found.lines
    assert found.lines[0] != "" and found.lines[-1] != ""


def test_progress_bars_leave_their_last_state() -> None:
    found = excerpt("10%\r50%\r100% done\nerror: broken\n", 10)

    assert found.lines == ("100% done", "error: broken")


def test_secrets_and_terminal_tricks_are_taken_out() -> None:
    log = "error: token ghp_0123456789abcdefghij0123456789abcdef was refused\x07\x1b]0;title\x07 \u202etxt.exe\n"

    [line] = excerpt(log, 10).lines

    assert line == "error: token [secret removed] was refused txt.exe"


@pytest.mark.parametrize(
    "line",
    [
        "OSError: [Errno 28] No space left on device",
        "fatal: unable to access 'https://github.com/acme/site/': Could not resolve host: github.com",
        "##[error]The runner has received a shutdown signal. This can happen when the runner service is stopped.",
        "npm ERR! code ECONNRESET",
        "The job exceeded the maximum time limit for jobs, and has been terminated.",
        "Killed\n##[error]Process completed with exit code 137.",
    ],
)
def test_trouble_of_the_machine_is_not_blamed_on_the_code(line: str) -> None:
    assert excerpt(actions(noise(100) + line), 30).infra


@pytest.mark.parametrize("body", [PYTEST, UNITTEST, JEST, TSC, GO, RUST])
def test_a_failed_test_is_blamed_even_when_the_network_is_mentioned(body: str) -> None:
    assert not excerpt(actions(body + "warning: cache upload: connection reset by peer\n"), 60).infra


def test_the_signature_is_the_same_in_another_run() -> None:
    one = excerpt(actions(noise(30) + PYTEST), 40)
    other = PYTEST.replace("3.21s", "9.99s").replace("tests/test_export.py:42", "/tmp/ci-77/tests/test_export.py:43")

    assert one.signature and excerpt(actions(noise(80) + other), 40).signature == one.signature
    assert excerpt(actions(noise(30) + TSC), 40).signature != one.signature


def test_one_endless_line_does_not_fill_a_prompt() -> None:
    found = excerpt("error: " + "x" * 500_000 + "\nerror: the cause\n", 10)

    assert sum(len(line) for line in found.lines) < 70_000
    assert "error: the cause" in found.lines


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=400), st.integers(1, 30))
def test_any_text_gives_at_most_so_many_printable_lines(log: str, lines: int) -> None:
    found = excerpt(log, lines)

    assert sum(1 for line in found.lines if line.strip()) <= lines
    assert not any(ord(char) < 32 and char != "\t" for line in found.lines for char in line)
