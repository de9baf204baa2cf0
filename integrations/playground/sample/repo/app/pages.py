"""HTML from the files in templates/: `string.Template` with everything escaped."""

from html import escape
from pathlib import Path
from string import Template

TEMPLATES = Path(__file__).parent.parent / "templates"


def render(template: str, title: str, rows: list[str] | None = None, /, **values: object) -> str:
    """A whole page. `rows` is HTML from `fragment`; every other value is escaped."""
    body = _read(template).substitute(_escaped(values), rows="\n".join(rows or []))
    return _read("base.html").substitute(title=escape(title), body=body)


def fragment(template: str, /, **values: object) -> str:
    """A piece of a page, such as one row of a table."""
    return _read(template).substitute(_escaped(values))


def _escaped(values: dict[str, object]) -> dict[str, str]:
    return {key: escape(str(value)) for key, value in values.items()}


def _read(template: str) -> Template:
    return Template((TEMPLATES / template).read_text(encoding="utf-8"))
