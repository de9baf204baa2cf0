"""What a person does to a task. Each command changes rows; the Waggle that runs is woken by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.markup import escape
from sqlmodel import Session

from bot.cli.common import Bench, JsonOption, TaskArgument, bench, err, out, print_json, task_id_of
from bot.slack.markup import readable
from scheduler import commands
from scheduler.commands import Reply
from scheduler.names import task_label

Words = Annotated[list[str] | None, typer.Argument(metavar="[TEXT]", show_default=False)]


def say_reply(place: Bench, reply: Reply, as_json: bool) -> None:
    """Tell what a command did. Exit code 1 when it changed nothing."""
    if as_json:
        task = task_label(reply.task_id) if reply.task_id is not None else None
        print_json({"ok": reply.ok, "text": reply.text, "id": task})
    else:
        (out if reply.ok else err).print(escape(readable(reply.text)))
        if reply.ok and not place.is_running():
            err.print("No Waggle runs on this home; `waggle run` goes on with it.", style="dim")
    if not reply.ok:
        raise typer.Exit(1)


def _act(task: str, as_json: bool, act: Callable[[Bench, Session, int], Reply]) -> None:
    task_id = task_id_of(task)
    with bench() as place:
        say_reply(place, place.registry.write_now(lambda session: act(place, session, task_id)), as_json)


def _said(words: list[str] | None) -> str:
    return " ".join(words or [])


def approve(task: TaskArgument, text: Words = None, as_json: JsonOption = False) -> None:
    """Approve a plan, or a retry that waits for approval; TEXT goes into the prompt."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.approve(
            session, place.now(), place.policy, place.actor, task_id, note=_said(text)
        ),
    )


def reject(task: TaskArgument, text: Words = None, as_json: JsonOption = False) -> None:
    """Drop a task that nobody should work on."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.reject(
            session, place.now(), place.policy, place.actor, task_id, reason=_said(text)
        ),
    )


def retry(task: TaskArgument, text: Words = None, as_json: JsonOption = False) -> None:
    """One more attempt; TEXT goes into its prompt."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.retry(
            session, place.now(), place.policy, place.actor, task_id, guidance=_said(text)
        ),
    )


def extend(task: TaskArgument, as_json: JsonOption = False) -> None:
    """More money for a task whose budget is spent, its own or one that tasks share."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.extend(session, place.now(), place.policy, place.actor, task_id),
    )


def revert(task: TaskArgument, text: Words = None, as_json: JsonOption = False) -> None:
    """Take back what a merged task changed, in a new pull request; TEXT tells the agent why, or what of it."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.revert(
            session, place.now(), place.policy, place.actor, task_id, reason=_said(text)
        ),
    )


def answer(task: TaskArgument, text: Annotated[list[str], typer.Argument()], as_json: JsonOption = False) -> None:
    """Answer the task's open question."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.answer(
            session, place.now(), place.policy, place.actor, task_id, _said(text)
        ),
    )


def stop(task: TaskArgument, text: Words = None, as_json: JsonOption = False) -> None:
    """Stop a task at once; its work is kept."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.stop(
            session, place.now(), place.policy, place.actor, task_id, reason=_said(text)
        ),
    )


def pause(task: TaskArgument, as_json: JsonOption = False) -> None:
    """Pause a task; `resume` goes back to where it was."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.pause(session, place.now(), place.policy, place.actor, task_id),
    )


def resume(task: TaskArgument, as_json: JsonOption = False) -> None:
    """Go on with a paused task."""
    _act(
        task,
        as_json,
        lambda place, session, task_id: commands.resume(session, place.now(), place.policy, place.actor, task_id),
    )
