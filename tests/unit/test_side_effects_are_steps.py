"""Each side effect of the supervisor stands in a named step, so that a kill test can stand before and after it.

Read from the source, not from a run. Three rules, and no way round them: what changes the world is done through a
door; a door's changing method is named, called or passed on only inside `with …steps(…):` of the same function; and a
door itself is never passed on or renamed, so that the second rule sees every use.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import scheduler
from integrations.engines import Engine
from integrations.git import Repositories
from integrations.github import GitHub
from integrations.pictures import Pictures
from integrations.terminals import Terminals

SCHEDULER = Path(scheduler.__file__).parent
#: Where the supervisor keeps its own files and says who leads; nothing there is about a task.
OWN_FILES = frozenset({"registry", "leadership.py"})


@dataclass(frozen=True)
class Door:
    """What of a door changes the world, and what only looks. Together they are all of its public methods."""

    of: type
    changes: frozenset[str]
    looks: frozenset[str]


def _door(of: type, changes: str, looks: str) -> Door:
    return Door(of, frozenset(changes.split()), frozenset(looks.split()))


DOORS = {
    "engine": _door(Engine, "start stop send remove run freeze thaw", "find list read_events stderr_tail"),
    "repositories": _door(
        Repositories,
        "ensure fetch create_workspace remove_workspace include commit_leftovers rescue collect collect_head push "
        "delete_remote_branch drop_rescued add_files",
        "git_version default_branch branches pool_branches resolve workspaces every_workspace strange_directories "
        "known rescued slug_of head current_branch in_progress dirty changed_at "
        "merge_check changed_files changed_together diff history ahead_behind is_ancestor read_file list_files grep",
    ),
    "terminals": _door(Terminals, "show end clear", "available known leftovers"),
    "pictures": _door(Pictures, "room keep forget", "kept has"),
    "github": _door(
        GitHub,
        "open_pull close_pull rerun_failed upsert_comment post_review set_status reply_in_thread resolve_thread",
        "viewer repository find_pull light medium detail check_output job_attempt statuses probe rates",
    ),
}
#: Ways to change the world without a door.
FORBIDDEN = frozenset(
    {"aiohttp", "fcntl", "git", "github", "http", "httpx", "multiprocessing", "os", "requests", "shutil", "signal"}
    | {"socket", "subprocess", "tempfile", "urllib3"}
)


@dataclass(frozen=True)
class Finding:
    file: str
    line: int
    what: str


def outside_steps(source: str, file: str) -> list[Finding]:
    """What of a file breaks the rules."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found: list[Finding] = []
    for node in ast.walk(tree):
        for module in _imported(node):
            if module.split(".")[0] in FORBIDDEN:
                found.append(Finding(file, node.lineno, f"imports {module}"))
        if not isinstance(node, ast.Attribute) or node.attr not in DOORS or _is_policy(node, file):
            continue
        user = parents[node]
        if not isinstance(user, ast.Attribute):
            found.append(Finding(file, node.lineno, f"{node.attr} is passed on or renamed"))
        elif user.attr in DOORS[node.attr].changes and not _in_step(user, parents):
            found.append(Finding(file, node.lineno, f"{node.attr}.{user.attr} outside a step"))
    return found


def _is_policy(node: ast.Attribute, file: str) -> bool:
    """`policy.repositories` is what the owner wrote about repositories, and no door."""
    return node.attr == "repositories" and (file == "policy.py" or ast.unparse(node.value).endswith("policy"))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module


def _in_step(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a `with …steps(…):` holds the node without a function in between, which could run later."""
    inside: ast.AST = node
    while inside in parents:
        outer = parents[inside]
        if isinstance(outer, ast.With) and inside in outer.body and any(map(_is_step, outer.items)):
            return True
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return False
        inside = outer
    return False


def _is_step(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "steps"


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_each_method_of_a_door_is_known_to_change_or_to_look(door: Door) -> None:
    methods = {name for name, _ in inspect.getmembers(door.of, inspect.isfunction) if not name.startswith("_")}
    assert door.changes | door.looks == methods
    assert not door.changes & door.looks


def test_every_side_effect_of_the_supervisor_is_in_a_step() -> None:
    files = [file for file in SCHEDULER.rglob("*.py") if file.relative_to(SCHEDULER).parts[0] not in OWN_FILES]
    assert len(files) > 20
    found = [one for file in files for one in outside_steps(file.read_text(), str(file.relative_to(SCHEDULER)))]
    assert not found, "\n".join(f"scheduler/{one.file}:{one.line}: {one.what}" for one in found)


HONEST = """
def push(out):
    with out.steps(StepName.PUSH, "t-1"):
        if out.github.find_pull("a/b", "x") is None:
            out.repositories.push("sha")
"""


@pytest.mark.parametrize(
    "source",
    [
        "def f(out):\n    out.repositories.push('sha')",
        "def f(self):\n    self._out.engine.stop('t-1-a1', 1.5)",
        "def f(out):\n    return to_thread(out.engine.stop, 't-1-a1')",
        "def f(out):\n    git = out.repositories\n    git.push('sha')",
        "def f(out):\n    helper(out.github)",
        "def f(out):\n    with out.steps(STOP, 'x'):\n        pass\n    out.engine.stop('x', 1)",
        "def f(out):\n    with out.steps(STOP, 'x'):\n        later(lambda: out.engine.stop('x', 1))",
        "def f(out):\n    with lock(out), suppress(OSError):\n        out.engine.remove('x')",
        "import subprocess",
        "from shutil import rmtree",
        "def f():\n    import os",
    ],
)
def test_what_would_slip_past_is_found(source: str) -> None:
    assert len(outside_steps(source, "f.py")) == 1
    assert outside_steps(HONEST, "f.py") == []
