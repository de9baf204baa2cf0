"""`waggle doctor`: one line for each thing that Waggle needs, what was seen, and how to mend it.

check.py          what a check is given and says     slack.py, github.py, models.py, errors.py,
machine.py        Python, git, tools                 agents.py, playground.py, webhooks.py,
state.py          home, disk, locks, registry        clock.py                   one outside thing each
configuration.py  settings and waggle.toml

A new subject is a file with a function from `Surroundings` to lines, and an entry in `SUBJECTS`.
"""

from __future__ import annotations

import asyncio

from bot.app import find_services
from bot.doctor import machine, state
from bot.doctor.agents import agents
from bot.doctor.check import Check, Examiner, Surroundings
from bot.doctor.clock import clock
from bot.doctor.configuration import read_config, read_settings, repositories
from bot.doctor.errors import errors
from bot.doctor.github import github
from bot.doctor.models import models
from bot.doctor.playground import playground
from bot.doctor.slack import slack
from bot.doctor.webhooks import webhooks
from bot.home import Home
from integrations.playground.lock import running

__all__ = ["SUBJECTS", "Check", "examine", "next_step"]

#: in the order in which they are shown; they are looked at beside each other
SUBJECTS: tuple[Examiner, ...] = (
    state.locks,
    state.room,
    machine.git,
    state.registry,
    state.leftovers,
    repositories,
    machine.isolation,
    machine.limits,
    machine.capacity,
    machine.tmux,
    clock,
    slack,
    playground,
    github,
    webhooks,
    errors,
    models,
    agents,
)


async def examine() -> list[Check]:
    """Look at everything. Never raises for what it finds, and changes nothing outside the home."""
    lines = [machine.python(), machine.sqlite(), machine.system()]
    settings, said = read_settings()
    lines += said
    if settings is None:
        return lines
    home = Home(settings.waggle.home)
    lines.append(state.home(home))
    if not lines[-1].ok:
        return lines
    services = find_services(settings)
    config, said = read_config(settings, home, services)
    seen = Surroundings(settings, home, services, config, running(home.playground))
    lines += said
    for found in await asyncio.gather(*(asyncio.to_thread(_examined, subject, seen) for subject in SUBJECTS)):
        lines += found
    return lines


def next_step(lines: list[Check]) -> str:
    """What to do now, one sentence: mend the first thing that is wrong, or start."""
    wrong = next((one for one in lines if not one.ok), None)
    if wrong is None:
        return "Everything that is set works. Start with `waggle run`."
    return f"{wrong.check}: {wrong.fix or wrong.detail}"


def _examined(subject: Examiner, seen: Surroundings) -> list[Check]:
    """What one subject says. A defect in it is a line of its own: the others are still shown."""
    try:
        return list(subject(seen))
    except Exception as problem:
        name = getattr(subject, "__name__", "check")
        return [
            Check(name, False, f"it could not be checked: {type(problem).__name__}: {problem}", "This is a defect.")
        ]
