"""What may stand in `waggle.toml`: every table and key, with its type, default and meaning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.config_values import (
    AbsolutePath,
    AgentName,
    ChannelId,
    HostName,
    IncludedFile,
    ModelName,
    Name,
    Pattern,
    PortRange,
    Size,
    Slug,
    Span,
    UserId,
    Variable,
)
from scheduler.policy import DELICATE_PATHS

#: the agents that Waggle knows how to drive, and the model family that each writes with
AGENT_FAMILIES = {"claude-code": "anthropic", "codex": "openai", "opencode": "opencode", "scripted": "scripted"}
SIZES = ("small", "medium", "large")
KINDS = ("backend", "frontend", "design", "bug", "docs", "security", "tests", "refactor")


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class General(Table):
    """`[waggle]`."""

    approve_plans: bool = True  #: a person approves each plan before an agent starts
    question_deadline: Span = 24 * 3600.0  #: then the question's default is taken, or a person is called
    age_step: Span = 3600.0  #: a queued task rises by one priority for each such span


class Repository(Table):
    """`[[repository]]`: one that agents may work on."""

    slug: Slug  #: owner/name
    remote: str = ""  #: empty: owner/name on the GitHub of the settings
    base_branch: str = ""  #: empty: the repository's default branch
    install: str = ""  #: run in a fresh worktree
    verify: str = ""  #: run before the branch is pushed
    screenshots: str = ""  #: writes pictures of the running application
    ui_paths: tuple[str, ...] = ()  #: glob patterns of files whose change wants screenshots
    ci: bool = True  #: false: no check will ever appear, so the verify command counts instead
    isolation: Literal["", "worktree", "bubblewrap", "docker"] = ""  #: empty: as [isolation] says
    include: tuple[IncludedFile, ...] = ()  #: files that are not in git and that its code needs, such as ".env"
    include_from: AbsolutePath | Literal[""] = ""  #: the directory that they are copied from
    error_projects: tuple[Name, ...] = ()  #: its projects in Sentry; empty: the one called like it
    playground: bool = False  #: it lives in the playground


class Channel(Table):
    """`[[channel]]`: what a Slack channel means."""

    id: ChannelId
    means: Literal["work", "feedback", "notes", "alerts"] = "work"
    repository: str = ""  #: where work asked for here goes, unless the request names another


class Access(Table):
    """`[access]`: who may do what, beside those whom an admin let in with Slack."""

    admins: tuple[UserId, ...] = ()
    approvers: tuple[UserId, ...] = ()
    requesters: tuple[UserId, ...] = ()
    viewers: tuple[UserId, ...] = ()


class ResultFile(Table):
    """`result` of a `[[agent]]` with a command: a JSON file that it writes, and the dotted paths of what lies in it."""

    path: Name  #: `{home}`, `{run}` and `{cwd}` are filled in
    status: str = ""  #: how it ended, in its own word
    good: tuple[str, ...] = ()  #: the words that mean success
    text: str = ""
    cost: str = ""
    turns: str = ""
    input: str = ""
    cached: str = ""
    output: str = ""


class Agent(Table):
    """`[[agent]]`: options of a coding agent, or an agent of your own, described by its command.

    Claude Code, Codex and opencode may be routed to without one.
    """

    name: AgentName
    program: str = ""  #: its command line program; empty: found on PATH
    args: tuple[str, ...] = ()  #: further arguments for it
    model: str = ""  #: used where a route names none
    login: Literal["auto", "own"] = "auto"  #: own: the login that its program has here, even when a key is set
    env: tuple[Variable, ...] = ()  #: names of environment variables that it is given, such as its provider's key
    live: bool = True  #: for `claude-code`: it takes guidance while it runs
    config: str = ""  #: for `opencode`: the file with its own settings
    script: str = ""  #: for `scripted`: a file that says how the next runs behave
    speed: float = Field(default=1.0, gt=0)  #: for `scripted`: how many times faster than a person can follow
    command: tuple[str, ...] = ()  #: an agent of your own: program and arguments; the prompt comes on standard input
    resume: tuple[str, ...] = ()  #: the same for going on with a session; empty: it starts anew
    family: str = ""  #: the model family that it writes with; empty: one of its own
    done: Pattern = ""  #: what its output must hold for success, beside exit code 0
    errors: dict[str, Pattern] = {}  #: what its last output holds, by the name of the failure
    result: ResultFile | None = None


class RouteEntry(Table):
    """One of the ranked agents in `[routes]`; the first that is available is taken."""

    agent: Name
    model: str = ""  #: empty: the one that `[[agent]]` names, else the agent's own default
    why: str = ""


Ranked = tuple[RouteEntry, ...]


class Reviewer(Table):
    """`[[reviewer]]`: a model that reviews pull requests."""

    name: Name
    family: Literal["anthropic", "openai"]
    model: str = ""  #: empty: the family's default
    focus: str = ""  #: what it looks at first


class ReviewBotEntry(Table):
    """`[[review_bot]]`: a review bot from outside; an entry of a known name changes only the keys that it gives."""

    name: Name
    logins: tuple[str, ...] = ()  #: its accounts, without `[bot]`
    family: str = ""  #: the model family that answers; empty: nobody knows
    app: str = ""  #: slug of the App whose check runs are its own
    checks: tuple[str, ...] = ()  #: names of its check runs and statuses: they are its opinion, not CI
    approves: tuple[Pattern, ...] = ()  #: what its text holds when it has no objection
    objects: tuple[Pattern, ...] = ()  #: when it wants changes
    abstains: tuple[Pattern, ...] = ()  #: when it could not review; looked for first
    shared: bool = False  #: others speak under the same account: it never approves
    counts: bool = True  #: false: it is only shown


class Models(Table):
    """`[models]`: who scopes requests and reads failures; tried in order."""

    judge: tuple[ModelName, ...] = ()


class Budgets(Table):
    """`[budget]`: hard limits; whichever is reached first stops the agent."""

    attempt_usd: float = Field(default=5.0, gt=0)
    attempt_tokens: int = Field(default=5_000_000, gt=0)
    attempt_turns: int = Field(default=300, gt=0)  #: requests of one attempt to its model
    task_usd: float = Field(default=15.0, gt=0)
    task_tokens: int = Field(default=15_000_000, gt=0)
    day_usd: float = Field(default=0.0, ge=0)  #: of all tasks together, in UTC; 0: no limit, as in the next five
    day_tokens: int = Field(default=0, ge=0)
    month_usd: float = Field(default=0.0, ge=0)
    month_tokens: int = Field(default=0, ge=0)
    channel_month_usd: float = Field(default=0.0, ge=0)  #: of the tasks that live in one channel
    channel_month_tokens: int = Field(default=0, ge=0)


class Retries(Table):
    """`[retries]`: how often an agent is sent back before a person is asked."""

    failures: int = Field(default=3, ge=0, le=20)
    reviews: int = Field(default=2, ge=0, le=20)
    people: int = Field(default=3, ge=0, le=20)
    infrastructure: int = Field(default=5, ge=0, le=100)
    failover: bool = False
    approve: Literal["never", "after_max", "always"] = "after_max"


class Settle(Table):
    """`[settle]`: how long facts must hold before something is concluded from them."""

    ready: Span = 60.0
    review: Span = 120.0
    no_checks: Span = 180.0
    missing_checks: Span = 600.0
    people: Span = 60.0


class Reviews(Table):
    """`[reviews]`: how many model families must approve the head commit."""

    families: int = Field(default=2, ge=0, le=2)
    small_lane_reviews: int = Field(default=1, ge=0, le=2)


class IsolationTable(Table):
    """`[isolation]`: what agents and a repository's own commands may see of the machine, and use of it."""

    level: Literal["worktree", "bubblewrap", "docker"] = "worktree"
    network: Literal["on", "off", "hosts"] = "on"  #: hosts: the listed ones only
    hosts: tuple[HostName, ...] = ()
    read: tuple[AbsolutePath, ...] = ()  #: further files and directories that they may see
    environment: tuple[Variable, ...] = ()  #: further variables that they get from Waggle's environment
    image: str = ""  #: with docker: what containers are made of
    memory: Size = 6 * 2**30  #: for each run with all its processes; 0: no limit
    processes: int = Field(default=300, ge=10)


class CapacityTable(Table):
    """`[capacity]`: what the host can carry."""

    max_agents: int = Field(default=0, ge=0, le=64)
    agent_memory: Size = 3 * 2**30
    reserve_memory: Size = 1 * 2**30
    reserve_disk: Size = 1 * 2**30
    max_load: float = Field(default=16.0, ge=0)  #: for each core, over the last minute; 0: no limit
    stagger: Span = 0.0
    ports: PortRange = (20000, 29999)  #: of this machine; each workspace has one of its own


class Times(Table):
    """`[times]`: deadlines of an attempt."""

    prepare: Span = 900.0
    start: Span = 120.0
    first_event: Span = 60.0
    idle: Span = 900.0
    run: Span = 7200.0


class KeepTable(Table):
    """`[keep]`: how long what is over is kept."""

    runs: Span = 14 * 86400.0
    rows: Span = 30 * 86400.0
    rescued: Span = 14 * 86400.0
    sweep: Span = 3600.0
    listed: Span = 30 * 86400.0


class ErrorScanTable(Table):
    """`[discovery.errors]`: which errors of running applications are proposed as tasks."""

    enabled: bool = True
    every: Annotated[Span, Field(ge=1)] = 600.0  #: between two looks at the tracker
    min_events: int = Field(default=10, ge=1)  #: it happened so often,
    min_users: int = Field(default=3, ge=1)  #: or to so many people
    max_age: Span = 72 * 3600.0  #: the last time was not longer ago
    delicate_paths: tuple[str, ...] = DELICATE_PATHS  #: an error that is raised there is for a person
    proposals_per_scan: int = Field(default=3, ge=1, le=50)
    open_proposals: int = Field(default=5, ge=1, le=100)  #: that wait for a person
    open_tasks: int = Field(default=2, ge=1, le=100)  #: started ones of one repository that are not merged yet
    snooze: Span = 7 * 24 * 3600.0
    channel: ChannelId | Literal[""] = ""  #: empty: the repository's work channel


class Discovery(Table):
    """`[discovery]`: what Waggle looks for by itself."""

    errors: ErrorScanTable = ErrorScanTable()


class Document(Table):
    """The whole of `waggle.toml`."""

    waggle: General = General()
    repository: tuple[Repository, ...] = ()
    channel: tuple[Channel, ...] = ()
    access: Access = Access()
    agent: tuple[Agent, ...] = ()
    routes: dict[str, Ranked] = {}  #: `default`, a kind, or kind/size, with its agents, best first
    reviewer: tuple[Reviewer, ...] = ()
    review_bot: tuple[ReviewBotEntry, ...] = ()
    models: Models = Models()
    budget: Budgets = Budgets()
    retries: Retries = Retries()
    settle: Settle = Settle()
    reviews: Reviews = Reviews()
    capacity: CapacityTable = CapacityTable()
    isolation: IsolationTable = IsolationTable()
    times: Times = Times()
    keep: KeepTable = KeepTable()
    discovery: Discovery = Discovery()
