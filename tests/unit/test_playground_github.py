"""The pure parts of the stand-in GitHub: diffs, logs, Markdown, faults, prices, ids."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, parse

from integrations.playground.faults import BadFault
from integrations.playground.github.checks import Rollup, unmet
from integrations.playground.github.ci_file import BadCIFile, read_ci_file
from integrations.playground.github.ci_log import findings
from integrations.playground.github.diffs import read_changes, where_now
from integrations.playground.github.faults import Faults
from integrations.playground.github.graphql import schema
from integrations.playground.github.graphql_cost import price
from integrations.playground.github.graphql_values import connection
from integrations.playground.github.markdown import render
from integrations.playground.github.records import Job, Pull, node_id, read_node_id


def _diff(tmp_path: Path, old: dict[str, str], new: dict[str, str]) -> str:
    """What git prints between two states of a repository."""

    def git(*args: str) -> str:
        who = ("-c", "user.name=ana", "-c", "user.email=ana@example.test", "-c", "core.quotePath=true")
        done = subprocess.run(["git", *who, *args], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    git("init", "-q")
    for files in (old, new):
        for name in (*old, *new):
            (tmp_path / name).unlink(missing_ok=True)
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        git("add", "-A")
        if files is old:
            git("commit", "-q", "-m", "old")
    return git("diff", "--cached", "-M", "HEAD")


def test_changes_are_read_with_their_lines(tmp_path: Path) -> None:
    old = {"kept.txt": "".join(f"{n}\n" for n in range(30)), "gone.txt": "x\n", "ünï code.txt": "a\n"}
    new = {"kept.txt": "".join(f"{n}\n" for n in range(30) if n != 5) + "end\n", "neu.txt": "", "ünï code.txt": "b\n"}
    changes = {change.path: change for change in read_changes(_diff(tmp_path, old, new))}
    assert {path: change.status for path, change in changes.items()} == {
        "kept.txt": "modified",
        "gone.txt": "removed",
        "neu.txt": "added",
        "ünï code.txt": "modified",
    }
    kept = changes["kept.txt"]
    assert (kept.additions, kept.deletions, len(kept.hunks)) == (1, 1, 2)
    assert kept.patch.startswith("@@ -")


def test_only_lines_of_the_diff_take_comments(tmp_path: Path) -> None:
    lines = [f"{n}\n" for n in range(1, 31)]
    changed = [*lines[:14], "new\n", *lines[15:]]
    [change] = read_changes(_diff(tmp_path, {"f": "".join(lines)}, {"f": "".join(changed)}))
    commentable = [line for line in range(40) if change.hunk_at("RIGHT", line)]
    assert commentable == list(range(12, 19))


@pytest.mark.parametrize(("line", "now"), [(1, 2), (9, 10), (10, 0), (20, 20), (30, 30)])
def test_where_a_line_went(tmp_path: Path, line: int, now: int) -> None:
    lines = [f"{n}\n" for n in range(1, 31)]
    newer = ["first\n", *lines[:9], *lines[10:]]
    [change] = read_changes(_diff(tmp_path, {"f": "".join(lines)}, {"f": "".join(newer)}))
    assert where_now(line, change) == now


def test_a_line_of_an_unchanged_file_stays() -> None:
    assert where_now(7, None) == 7


def test_tracebacks_and_linter_lines_become_findings() -> None:
    output = """
FAIL: test_total (tests.test_invoices.TotalTest.test_total)
Traceback (most recent call last):
  File "/tmp/work/tests/test_invoices.py", line 12, in test_total
    self.assertEqual(total, 3)
  File "/usr/lib/python3.11/unittest/case.py", line 873, in assertEqual
AssertionError: 2 != 3
app/web.py:7: line too long
./app/money.py:3:1: unused import
12:30: not a place
"""
    assert [(one.path, one.line, one.title, one.message) for one in findings(output, "/tmp/work")] == [
        ("tests/test_invoices.py", 12, "test_total", "AssertionError: 2 != 3"),
        ("app/web.py", 7, "", "line too long"),
        ("app/money.py", 3, "", "unused import"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"[[job",
        b"job = 1",
        b'[[job]]\nname = "a"',
        b'[[job]]\nname = "a"\ncommand = "x"\ntimeout = -1',
        b'[[job]]\nname = "a"\ncommand = "x"\n[[job]]\nname = "a"\ncommand = "y"',
        b"\xff\xfe",
    ],
)
def test_mistakes_in_the_ci_file_are_named(text: bytes) -> None:
    with pytest.raises(BadCIFile, match="playground-ci"):
        read_ci_file(text)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** and *slanted*", "<p><strong>bold</strong> and <em>slanted</em></p>"),
        ("# Title", "<h3>Title</h3>"),
        ("a `<b>` c", "<p>a <code>&lt;b&gt;</code> c</p>"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
        ("<!-- hidden -->shown", "<p>shown</p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("```py\n<x>\n```", "<pre><code>&lt;x&gt;</code></pre>"),
        ("snake_case_name stays", "<p>snake_case_name stays</p>"),
        ("[x](javascript:1)", "<p>x</p>"),
        ("[x](/page)", '<p><a href="/page" rel="noopener noreferrer nofollow">x</a></p>'),
        ('[x](https://a.test/"onclick=1)', None),
        ("| a |\n|---|\n| b |", "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>"),
    ],
)
def test_markdown_is_safe_and_small(text: str, html: str | None) -> None:
    rendered = render(text)
    assert html is None or rendered == html
    assert '"onclick' not in rendered


@pytest.mark.parametrize(
    "text", ["```", "|", "|\n|-|", "> ", "- ", "**", "[](", "\x00", "  - x", "* * *", "1) a\n   b"]
)
def test_markdown_survives_fragments(text: str) -> None:
    assert isinstance(render(text), str)


def test_faults_meet_the_calls_they_name() -> None:
    faults = Faults()
    faults.add({"answer": 502, "next": 2, "path": "/repos/acme", "method": "post"})
    assert faults.take("GET", "/github/api/v3/repos/acme/x") is None
    assert faults.take("POST", "/github/api/v3/user") is None
    assert [bool(faults.take("POST", "/github/api/v3/repos/acme/x")) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    "spec", [{"answer": 418}, {"answer": "explode"}, {"anwser": 500}, {"answer": 500, "next": "x"}]
)
def test_unknown_faults_are_refused(spec: dict[str, object]) -> None:
    with pytest.raises(BadFault):
        Faults().add(spec)


def _price(text: str, **variables: object) -> tuple[int, int]:
    document = parse(text)
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    found = price(schema(), document, operation, variables)
    return found.points, found.nodes


_THREADS = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest {
  reviewThreads(first: 50) { nodes { id comments(first: 1) { nodes { id } } } } } } }"""
_COUNTS = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { reviews { totalCount } } } }"
_LABELS = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { labels(first: 20) { nodes { name } } } } }"


@pytest.mark.parametrize(
    ("query", "ids", "expected"),
    [(_THREADS, 50, (26, 5050)), (_COUNTS, 50, (1, 50)), (_LABELS, 50, (1, 1050)), (_LABELS, 100, (1, 2100))],
)
def test_price_follows_the_published_formula(query: str, ids: int, expected: tuple[int, int]) -> None:
    """(50 PRs, and 50 x 50 threads) requests, by hundreds: nested connections are what costs."""
    assert _price(query, ids=["x"] * ids) == expected


def test_connections_page_from_both_ends() -> None:
    assert connection("abcde", last=2).nodes == "de"
    assert connection("abcde", first=2).page_info["hasNextPage"]
    cursor = connection("abcde", first=2).page_info["endCursor"]
    assert connection("abcde", first=2, after=cursor).nodes == "cd"
    assert connection("abcde", last=2, before=cursor).nodes == "a"


def test_node_ids_lead_back_to_their_record() -> None:
    job = Job(1, "a/b", "0" * 40, "tests", "true", 0.0, id=77)
    assert read_node_id(node_id(job)) == (Job, 77)
    assert read_node_id("PR_kw!!!") is None or read_node_id("PR_kw!!!") == (Pull, 0)
    assert read_node_id("nonsense") is None


def test_required_checks_that_are_missing_are_told_apart() -> None:
    def job(name: str, status: str, conclusion: str = "") -> Job:
        return Job(1, "a/b", "0" * 40, name, "true", 0.0, status=status, conclusion=conclusion)

    found = Rollup((job("a", "completed", "success"), job("b", "in_progress"), job("c", "completed", "failure")), ())
    assert unmet(("a", "b", "c", "d"), found) == {"b": "pending", "c": "failing", "d": "expected"}
