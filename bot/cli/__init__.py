"""The `waggle` command. Every command acts through rows, so it works beside a running Waggle.

common.py   settings, registry, printing        tasks.py    tasks, show, new
acts.py     approve, retry, extend, answer, …   memory.py   context add, search, show, forget
running.py  run, demo, doctor, tick             tools.py    excerpt, outcome, manifest, backup
setup.py    init, checkout                      discovery.py discovery
emergency.py estop, thaw                        watching.py logs, attach
costs.py    costs                            council.py  council

Exit codes: 0 done, 1 not done (one message says why), 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from bot.cli import acts, costs, council, discovery, emergency, memory, running, setup, tasks, tools, watching
from bot.cli.common import CommandError, err
from bot.home import HomeError
from bot.problems import ProblemsError, StartError
from integrations.fault import IntegrationError
from scheduler.leadership import AlreadyLedError
from scheduler.registry import RegistryError

app = typer.Typer(
    name="waggle",
    help="A Slack bot that runs a swarm of coding agents and calls you when a pull request is ready.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: tuple[Callable[..., None], ...] = (
    setup.init,
    running.run,
    running.demo,
    running.doctor,
    tasks.tasks,
    tasks.show,
    watching.logs,
    watching.attach,
    setup.checkout,
    tasks.new,
    acts.approve,
    acts.reject,
    acts.retry,
    acts.extend,
    acts.revert,
    acts.answer,
    acts.stop,
    acts.pause,
    acts.resume,
    emergency.estop,
    emergency.thaw,
    costs.costs,
    council.council,
    running.tick,
    tools.manifest,
    tools.backup,
    discovery.discovery,
    tools.excerpt,
    tools.outcome,
)
for command in _COMMANDS:
    app.command()(command)
app.command("list", hidden=True)(tasks.tasks)
app.command(hidden=True)(running.alive)
app.add_typer(memory.context, name="context")

_EXPLAINED = (
    CommandError,
    ProblemsError,
    HomeError,
    RegistryError,
    AlreadyLedError,
    StartError,
)


def main() -> None:
    """Run the command line. What goes wrong in a way that is known is said in one message, without a traceback."""
    try:
        app()
    except IntegrationError as problem:
        err.print(problem.user_message, markup=False)
    except _EXPLAINED as problem:
        err.print(str(problem), markup=False)
    else:
        return
    sys.exit(1)
