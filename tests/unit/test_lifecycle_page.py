"""docs/lifecycle.md against the tests that exist, both ways."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "lifecycle.md"
SITUATIONS = {str(n) for n in range(1, 31)}
PROBES = {"A", "A2", "B", "C", "D", "N", "E'", "E''", "F", "F'", "G", "H", "I", "J", "K", "L", "M", "O", "P", "R"}
_LINE = re.compile(r"^\| ([0-9A-Z]+'*) \|.*\| ([^|]*) \|$", re.MULTILINE)
_NAMED = re.compile(r"test_scenario_(\d\d)_|test_probe_(\w+?)_")
_LETTERS = {"e1": "E'", "e2": "E''", "f1": "F'"}


def claimed() -> dict[str, set[str]]:
    """The tests that the page names, by number."""
    return {number: set(re.findall(r"`(test_\w+)`", proofs)) for number, proofs in _LINE.findall(PAGE.read_text())}


def proved() -> dict[str, set[str]]:
    """The tests that carry a number, in their name or in a mark."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for number in _numbers(node):
                    found[number].add(node.name)
    return found


def _numbers(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    numbers = [
        str(ast.literal_eval(argument))
        for mark in node.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.proves"
        for argument in mark.args
    ]
    if named := _NAMED.match(node.name):
        numbers.append(str(int(named[1])) if named[1] else _LETTERS.get(named[2], named[2].upper()))
    return numbers


def test_every_situation_and_every_probe_has_its_line() -> None:
    assert claimed().keys() == SITUATIONS | PROBES
    assert len(PROBES) == 20


def test_every_line_names_the_tests_that_prove_it_and_no_others() -> None:
    marked = proved()
    wrong = {
        number: {"only on the page": tests - marked[number], "only in the tests": marked[number] - tests}
        for number, tests in claimed().items()
        if tests != marked[number]
    }
    assert wrong == {}
    assert marked.keys() <= claimed().keys(), "a test carries a number that no line has"
    assert all(claimed().values())
