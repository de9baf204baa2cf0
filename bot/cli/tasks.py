"""Looking at tasks, and asking for a new one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import uuid4

import typer
from rich.markup import escape

from bot.cli.acts import say_reply
from bot.cli.common import JsonOption, TaskArgument, bench, fail, out, print_json, task_id_of, utc_now
from bot.look import count_archived, list_tasks, read_task
from bot.show import TaskView, age, full_json, opinions, task_json
from integrations.printable import printable
from scheduler.commands import new_request
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.names import task_label
from scheduler.registry import Attempt
from scheduler.signs import sentences
from scheduler.sweeping import read_leftovers

_LINES = 14  #: of what was seen when an attempt failed
_COLOURS = {
    "ready": "bold green",
    "merged": "green",
    "needs_help": "bold red",
    "planned": "bold yellow",
    "asking": "bold yellow",
    "running": "cyan",
    "verifying": "cyan",
}
_MARKS = {"ok": "[green]✓[/]", "wait": "[yellow]…[/]", "fail": "[red]✗[/]", "human": "[cyan]●[/]", "n/a": "[dim]–[/]"}


def tasks(
    only_open: Annotated[bool, typer.Option("--open", help="Leave out what is merged, dropped or stopped.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the archived ones, which were merged or dropped long ago.")
    ] = False,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Instead: what lies about that no task wants, and why it stays.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the tasks, newest first."""
    if orphans:
        _print_orphans(as_json)
        return
    with bench() as place:
        views, archived = place.registry.read_now(
            lambda session: (
                list_tasks(session, only_open=only_open, archived=everything),
                0 if everything or only_open else count_archived(session),
            )
        )
    if as_json:
        print_json([task_json(view) for view in views])
        return
    if not views and not archived:
        out.print('No tasks yet. Ask for one: waggle new "customers want CSV export of invoices"')
        return
    widest = max((len(task_label(view.task.id)) for view in views), default=0)
    for view in views:
        row = task_json(view)
        colour = _COLOURS.get(row["state"], "default")
        facts = [row["agent"], f"attempt {row['attempt']}" if row["attempt"] else "", f"${row['cost_usd']:.2f}"]
        facts = [fact for fact in facts if fact and fact != "$0.00"]
        out.print(
            f"{row['id']:<{widest}}  [{colour}]{row['state']:<10}[/]  {escape(row['title'])}"
            f"  [dim]{escape(', '.join(facts))}[/]"
        )
        if waits := _waits(view):
            out.print(f"{'':<{widest}}  [dim]{escape(waits)}[/]")
        if row["pr_url"]:
            out.print(f"{'':<{widest}}  [dim]{row['pr_url']}[/]")
        if said := _signs(view.last):
            out.print(f"{'':<{widest}}  [dim]{escape(' · '.join(said))}[/]")
    if archived:
        out.print(f"[dim]{archived} archived: `waggle tasks --all` lists {'it' if archived == 1 else 'them'} too.[/]")


def _print_orphans(as_json: bool) -> None:
    with bench() as place:
        left = place.registry.read_now(read_leftovers)
    if as_json:
        print_json([asdict(one) for one in left])
    elif not left:
        out.print("Nothing lies about, as of the last sweep of a running Waggle.")
    for one in left if not as_json else ():
        out.print(f"{one.what} {one.name}\n  {one.why}", markup=False)


def show(
    task: TaskArgument,
    prompt: Annotated[bool, typer.Option("--prompt", help="Print what the agent was or will be told.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one task: goal, evidence, attempts, events."""
    task_id = task_id_of(task)
    with bench() as place:
        view = place.registry.read_now(lambda session: read_task(session, task_id))
    if view is None:
        fail(f"There is no task {task_label(task_id)}. `waggle tasks` lists them.")
    if as_json:
        print_json(full_json(view))
    elif prompt:
        out.print(_prompt(view), markup=False)
    else:
        _print_task(view)


def new(
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="What you want built or fixed.")],
    repo: Annotated[str, typer.Option(help="owner/name, when it is not clear from the text.")] = "",
    priority: Annotated[str, typer.Option(help="p0, p1, p2 or p3.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Ask for something, as in Slack."""
    if priority not in {"", "p0", "p1", "p2", "p3"}:
        raise typer.BadParameter(f"`{priority}` is no priority. Write p0, p1, p2 or p3.")
    with bench() as place:
        reply = place.registry.write_now(
            lambda session: new_request(
                session,
                place.now(),
                place.policy,
                place.actor,
                text=" ".join(text),
                source="cli",
                dedupe_key=f"cli:{uuid4()}",
                repo=repo,
                priority=priority,
            )
        )
        say_reply(place, reply, as_json)


def _signs(attempt: Attempt | None) -> list[str]:
    """What shows that an attempt lives and gets on, each with its age; nothing for one that is over."""
    if attempt is None or attempt.state is not AttemptState.RUNNING:
        return []
    now = utc_now()
    return sentences(attempt.signs, lambda at: age(at, now), printable)


def _prompt(view: TaskView) -> str:
    if view.last is not None:
        return view.last.prompt
    return view.task.next_prompt or "No prompt is written yet."


def _waits(view: TaskView) -> str:
    """Why it has not started, and its place in the queue."""
    return view.task.waits_for if view.task.state is TaskState.QUEUED else ""


def _print_task(view: TaskView) -> None:
    task, row = view.task, task_json(view)
    colour = _COLOURS.get(row["state"], "default")
    out.print(f"[bold]{row['id']}  {escape(task.title)}[/]  [{colour}]{row['state']}[/]")
    facts = [task.repo, task.kind, task.size, f"{task.lane} lane", task.priority, row["agent"], row["model"]]
    out.print("[dim]" + escape(" · ".join(fact for fact in facts if fact)) + "[/]")
    lines = (("Waits", _waits(view)), ("Pull request", row["pr_url"]), ("Branch", task.branch))
    more = (("Port", str(view.port or "")), ("Cost", view.cost.sentence), ("Needs", task.help_cause))
    for label, text in (*lines, *more):
        if text:
            out.print(f"{label}: {escape(text)}")
    if task.goal:
        out.print(f"\n{escape(task.goal)}")
    for check in task.acceptance:
        out.print(f"  · {escape(check)}")
    for one in task.citations:
        who = ", ".join(str(one[key]) for key in ("customer", "date") if one.get(key))
        out.print(f"  [italic]“{escape(str(one.get('quote', '')))}”[/] [dim]{escape(who)}[/]")
    if view.evidence:
        out.print("\n[bold]Definition of done[/]")
        for line in view.evidence:
            out.print(f"  {_MARKS.get(line.state, '?')} {line.check}  [dim]{escape(line.detail)}[/]")
    if reviews := opinions(view):
        out.print("\n[bold]Reviews[/]")
        for one in reviews:
            who = f"{one['reviewer']} ({one['model']})" if one["model"] else one["reviewer"]
            out.print(f"  {escape(who)}: {one['verdict'].replace('_', ' ')}  [dim]{escape(printable(one['why']))}[/]")
    if view.attempts:
        out.print("\n[bold]Attempts[/]")
        for attempt in view.attempts:
            said = attempt.message or attempt.prompt_change
            took = f" · {attempt.peak_bytes / 2**20:,.0f} MB" if attempt.peak_bytes else ""
            out.print(f"  {attempt.n}. {attempt.state.value} {attempt.outcome}{took}  [dim]{escape(said)}[/]")
            who = " ".join(part for part in (attempt.agent, attempt.agent_version, attempt.model) if part)
            apart = f", isolation {attempt.isolation}" if attempt.isolation else ""
            out.print(f"     [dim]{escape(who)}{apart}[/]")
            for sign in _signs(attempt):
                out.print(f"     {escape(sign)}")
            for seen in attempt.evidence[:_LINES] if attempt.outcome not in {"", "done"} else ():
                out.print(f"     [dim]{escape(printable(seen))}[/]")
    out.print("\n[bold]Events[/]")
    for event in view.events:
        why = f"  [dim]{escape(event.why)}[/]" if event.why else ""
        moved = f" → {event.after}" if event.after else ""
        who = f"{event.at.astimezone():%H:%M:%S} {escape(event.actor)}"
        out.print(f"  {who}: {escape(event.subject)} {event.what}{moved}{why}")
