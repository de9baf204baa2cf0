"""Reading `waggle.toml`: the whole of it is checked, and every mistake is named with its line and its cure.

The file is read again when it changes. A bad edit changes nothing and is reported once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.config_agents import families, live_agents
from bot.config_checks import cross_checks
from bot.config_discovery import error_scan_of
from bot.config_review_bots import review_bots
from bot.config_schema import Document
from bot.problems import Problem, ProblemsError
from bot.toml_reading import read_document
from integrations.engines.isolation import Isolation, Level, Network
from scheduler.policy import (
    AttemptTimes,
    Budget,
    Capacity,
    Keep,
    Policy,
    RepositoryPolicy,
    RetryPolicy,
    ReviewPolicy,
    Route,
    SettleTimes,
)


def parse(text: str, name: str = "waggle.toml") -> Document:
    """Read and check a whole document.

    Parameters:
        name: how the file is called in problems.

    Raises:
        ProblemsError: holds every mistake, in the order of their lines.
    """
    return read_document(text, name, Document, cross_checks)


def policy_of(document: Document, *, max_agents: int = 0) -> Policy:
    """The part of the document that the supervisor needs.

    Parameters:
        max_agents: the limit from the environment, which goes before the file's; 0 for none.
    """
    settle, times, capacity, retries = document.settle, document.times, document.capacity, document.retries
    models = {one.name: one.model for one in document.agent}
    isolation = document.isolation
    return Policy(
        repositories=tuple(
            RepositoryPolicy(
                slug=one.slug,
                base_branch=one.base_branch,
                install=one.install,
                verify=one.verify,
                screenshots=one.screenshots,
                ui_paths=one.ui_paths,
                playground=one.playground,
                has_ci=one.ci,
                level=Level(one.isolation) if one.isolation else None,
                include=one.include,
                include_from=one.include_from,
                error_projects=one.error_projects,
            )
            for one in document.repository
        ),
        routes=tuple(
            (kind, tuple(Route(one.agent, one.model or models.get(one.agent, ""), one.why) for one in ranked))
            for kind, ranked in document.routes.items()
        ),
        agents_families=tuple(families(document.agent).items()),
        live_agents=live_agents(document.agent),
        retries=RetryPolicy(**retries.model_dump()),
        settle=SettleTimes(settle.ready, settle.review, settle.no_checks, settle.missing_checks, settle.people),
        budget=Budget(**document.budget.model_dump()),
        capacity=Capacity(
            max_agents=max_agents or capacity.max_agents,
            agent_memory_bytes=capacity.agent_memory,
            reserve_bytes=capacity.reserve_memory,
            reserve_disk_bytes=capacity.reserve_disk,
            max_load=capacity.max_load,
            stagger_s=capacity.stagger,
            ports=capacity.ports,
        ),
        isolation=Isolation(
            level=Level(isolation.level),
            network=Network(isolation.network),
            hosts=isolation.hosts,
            read=tuple(Path(one) for one in isolation.read),
            environment=isolation.environment,
            image=isolation.image,
            memory_bytes=isolation.memory,
            processes=isolation.processes,
        ),
        reviews=ReviewPolicy(document.reviews.families, document.reviews.small_lane_reviews),
        review_bots=review_bots(document.review_bot),
        keep=Keep(
            document.keep.runs, document.keep.rows, document.keep.rescued, document.keep.sweep, document.keep.listed
        ),
        times=AttemptTimes(times.prepare, times.start, times.first_event, times.idle, times.run),
        errors=error_scan_of(document.discovery.errors),
        approve_plans=document.waggle.approve_plans,
        question_deadline_s=document.waggle.question_deadline,
        age_step_s=document.waggle.age_step,
    )


@dataclass(frozen=True)
class Change:
    """What came of reading the file again."""

    ok: bool
    text: str  #: for a person


class ConfigFile:
    """The document in force, and the file that it is read from.

    Parameters:
        path: the file.
        max_agents: the limit from the environment, see `policy_of`.

    Raises:
        ProblemsError: the file cannot be used; there is no last good one at start.
    """

    def __init__(self, path: Path, *, max_agents: int = 0) -> None:
        self.path = path
        self._max_agents = max_agents
        self._seen = self._signature()
        self.document = parse(_text(path), str(path))
        self.policy = policy_of(self.document, max_agents=max_agents)

    def current_policy(self) -> Policy:
        return self.policy

    def refresh(self) -> Change | None:
        """Read the file again if it changed. None when it did not."""
        signature = self._signature()
        if signature == self._seen:
            return None
        self._seen = signature
        try:
            document = parse(_text(self.path), str(self.path))
        except ProblemsError as problem:
            return Change(False, f"{problem}\nThe last good version stays in force.")
        if document == self.document:
            return None
        self.document = document
        self.policy = policy_of(document, max_agents=self._max_agents)
        return Change(True, f"{self.path.name} was read again; its changes are in force.")

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem = Problem(str(path), "there is no such file", "Write it, or remove WAGGLE_CONFIG for the playground.")
    except UnicodeDecodeError as reason:
        problem = Problem(str(path), f"it is not UTF-8 text (byte {reason.start})", "Save it as UTF-8.")
    except OSError as reason:
        problem = Problem(str(path), f"it cannot be read ({reason.strerror})", "Mend its permissions.")
    raise ProblemsError(str(path), [problem])
