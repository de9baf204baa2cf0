"""The pages' templates, with everything escaped, and the three filters that they use."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from integrations.playground.github import markdown
from integrations.playground.github.people import PEOPLE
from integrations.playground.github.records import Pull
from integrations.playground.github.world import GitHubWorld

_FOLDER = Path(__file__).with_name("templates")


class Templates:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"moment": _moment, "ago": self._ago, "markdown": self._markdown}
        self._environment.globals["people"] = PEOPLE

    def html(self, template: str, **values: object) -> str:
        return self._environment.get_template(template).render(**values)

    def _ago(self, seconds: float) -> str:
        gone = self._world.clock() - seconds
        for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
            if gone >= size:
                count = int(gone // size)
                return f"{count} {name}{'' if count == 1 else 's'} ago"
        return "just now"

    def _markdown(self, text: str, pull: Pull) -> str:
        def image(target: str) -> str | None:
            """Only pictures of this repository are shown: the page loads nothing from elsewhere."""
            parts = urlsplit(target)
            own = f"/github/{pull.slug}/raw/"
            if parts.scheme:
                return parts.path if target.startswith(f"{self._world.place.url}{own}") else None
            if target.startswith(own):
                return target
            return None if target.startswith("/") else f"{own}{pull.head_sha}/{quote(target.removeprefix('./'))}"

        return markdown.render(text, image)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
