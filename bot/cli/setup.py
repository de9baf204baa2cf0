"""`waggle init` and `checkout`: what happens in a person's own clone."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot.checkout import Checkout, CheckoutError, wanted
from bot.cli.common import JsonOption, TaskArgument, bench, err, fail, out, print_json, task_id_of
from bot.config import parse
from bot.init.plan import Asker, CannotAskError, Given, Plan, make_plan
from bot.init.writing import Written, add_line, config_text, env_text, write_new
from bot.problems import ProblemsError
from bot.remotes import remote_of, web_root
from integrations.git import Repositories
from integrations.git.clone import Clone
from scheduler.names import task_label


def init(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what is found and the options.")] = False,
    remote: Annotated[str, typer.Option(help="Address of the repository, or the name of one of its remotes.")] = "",
    slug: Annotated[str, typer.Option(help="owner/name, when the address does not say.")] = "",
    base_branch: Annotated[str, typer.Option(help="The branch that work starts from and goes to.")] = "",
    install: Annotated[str | None, typer.Option(help="Run once in each fresh worktree.")] = None,
    verify: Annotated[str | None, typer.Option(help="Run before a branch is pushed.")] = None,
    channel: Annotated[str, typer.Option(help="Id of the Slack channel where people ask for work.")] = "",
    admin: Annotated[str, typer.Option(help="Slack user id of the first admin.")] = "",
    gitignore: Annotated[
        bool | None, typer.Option("--gitignore/--no-gitignore", help="Add .env to .gitignore when git would see it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write waggle.toml and .env for the repository that you are in. Nothing is ever overwritten."""
    ask = None if yes or as_json or not sys.stdin.isatty() else _ask
    clone = Clone.around(Path.cwd())
    try:
        plan = make_plan(clone, Given(remote, slug, base_branch, install, verify, channel, admin), ask, shutil.which)
    except CannotAskError as missing:
        fail(str(missing))
    text = config_text(plan)
    _refuse_mistakes(text)
    try:
        written = [
            write_new(clone.root / "waggle.toml", text, 0o644),
            write_new(clone.root / ".env", env_text(plan), 0o600),
        ]
        ignored = _ignore(clone, gitignore, ask)
    except OSError as problem:
        fail(f"{problem.filename or clone.root} cannot be written: {problem.strerror}. Make it writable.")
    steps = _next_steps(plan, clone, written)
    if as_json:
        print_json(_json(plan, written, ignored, steps))
    else:
        _say(plan, clone, written, ignored, steps)


def _ask(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, show_default=bool(default)))


def _refuse_mistakes(text: str) -> None:
    """An option can hold what waggle.toml may not; it is said by the reader of the file, before there is one."""
    try:
        parse(text)
    except ProblemsError as problem:
        fail("\n".join(f"{one.what[:1].upper()}{one.what[1:]}. {one.cure}" for one in problem.problems))


def _ignore(clone: Clone, wanted: bool | None, ask: Asker | None) -> str:
    """What became of `.env` and git: `ignored`, `added`, `tracked` or `open`."""
    if clone.tracks(".env"):
        return "tracked"
    if clone.ignores(".env"):
        return "ignored"
    if wanted is None and ask is not None:
        wanted = typer.confirm("git does not ignore .env, which will hold secrets. Add it to .gitignore?", default=True)
    path = clone.root / ".gitignore"
    if not wanted or path.is_symlink():
        return "open"
    add_line(path, ".env")
    return "added"


def _next_steps(plan: Plan, clone: Clone, written: list[Written]) -> list[str]:
    kept = [one.path.name for one in written if not one.made]
    first = f"Bring what is missing into your own {' and '.join(kept)}." if kept else ""
    github = "GITHUB_TOKEN in .env: a token that may push to the repository and read its checks."
    channel = "" if plan.channel else "The id of your Slack channel in waggle.toml, once Slack is connected."
    where = "" if clone.root == Path.cwd() else f" (in {clone.root})"
    steps = [first, github, channel, f"`waggle doctor`{where} says what else is missing; `waggle run` starts."]
    return [step for step in steps if step]


_GITIGNORE = {
    "added": "[green]added[/]    .env to .gitignore",
    "open": "[yellow]git sees .env, which will hold secrets: add it to .gitignore (`waggle init --gitignore` does).[/]",
    "tracked": "[red].env is part of the repository: put no secret into it. Set the variables in the environment.[/]",
}


def _say(plan: Plan, clone: Clone, written: list[Written], ignored: str, steps: list[str]) -> None:
    rows = (
        ("repository", plan.slug, plan.address.host or plan.remote),
        ("base", plan.base_branch, ""),
        ("install", plan.commands.install or "none", plan.commands.install_because),
        ("verify", plan.commands.verify or "none", plan.commands.verify_because),
        ("agent", plan.agent, ""),
    )
    for name, value, why in rows:
        out.print(f"{name:<11}{escape(value)}{f'  [dim]{escape(why)}[/]' if why else ''}")
    out.print()
    for note in plan.notes:
        err.print(note, style="yellow", markup=False)
    for one in written:
        if one.made:
            out.print(f"[green]wrote[/]    {escape(str(one.path))}")
        else:
            out.print(
                f"[yellow]kept[/]     {escape(str(one.path))}: it was there already. This would have been written:"
            )
            out.print("\n".join(f"    {line}" for line in one.text.splitlines()), markup=False, style="dim")
    if ignored in _GITIGNORE:
        out.print(_GITIGNORE[ignored])
    out.print("\n[bold]Next[/]")
    for number, step in enumerate(steps, 1):
        out.print(f"  {number}. {escape(step)}")


def _json(plan: Plan, written: list[Written], ignored: str, steps: list[str]) -> dict[str, object]:
    return {
        "slug": plan.slug,
        "remote": plan.remote,
        "base_branch": plan.base_branch,
        "install": plan.commands.install,
        "verify": plan.commands.verify,
        "ci": plan.commands.has_ci,
        "agent": plan.agent,
        "notes": list(plan.notes),
        "files": [{"path": str(one.path), "written": one.made, "text": one.text} for one in written],
        "env_in_git": ignored,
        "next": steps,
    }


def checkout(
    task: TaskArgument,
    rescue: Annotated[str, typer.Option(help="Rescued work of that name instead of the branch.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Check out a task's branch in the clone that you are in: pushed, not yet pushed, or rescued work."""
    task_id = task_id_of(task)
    with bench() as place:
        found = place.registry.read_now(lambda session: wanted(session, task_id))
        if found is None:
            fail(f"There is no task {task_label(task_id)}. `waggle tasks` lists them.")
        document = place.config().document
    root = web_root(place.settings.github.api_url)
    if any(one.slug == found.repo and one.playground for one in document.repository):
        root = str(place.home.playground / "github")
    work = Checkout(Repositories(place.home.root), remote_of(document, found.repo, root, None), found)
    try:
        done = work.into(Path.cwd(), rescue)
    except CheckoutError as problem:
        fail(str(problem))
    saved = work.rescued()
    if as_json:
        print_json({
            "task": found.label, "repo": found.repo, "clone": str(done.clone), "branch": done.branch,
            "commit": done.commit, "source": done.source, "notes": list(done.notes),
            "rescued": [{"name": one.label, "commit": one.sha, "at": one.at.isoformat()} for one in saved],
        })  # fmt: skip
        return
    out.print(f"{escape(str(done.clone))} is on [bold]{escape(done.branch)}[/] at {done.commit[:8]}.")
    for note in done.notes:
        out.print(note, style="yellow", markup=False)
    if saved and done.source != "rescued":
        out.print("Work that was rescued from earlier workspaces:")
        for one in saved:
            out.print(
                f"  waggle checkout {found.label} --rescue {one.label}   {one.at:%Y-%m-%d %H:%M} UTC", markup=False
            )
    if done.source == "remote":
        out.print("[dim]Push to it as you like: Waggle follows what you push.[/]")
