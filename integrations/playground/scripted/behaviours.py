"""What one run does: the work, or one of the ways in which agents fail."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from integrations.playground.scripted.hands import Hands, Stuck
from integrations.playground.scripted.merging import base_to_merge, commit_to_revert, merge, revert
from integrations.playground.scripted.reading import named_tests
from integrations.playground.scripted.recipes import Brief, MissingFact, Recipe
from integrations.playground.scripted.recipes.known import abilities
from integrations.playground.scripted.script import Kind
from integrations.playground.scripted.stream import Stream

TESTS = "python3 -m unittest discover -s tests -t ."
LINT = "python3 tools/lint.py"
NAME, EMAIL = "Scripted agent", "scripted-agent@playground.invalid"
DEBUG = 'print("DEBUG", __name__)\n'
SHOW, PLAIN = '    return f"{amount:,.2f}"\n', '    return f"{amount:.2f}"\n'


@dataclass(frozen=True)
class Work:
    """One run's task: the jobs, what is known, the prompt that asked, and the tools."""

    recipes: tuple[Recipe, ...]
    brief: Brief
    prompt: str
    hands: Hands
    stream: Stream


def succeed(work: Work) -> int:
    """Do the jobs, repair what the prompt brings evidence for, run tests and linter, commit."""
    hands = work.hands
    if commit_to_revert(work.prompt):
        return _take_back(work, commit_to_revert(work.prompt))
    if not _begin(work):
        return 0
    base = base_to_merge(work.prompt)
    try:
        repaired = [merge(hands, base, _identity())] if base else []
        _apply(work)
        repaired += _repair_tests(work) + _repair_findings(work)
    except (MissingFact, Stuck) as short:
        return _fell_short(work, short)
    if not base and not hands.changed and not _dirty(work):
        why = "Everything that was asked is in place already" if work.recipes else "I found nothing that I can repair"
        work.stream.succeeded(f"{why}, so I changed nothing.{_unrepaired(work)}")
        return 0
    tests = hands.run(TESTS, "Run the tests")
    lint = hands.run(LINT, "Run the linter")
    failing = ", ".join(sorted(_failing(tests.output))) or tests.output[-300:]
    verdict = "All tests pass" if tests.ok else f"These tests fail and I do not know why: {failing}"
    verdict += ", and the linter is content." if lint.ok else ". The linter complains."
    return _finish(work, repaired, verdict)


def _take_back(work: Work, sha: str) -> int:
    """Only the revert: what the task was about must not come again."""
    work.stream.started()
    try:
        done = revert(work.hands, sha, _identity())
    except Stuck as stuck:
        return _fell_short(work, stuck)
    tests = work.hands.run(TESTS, "Run the tests")
    work.stream.succeeded(f"{done} {'All tests pass.' if tests.ok else tests.output[-300:]}")
    return 0


def break_test(work: Work) -> int:
    """The feature, a change too many, and no look at the tests: what CI is for."""
    if not _begin(work):
        return 0
    try:
        _apply(work)
        if not work.hands.edit("app/money.py", SHOW, PLAIN):
            note = "Pages and files show amounts alike, without separators.\n"
            readme = work.hands.text("README.md")
            if note not in readme:
                work.hands.write("README.md", f"{readme.rstrip()}\n\n{note}")
    except (MissingFact, Stuck) as short:
        return _fell_short(work, short)
    return _finish(work, [], "Amounts are shown without separators now, for pages and files alike.")


def sloppy(work: Work) -> int:
    """The feature without its tests, and with a debug line left in. `work.hands` skips the tests."""
    if not _begin(work):
        return 0
    try:
        _apply(work)
    except (MissingFact, Stuck) as short:
        return _fell_short(work, short)
    for recipe in work.recipes:
        text = work.hands.text(recipe.main_file)
        if recipe.main_file.endswith(".py") and DEBUG not in text:
            work.hands.write(recipe.main_file, f"{text}\n\n{DEBUG}")
    return _finish(work, [], "I ran neither tests nor linter.")


def nothing(work: Work) -> int:
    """Look around, change nothing, and say so."""
    work.stream.started()
    for path in [path for recipe in work.recipes for path in recipe.look] or ["README.md"]:
        work.hands.read(path)
    work.stream.succeeded(
        "I read the code and did not see what to change. I need to know where to look. I changed nothing."
    )
    return 0


def ask(work: Work) -> int:
    """End with the question that the job leaves to a person. The work must have a job."""
    _begin(work)
    recipe = work.recipes[0]
    block = {"question": recipe.question, "options": list(recipe.options), "default": recipe.options[0]}
    work.stream.succeeded(
        "Before I go on, somebody has to decide something that the task does not say.\n\n"
        f"```waggle-question\n{json.dumps(block)}\n```"
    )
    return 0


def crash(work: Work) -> int:
    """Die by SIGKILL after the first change. `work.hands` does it; without a change it happens here."""
    if _begin(work):
        _apply(work)
    die()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def hang(work: Work, seconds: float) -> int:
    """Wait for a command that has left our process group, as a development server does."""
    if not _begin(work):
        return 0
    _wait_for_server(work, seconds)
    work.stream.succeeded("The server ended. I changed nothing.")
    return 0


def stall(work: Work, seconds: float) -> int:
    """Do the work, commit nothing, and wait for such a command."""
    if not _begin(work):
        return 0
    try:
        _apply(work)
    except (MissingFact, Stuck) as short:
        return _fell_short(work, short)
    _wait_for_server(work, seconds)
    work.stream.succeeded("The server ended. I committed nothing.")
    return 0


def _wait_for_server(work: Work, seconds: float) -> None:
    command = f"sleep {seconds:g}"
    work.stream.tool_use("Bash", {"command": command, "description": "Start the server"})
    child = subprocess.Popen(shlex.split(command), start_new_session=True, stdin=subprocess.DEVNULL)
    child.wait()


def slow(work: Work, seconds: float) -> int:
    """Read the same file again and again for a while, then do the work."""
    work.stream.started()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        work.hands.read(work.recipes[0].look[0] if work.recipes else "README.md")
        time.sleep(min(1.0, max(0.0, ends - time.monotonic())))
    return succeed(work)


def context(work: Work) -> int:
    work.stream.started()
    work.stream.refused_by_api(
        "Prompt is too long · the request is ~250000 tokens (limit 200000).",
        status=400,
        error="invalid_request",
        error_type="context_length_exceeded",
        terminal_reason="prompt_too_long",
    )
    return 1


def max_turns(work: Work, limit: int) -> int:
    work.stream.started()
    while work.stream.turns < limit:
        work.hands.read("README.md")
    work.stream.out_of_turns(limit)
    return 1


def rate_limit(work: Work, seconds: float) -> int:
    """Be turned away by the provider's limit; with `seconds` it says when that ends."""
    work.stream.started()
    if seconds:
        work.stream.limited(time.time() + seconds)
    return _refused(
        work, 429, "rate_limit", "rate_limit_error", "API Error: Request rejected (429) · Rate limit reached."
    )


def auth(work: Work) -> int:
    return _refused(
        work, 401, "authentication_failed", "authentication_error", "Invalid API key · Fix external API key"
    )


def _refused(work: Work, status: int, error: str, error_type: str, message: str) -> int:
    work.stream.started()
    for attempt in (1, 2):
        work.stream.api_retry(attempt, status, error)
    work.stream.refused_by_api(message, status=status, error=error, error_type=error_type)
    return 1


def _begin(work: Work) -> bool:
    """The first words. False, with an honest end, when there is nothing here that this agent can do."""
    work.stream.started()
    if not work.recipes and not named_tests(work.prompt):
        work.hands.say("I am looking for something that I know how to do in this request.")
        work.stream.succeeded(
            "I do not know how to do this, so I changed nothing. "
            f"I am the scripted agent of the playground and can only:\n{abilities()}"
        )
        return False
    plan = "; ".join(recipe.can for recipe in work.recipes) or "repair the tests that the prompt names"
    work.hands.say(f"I will {plan}.")
    for path in dict.fromkeys(path for recipe in work.recipes for path in recipe.look):
        work.hands.read(path)
    return True


def _apply(work: Work) -> None:
    for recipe in work.recipes:
        recipe.apply(work.hands, work.brief)
    if work.brief.answer == "yes" and work.recipes:
        readme = work.hands.text("README.md")
        line = f"Changed lately: {work.recipes[0].commit.splitlines()[0]}.\n"
        if line not in readme:
            work.hands.write("README.md", f"{readme.rstrip()}\n\n{line}")


def _repair_tests(work: Work) -> list[str]:
    """Repair what broke the tests that the prompt names. Without such evidence nobody looks here."""
    named = named_tests(work.prompt)
    if not named or PLAIN not in work.hands.text("app/money.py"):
        return []
    run = work.hands.run(TESTS, "See what fails")
    if not named & (_failing(run.output) | {"test_money", "test_web"}):
        return []
    work.hands.read("app/money.py")
    work.hands.edit("app/money.py", PLAIN, SHOW)
    return ["Pages show amounts with separators again: `money.show` is theirs, the file has its own format."]


def _repair_findings(work: Work) -> list[str]:
    """Take out debug lines that a reviewer pointed at."""
    if not re.search(r"\bdebug|\bprint\(", work.prompt, re.IGNORECASE):
        return []
    done = []
    for path in sorted({recipe.main_file for recipe in work.recipes}):
        text = work.hands.text(path)
        if DEBUG in text:
            work.hands.write(path, text.replace(f"\n\n{DEBUG}", "").replace(DEBUG, ""))
            done.append(f"The debug line in `{path}` is gone.")
    return done


def _fell_short(work: Work, why: Exception) -> int:
    """Half a job is worse than none: take back what this run changed and say what was missing."""
    work.hands.put_back()
    work.stream.succeeded(f"{why}\n\nThe worktree is as I found it.")
    return 0


def _finish(work: Work, repaired: list[str], verdict: str) -> int:
    """Commit, and say what was done and what is known about it."""
    message = work.recipes[0].commit if work.recipes else "Repair the failing tests"
    command = f"git add -A && git {_identity()} commit -q -m {shlex.quote(message)} && git log --oneline -1"
    committed = work.hands.run(command, "Commit the work")
    if not committed.ok:
        verdict += f"\n\nI could not commit it: {committed.output[-300:]}"
    work.stream.succeeded(f"{_summary(work, repaired)}\n\n{verdict}")
    return 0


def _identity() -> str:
    return f"-c user.name={shlex.quote(NAME)} -c user.email={EMAIL}"


def _unrepaired(work: Work) -> str:
    named = named_tests(work.prompt)
    return f" I do not know how to repair {', '.join(sorted(named))}." if named else ""


def _summary(work: Work, repaired: list[str]) -> str:
    done = [f"Done: {recipe.can}." for recipe in work.recipes] + repaired
    changed = f"Changed: {', '.join(f'`{path}`' for path in work.hands.changed)}." if work.hands.changed else ""
    return "\n".join([*done, changed]).strip()


def _failing(output: str) -> set[str]:
    return set(re.findall(r"^(?:FAIL|ERROR): (test_\w+)", output, re.MULTILINE))


def _dirty(work: Work) -> bool:
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=work.hands.root, capture_output=True, text=True, check=True
    )
    return bool(status.stdout.strip())


ENDINGS: dict[Kind, Callable[[Work], int]] = {
    Kind.BREAK_TEST: break_test,
    Kind.SLOPPY: sloppy,
    Kind.NOTHING: nothing,
    Kind.CRASH: crash,
    Kind.CONTEXT: context,
    Kind.AUTH: auth,
}
