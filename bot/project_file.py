"""`.waggle.toml`: what a target repository says about itself. Pure: text in, values out.

It is written by whoever can merge into that repository, and agents propose changes to it. So it says how the
repository is built and shown and may ask for more care; it decides nothing about money, isolation, access or which
checks count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from bot.config_schema import Document, Repository, Table
from bot.problems import Problem, ProblemsError, wrong
from bot.toml_reading import Found, read_document
from scheduler.policy import RepositoryPolicy

NAME = ".waggle.toml"
LARGEST = 64 * 1024  #: characters
_LONGEST_COMMAND = 2000


def _pattern(value: str) -> str:
    if not value.strip() or value.startswith("/") or ".." in value.split("/"):
        raise wrong(f"`{value}` matches no file of the repository", 'Write it like "templates/**" or "docs/*.md".')
    return value


def _command(value: str) -> str:
    if "\0" in value or len(value) > _LONGEST_COMMAND:
        raise wrong("it is no command", "Put longer things into a script of the repository and name that.")
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]
Command = Annotated[str, AfterValidator(_command)]
Rule = Annotated[str, Field(min_length=1, max_length=500)]


class Lanes(Table):
    """`[lanes]`: how much review a change wants, by the files that it is expected to touch."""

    small: tuple[Pattern, ...] = ()  #: a task within these may take the small lane
    full: tuple[Pattern, ...] = ()  #: a task that may touch one of these takes the full lane


class ReviewRules(Table):
    """`[review]`: may only ask for more than Waggle's owner does."""

    families: int = Field(default=0, ge=0, le=2)  #: model families that must approve
    max_lines: int = Field(default=0, ge=0)  #: changed lines above which a person is warned
    rules: tuple[Rule, ...] = Field(default=(), max_length=30)  #: what reviewers hold changes against


class ProjectFile(Table):
    """The whole of `.waggle.toml`."""

    install: Command = ""
    verify: Command = ""
    screenshots: Command = ""
    ui_paths: tuple[Pattern, ...] = ()
    lanes: Lanes = Lanes()
    review: ReviewRules = ReviewRules()


#: what only Waggle's owner decides, each key of whose file and of its table for this repository
_OWNERS = (frozenset(Document.model_fields) | frozenset(Repository.model_fields)) - frozenset(ProjectFile.model_fields)


def _refused(raw: Mapping[str, Any]) -> Iterator[Found]:
    for key in raw:
        if key in _OWNERS:
            yield (key,), f"a repository may not set `{key}`", "Take it out; it belongs in Waggle's own waggle.toml."


def parse_project(text: str, name: str = NAME) -> ProjectFile:
    """Read a project file.

    Raises:
        ProblemsError: holds every mistake; none of the file counts then.
    """
    if len(text) > LARGEST:
        problem = Problem(name, f"it is longer than {LARGEST // 1024} kB", "Put scripts into files of their own.")
        raise ProblemsError(name, [problem])
    return read_document(text, name, ProjectFile, _refused)


def with_project(owners: RepositoryPolicy, project: ProjectFile) -> RepositoryPolicy:
    """The repository as both describe it: what its owner set in `waggle.toml` goes before what the repository says."""
    return replace(
        owners,
        install=owners.install or project.install,
        verify=owners.verify or project.verify,
        screenshots=owners.screenshots or project.screenshots,
        ui_paths=owners.ui_paths or project.ui_paths,
        small_paths=project.lanes.small,
        full_paths=project.lanes.full,
        families=project.review.families,
        max_lines=project.review.max_lines,
        review_rules=project.review.rules,
    )
