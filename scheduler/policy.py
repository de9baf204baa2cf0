"""What the owner decided, as values: the part of the settings that the supervisor needs.

`bot.settings` reads them from `waggle.toml`; the supervisor only ever sees these frozen values.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from integrations.engines.isolation import Isolation, Level
from integrations.github import ReviewBot, known_bots

#: model families by the beginning of a model's name, as agents that speak to several write it: `openai/gpt-5`
_PROVIDERS = frozenset({"anthropic", "openai", "google"})


@dataclass(frozen=True)
class RepositoryPolicy:
    """One repository that agents may work on.

    Attributes:
        slug: `owner/name`.
        base_branch: empty for the repository's default branch.
        install, verify: shell commands run in a fresh worktree; empty for none.
        screenshots: shell command that writes pictures of the running application; empty for none.
        ui_paths: glob patterns of files whose change wants screenshots.
        playground: it lives in the playground, where reviews by stand-ins count.
        has_ci: False when the owner said that no check will ever appear; the verify command counts instead.
        small_paths: a task that only changes files of these patterns may take the small lane.
        full_paths: a task that may change one of these never takes the small lane.
        families: model families that must approve here, where that is more than everywhere.
        max_lines: changed lines above which a person is warned; 0 for the usual number.
        review_rules: what reviewers are told to hold changes against; the repository's own words.
        level: how its code is kept apart, where that differs from the policy's isolation.
        include: files that are not in git and that its code needs, copied into each workspace and never published.
        include_from: the directory that they are copied from.
        error_projects: slugs of the projects in the error tracker that its code runs in; empty for the one that is
            called like the repository.
    """

    slug: str
    base_branch: str = ""
    install: str = ""
    verify: str = ""
    screenshots: str = ""
    ui_paths: tuple[str, ...] = ()
    playground: bool = False
    has_ci: bool = True
    small_paths: tuple[str, ...] = ()
    full_paths: tuple[str, ...] = ()
    families: int = 0
    max_lines: int = 0
    review_rules: tuple[str, ...] = ()
    level: Level | None = None
    include: tuple[str, ...] = ()
    include_from: str = ""
    error_projects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """An agent and a model for a kind of task; the first that is available is taken."""

    agent: str
    model: str = ""
    why: str = ""


@dataclass(frozen=True)
class RetryPolicy:
    """How often Waggle sends an agent back before it asks a person."""

    failures: int = 3  #: agent failures and CI together
    reviews: int = 2
    people: int = 3
    infrastructure: int = 5  #: waits in a row for limits, overloads and lost processes
    failover: bool = False  #: while a provider limits an agent, the next of a task's routes takes it
    approve: Literal["never", "after_max", "always"] = "after_max"


@dataclass(frozen=True)
class SettleTimes:
    """Seconds that facts must hold before something is concluded from them."""

    ready_s: float = 60.0  #: all checks before "PR ready"
    review_s: float = 120.0  #: an unchanged head before reviews are asked for
    no_checks_s: float = 180.0  #: a new head without any check before that means something
    missing_checks_s: float = 600.0  #: required checks that did not appear
    people_s: float = 60.0  #: no further comment of people before an agent is told what they wrote


@dataclass(frozen=True)
class Budget:
    """Hard limits; whichever is reached first stops the agent."""

    attempt_usd: float = 5.0
    attempt_tokens: int = 5_000_000
    attempt_turns: int = 300  #: requests to its model
    task_usd: float = 15.0
    task_tokens: int = 15_000_000
    # of everything together; 0 is no limit
    day_usd: float = 0.0
    day_tokens: int = 0
    month_usd: float = 0.0
    month_tokens: int = 0
    channel_month_usd: float = 0.0
    channel_month_tokens: int = 0


@dataclass(frozen=True)
class Capacity:
    """What the host can carry."""

    max_agents: int = 0  #: 0: as many as free memory holds, at most 4
    agent_memory_bytes: int = 3 * 2**30  #: assumed for an agent whose repository has no measured peak
    reserve_bytes: int = 1 * 2**30
    reserve_disk_bytes: int = 1 * 2**30
    max_load: float = 16.0  #: processes that run or want to, for each core; above it nobody joins them. 0: no matter
    stagger_s: float = 0.0
    ports: tuple[int, int] = (20000, 29999)  #: the first and the last that workspaces are given


@dataclass(frozen=True)
class Keep:
    """How long what is over is kept. Tasks, events and the ledger are kept for good."""

    runs_s: float = 14 * 86400.0  #: an attempt's run directory, after it ended
    rows_s: float = 30 * 86400.0  #: messages that were sent and deliveries that were acted on
    rescued_s: float = 14 * 86400.0  #: rescued work, after the merge
    sweep_s: float = 3600.0  #: how often what is over is looked for
    listed_s: float = 30 * 86400.0  #: a merged or dropped task, before it is archived and left out of the lists


@dataclass(frozen=True)
class ReviewPolicy:
    """Whose reviews the definition of done wants."""

    families: int = 2  #: different model families that must approve the head commit
    small_lane_reviews: int = 1


@dataclass(frozen=True)
class AttemptTimes:
    """Deadlines of an attempt, in seconds."""

    prepare_s: float = 900.0
    start_s: float = 120.0
    first_event_s: float = 60.0
    idle_s: float = 900.0
    run_s: float = 7200.0
    worktree_s: float = 60.0  #: how often a running agent's worktree is looked at


#: paths in which no agent mends an error by itself: a wrong fix costs more there than the error
DELICATE_PATHS = ("**/auth/**", "**/billing/**", "**/payments/**", "**/migrations/**", "**/infra/**", "**/terraform/**")


@dataclass(frozen=True)
class ErrorScan:
    """Which errors are proposed as tasks, and how many at once.

    Attributes:
        every_s: seconds between two looks.
        min_events, min_users: it happened so often, or to so many people; what came back or gets worse needs neither.
        max_age_s: the last time was not longer ago.
        delicate_paths: glob patterns; an error that is raised there is for a person.
        per_scan, open_proposals: new proposals of one look, and those that wait for a person at the same time.
        open_tasks: started ones of one repository that are not merged yet; more are not proposed meanwhile.
        snooze_s: how long Snooze lasts.
        channel: where proposals are shown; empty for the repository's work channel.
    """

    enabled: bool = True
    every_s: float = 600.0
    min_events: int = 10
    min_users: int = 3
    max_age_s: float = 72 * 3600.0
    delicate_paths: tuple[str, ...] = DELICATE_PATHS
    per_scan: int = 3
    open_proposals: int = 5
    open_tasks: int = 2
    snooze_s: float = 7 * 24 * 3600.0
    channel: str = ""


@dataclass(frozen=True)
class Policy:
    repositories: tuple[RepositoryPolicy, ...] = ()
    routes: tuple[tuple[str, tuple[Route, ...]], ...] = ()  #: kind, or `default`, with its ranked routes
    agents_families: tuple[tuple[str, str], ...] = ()  #: agent name, model family that it writes with
    live_agents: tuple[str, ...] = ()  #: agents that take people's words while they run
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    settle: SettleTimes = field(default_factory=SettleTimes)
    budget: Budget = field(default_factory=Budget)
    capacity: Capacity = field(default_factory=Capacity)
    isolation: Isolation = field(default_factory=Isolation)
    reviews: ReviewPolicy = field(default_factory=ReviewPolicy)
    review_bots: tuple[ReviewBot, ...] = field(default_factory=known_bots)  #: from outside; read, never asked
    times: AttemptTimes = field(default_factory=AttemptTimes)
    errors: ErrorScan = field(default_factory=ErrorScan)
    keep: Keep = field(default_factory=Keep)
    approve_plans: bool = True  #: a person approves each plan before an agent starts
    question_deadline_s: float = 24 * 3600.0
    age_step_s: float = 3600.0  #: a queued task rises by one priority for each such span

    def repository(self, slug: str) -> RepositoryPolicy | None:
        return next((one for one in self.repositories if one.slug == slug), None)

    def isolation_for(self, slug: str) -> Isolation:
        """How the code of a repository is kept apart."""
        repository = self.repository(slug)
        return replace(self.isolation, level=repository.level) if repository and repository.level else self.isolation

    def repository_of_errors(self, project: str) -> RepositoryPolicy | None:
        """The repository whose code runs in a project of the error tracker."""
        named = [one for one in self.repositories if project in one.error_projects]
        alike = [one for one in self.repositories if not one.error_projects and one.slug.split("/")[-1] == project]
        return next(iter([*named, *alike]), None)

    def routes_for(self, kind: str) -> tuple[Route, ...]:
        table = dict(self.routes)
        return table.get(kind) or table.get("default") or ()

    def family_of(self, agent: str, model: str = "") -> str:
        """The model family that an agent writes with; a model that names its provider says it itself."""
        provider, slash, _ = model.partition("/")
        if slash and provider in _PROVIDERS:
            return provider
        return dict(self.agents_families).get(agent, agent)
