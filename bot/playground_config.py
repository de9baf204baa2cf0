"""The `waggle.toml` that is used when there is none: the sample world of the playground, with short settle times.

It is written to the playground's directory, where people can look at it and copy it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from bot.services import Services

REPOSITORY = "acme/ledgerline"


@dataclass(frozen=True)
class Pace:
    """How patient Waggle is in the playground, in seconds. Real repositories want minutes.

    Attributes:
        speed: how many times faster than a person can follow the scripted agent works.
    """

    ready: float = 3.0
    review: float = 2.0
    no_checks: float = 15.0
    missing_checks: float = 60.0
    speed: float = 1.0

    def words(self) -> str:
        return f"checks hold {self.ready:g} s before “ready”, a head commit is still {self.review:g} s before reviews"


def playground_toml(services: Services, pace: Pace, *, script: str = "") -> str:
    """The document, for what the playground stands in for.

    Parameters:
        script: a file that says how the scripted agent's next runs behave, for demos and tests.
    """
    parts = [
        "# Written by Waggle for the playground, anew at each start. Copy it to waggle.toml in the directory in",
        "# which you start Waggle to have one of your own; docs/configuration.md explains every key.",
        "",
        "[waggle]",
        "approve_plans = true",
        "",
        "[settle]  # short, so that you can watch; for real repositories leave this table out",
        f'ready = "{pace.ready:g}s"',
        f'review = "{pace.review:g}s"',
        f'no_checks = "{pace.no_checks:g}s"',
        f'missing_checks = "{pace.missing_checks:g}s"',
        "",
        "[discovery.errors]  # every few seconds, so that you can watch",
        'every = "3s"',
        "min_events = 3",
        "",
        "[capacity]",
        'agent_memory = "500MiB"  # the sample application is small',
        "max_load = 0",
        "",
        "[[agent]]",
        'name = "scripted"',
        f"speed = {pace.speed:.1f}",
        *([f"script = {json.dumps(script, ensure_ascii=False)}"] if script else []),
        "",
        "[routes]",
        f"default = [{_routes(services)}]",
    ]
    if not services.github:
        parts += [
            "",
            "[[repository]]",
            f'slug = "{REPOSITORY}"',
            "playground = true",
            "# How it is verified and shown stands in its own .waggle.toml.",
        ]
    if not services.slack:
        repository = "" if services.github else f'\nrepository = "{REPOSITORY}"'
        parts += [
            "",
            "[access]",
            'admins = ["U0ANA"]  # ana, the person at the page',
            'approvers = ["U0BEN"]',
            'requesters = ["U0SUPPORT"]',
            "",
            f'[[channel]]\nid = "C0PRODUCT"\nmeans = "work"{repository}',
            "",
            '[[channel]]\nid = "C0CUSTOMERS"\nmeans = "feedback"',
            "",
            '[[channel]]\nid = "C0NOTES"\nmeans = "notes"',
        ]
    return "\n".join(parts) + "\n"


def _routes(services: Services) -> str:
    ranked = [] if services.agent == "scripted" else [f'{{ agent = "{services.agent}" }}']
    if not services.github:
        ranked.append('{ agent = "scripted" }')
    return ", ".join(ranked)
