"""A supervisor over a real registry, with an outside world of values: no process, no network, no git.

The stand-ins are as small as what the supervisor asks of each door. What tests change is what the world is; what the
supervisor believes is read from rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sqlmodel import Session, SQLModel, col, select

from integrations.agents import AgentEvent, Outcome, OutcomeKind
from integrations.engines import Chunk, RunExit, RunState, RunView
from integrations.git import History, MergeCheck
from integrations.github import (
    CheckFact,
    CheckOutput,
    LightBatch,
    MediumBatch,
    PullDetail,
    PullLight,
    Rate,
    ReviewComment,
)
from integrations.github.errors import Forbidden, Unavailable
from integrations.pictures import Pictures
from scheduler.dispatch import Host
from scheduler.gathering import Gatherer
from scheduler.judging import Kind, Reviewed, ReviewVerdict
from scheduler.lifecycle import AttemptState, PullState, TaskState
from scheduler.outside import Outside
from scheduler.policy import Policy, RepositoryPolicy, Route, SettleTimes
from scheduler.proving import Prover
from scheduler.pull_rows import PullCommands
from scheduler.pulls import PullWatcher
from scheduler.red_ci import RedCi
from scheduler.registry import Attempt, Judgement, Outbox, PullRequest, Registry, Request, Task
from scheduler.review_comment import Spokesman
from scheduler.reviews import apply_review
from scheduler.statuses import Reporter
from scheduler.steps import Steps
from tests.conftest import Clock

SLUG = "acme/app"
NODE = "PR_1"
POLICY = Policy(
    repositories=(RepositoryPolicy(SLUG, playground=True),),
    routes=(("default", (Route("agent"),)),),
    settle=SettleTimes(ready_s=10.0, review_s=5.0),
)


def sha(n: int) -> str:
    return f"{n:040x}"


@dataclass
class Truth:
    """How one head commit really is."""

    checks: str = "ok"  #: ok, fail, wait
    verdict: str = "approve"
    log: str = "FAILED tests/test_a.py::test_total"


@dataclass
class FakeGitHub:
    """One pull request. `before_answer` runs between looking and answering, as the world goes on meanwhile."""

    head: str = sha(1)
    base: str = sha(1000)
    state: str = "open"
    down: bool = False
    truths: dict[str, Truth] = field(default_factory=dict)
    before_answer: Callable[[], None] = lambda: None
    details: int = 0
    mediums: int = 0
    spoken: list[tuple[str, str, str, str]] = field(default_factory=list)  #: head, context, state, description
    remarks: list[tuple[str, ReviewComment]] = field(default_factory=list)  #: head, what was said on a line of it
    refuses_statuses: bool = False
    refuses_remarks: bool = False
    mergeable: str = "yes"
    quotas: dict[str, Rate] = field(default_factory=dict)
    lights: int = 0

    def statuses(self, slug: str, sha: str) -> dict[str, tuple[str, str]]:
        return {context: (state, text) for head, context, state, text in self.spoken if head == sha}

    def set_status(self, slug: str, sha: str, context: str, state: str, description: str, url: str) -> None:
        if self.refuses_statuses:
            raise Forbidden("no", user_message="The token may not do this.")
        self.spoken.append((sha, context, state, description))

    def rates(self) -> dict[str, Rate]:
        return self.quotas

    def upsert_comment(self, slug: str, number: int, marker: str, body: str) -> str:
        return "https://github.test/comment"

    def post_review(self, slug: str, number: int, head: str, body: str, comments: Sequence[ReviewComment]) -> None:
        if self.refuses_remarks:
            raise Forbidden("no", user_message="The token may not comment.")
        self.remarks += [(head, one) for one in comments]

    def truth(self, head: str) -> Truth:
        return self.truths.setdefault(head, Truth())

    def light(self, node_ids: Sequence[str]) -> LightBatch:
        self.lights += 1
        if self.down:
            raise Unavailable("GitHub is down", user_message="GitHub is down.")
        truth = self.truth(self.head)
        one = cast(
            PullLight,
            _Light(
                self.head,
                self.base,
                self.state,
                fingerprint=f"{self.head}:{self.base}:{truth.checks}:{self.state}",
                mergeable=self.mergeable,
            ),
        )
        return LightBatch({NODE: one}, frozenset(), frozenset(), 1, 1, None)

    def detail(self, slug: str, number: int) -> PullDetail:
        self.details += 1
        if self.down:
            raise Unavailable("GitHub is down", user_message="GitHub is down.")
        seen = PullDetail(
            state=self.state,  # type: ignore[arg-type]  # one of its three words
            head_sha=self.head,
            merged_by="ana" if self.state == "merged" else None,
            merged_by_is_user=True,
            merge_commit=None,
            closed_by=None,
            checks=(
                CheckFact("tests", "check", self.truth(self.head).checks, "", "", job_id=7),  # type: ignore[arg-type]  # as above
            ),
            required=(),
            threads=(),
            people_comments=(),
            reviews=(),
        )
        self.before_answer()
        return seen

    def medium(self, node_ids: Sequence[str]) -> MediumBatch:
        self.mediums += 1
        return MediumBatch({NODE: self.detail(SLUG, 1)}, frozenset(), 1)

    def check_output(self, slug: str, job_id: int) -> CheckOutput:
        log = self.truth(self.head).log
        self.before_answer()
        return CheckOutput("", (), log)


@dataclass(frozen=True)
class _Light:
    head_sha: str
    base_sha: str
    state: str
    fingerprint: str
    draft: bool = False
    mergeable: str = "yes"
    threads: int = 0
    rollup: str | None = None
    checks_readable: bool = True


@dataclass
class FakeRepositories:
    """Git without git. `history` is what a branch would publish, `commits` what changed together before."""

    commits: tuple[tuple[str, ...], ...] = ()
    published: History = field(default_factory=lambda: History("", ""))
    before_answer: Callable[[], None] = lambda: None

    def fetch(self, remote: object) -> None: ...

    def default_branch(self, remote: object) -> str:
        return "main"

    def resolve(self, slug: str, ref: str) -> str:
        return sha(1000)

    def changed_files(self, slug: str, base: str, head: str) -> tuple[str, ...]:
        self.before_answer()
        return ("app/export.py",)

    def changed_together(self, slug: str, base: str, commits: int) -> tuple[tuple[str, ...], ...]:
        return self.commits

    def diff(self, slug: str, base: str, head: str, max_bytes: int) -> str:
        return "+one line\n"

    def history(self, slug: str, base: str, head: str, max_bytes: int) -> History:
        return self.published

    def merge_check(self, slug: str, base: str, head: str) -> MergeCheck:
        return MergeCheck(clean=True)

    def head(self, path: Path) -> str:
        return sha(1)

    def dirty(self, path: Path) -> bool:
        return False

    def changed_at(self, path: Path) -> float:
        return 0.0

    def known(self) -> list[str]:
        """No mirror and no workspace, so the sweep finds nothing to tidy."""
        return []

    def every_workspace(self) -> list[object]:
        return []

    def strange_directories(self) -> list[str]:
        return []


@dataclass
class FakeEngine:
    """Runs are views and lines; nothing runs."""

    views: dict[str, RunView] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    failing: bool = False

    def run_of(self, name: str, *lines: str) -> None:
        """A run that is alive and has written these lines."""
        self.lines.setdefault(name, []).extend(lines)
        size = sum(len(line) + 1 for line in self.lines[name])
        self.views[name] = RunView(name, RunState.RUNNING, pid=1, event_bytes=size)

    def end(self, name: str, state: RunState = RunState.ENDED) -> None:
        known = self.views[name]
        self.views[name] = RunView(name, state, exit=RunExit(0, "exited", 0.0), event_bytes=known.event_bytes)

    def find(self, name: str) -> RunView:
        if self.failing:
            raise OSError("the look fails")
        return self.views.get(name, RunView(name, RunState.ABSENT))

    def list(self) -> list[RunView]:
        return list(self.views.values())

    def stop(self, name: str, grace_s: float) -> RunView:
        self.stopped.append(name)
        self.views[name] = RunView(name, RunState.ENDED, exit=RunExit(None, "stopped", 0.0))
        return self.views[name]

    def read_events(self, name: str, offset: int) -> Chunk:
        text = "".join(f"{line}\n" for line in self.lines.get(name, []))
        return Chunk(tuple(text[offset:].splitlines()), len(text))

    def stderr_tail(self, name: str, limit: int = 4000) -> str:
        return ""


@dataclass
class FakeAgent:
    """An agent whose every line stands for the events that a test names."""

    name: str = "agent"
    family: str = "scripted"
    live_input: bool = False
    meaning: dict[str, list[AgentEvent]] = field(default_factory=dict)
    result: Outcome = field(default_factory=lambda: Outcome(OutcomeKind.DONE))

    def parse(self, line: str) -> list[AgentEvent]:
        return self.meaning.get(line, [])

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
        return self.result

    def ledger(self, home: Path, session_id: str) -> Path | None:
        return None


class Stand:
    """The parts of a supervisor, and the world that they see."""

    def __init__(self, registry: Registry, clock: Clock, policy: Policy = POLICY) -> None:
        self.registry, self.clock, self.policy = registry, clock, policy
        self.github, self.repositories, self.engine = FakeGitHub(), FakeRepositories(), FakeEngine()
        self.agents: dict[str, FakeAgent] = {"agent": FakeAgent()}
        self.wanted: tuple[tuple[int, str], ...] = ()
        self._ids = itertools.count(1)
        self._parts()

    def _parts(self) -> None:
        self.outside = Outside(
            registry=self.registry,
            engine=cast(Any, self.engine),
            repositories=cast(Any, self.repositories),
            github=cast(Any, self.github),
            policy=lambda: self.policy,
            agents=lambda: cast(Any, self.agents),
            remotes=lambda slug: cast(Any, slug),
            host=lambda: Host(available_bytes=64 * 2**30),
            environment={},
            agents_home=Path("/nowhere"),
            pictures=Pictures(Path("/nowhere")),
            clock=self.clock,
            new_id=lambda: f"session-{next(self._ids)}",
            secrets=("a-secret-of-this-process",),
            steps=Steps(),
        )
        self.watcher, self.prover, self.gatherer = (
            PullWatcher(self.outside),
            Prover(self.outside),
            Gatherer(self.outside, PullCommands(self.outside)),
        )

    def reopen(self) -> None:
        """Waggle ends and comes back on the same registry."""
        url = self.registry.url
        self.registry.close()
        self.registry = Registry(url.render_as_string(hide_password=False))
        self._parts()

    # --- rows ------------------------------------------------------------------------------------------------------

    def task_in(self, state: TaskState, *, pull: bool = True, **values: Any) -> Task:
        """A task in the middle of its life: scoped, with one attempt behind it and a pull request."""

        def work(session: Session) -> Task:
            now = self.clock()
            n = len(session.exec(select(Task)).all()) + 1
            request = Request(dedupe_key=f"k{n}", text="x", requester="U0ANA", source="cli", created_at=now)
            session.add(request)
            session.flush()
            task = Task(
                request_id=request.id or 0, state=state, title="Add export", goal="an export", repo=SLUG,
                branch=f"waggle/t-{n}-x", created_at=now, updated_at=now, **values,
            )  # fmt: skip
            session.add(task)
            session.flush()
            attempt = Attempt(
                task_id=task.id or 0, n=1, name=f"t-{task.id}-a1", state=AttemptState.ENDED, agent="agent",
                prompt="do it", session_id="session-0", outcome="done", published=pull, head_sha=sha(1),
                workspace="/nowhere/t-1", created_at=now, started_at=now,
            )  # fmt: skip
            session.add(attempt)
            if pull:
                row = PullRequest(
                    task_id=task.id or 0, repo=SLUG, number=n, node_id=NODE, url="https://example.test/1",
                    branch=task.branch, state=PullState.OPEN, head_sha=sha(1), base_sha=sha(1000), pushed_sha=sha(1),
                    head_since=now, created_at=now,
                )  # fmt: skip
                session.add(row)
            session.flush()
            return task

        return self.registry.write_now(work)

    def rows(self, table: type[Any], **where: Any) -> list[Any]:
        def work(session: Session) -> list[SQLModel]:
            query = select(table)
            for key, value in where.items():
                query = query.where(getattr(table, key) == value)
            return list(session.exec(query.order_by(col(table.id))).all())

        return self.registry.read_now(work)

    def task(self, task_id: int = 1) -> Task:
        (found,) = self.rows(Task, id=task_id)
        return cast(Task, found)

    @property
    def pull(self) -> PullRequest:
        return cast(PullRequest, self.rows(PullRequest)[0])

    def change(self, work: Callable[[Session], Any]) -> Any:
        return self.registry.write_now(work)

    def said(self, kind: str) -> list[Outbox]:
        return self.rows(Outbox, kind=kind)

    # --- one observation each --------------------------------------------------------------------------------------

    async def look(self) -> None:
        """The light look, without the close ones that it asks for."""
        self.wanted = (await self.watcher.look()).changed

    async def detail(self) -> None:
        pull_id = self.pull.id or 0
        await self.watcher.detail(pull_id, dict(self.wanted).get(pull_id, self.pull.fingerprint))

    async def diff(self) -> None:
        await self.gatherer.fetch_diff(self.pull.id or 0)

    async def judge(self) -> list[str]:
        """What the judgement of all pull requests still wants."""
        wants: list[str] = []
        for one in await self.prover.standings():
            wants += [what for what, _ in await self.prover.judge(one)]
        return wants

    async def report(self) -> None:
        """What is said on GitHub: statuses, and the council's comment."""
        await Reporter(self.outside).report(self.pull.id or 0)
        await Spokesman(self.outside).tell(self.pull.id or 0)

    async def explain(self) -> None:
        await RedCi(self.outside).explain(self.pull.id or 0)

    def council(self) -> None:
        """The council answers every review that was asked for, as the commit in question deserves."""

        def work(session: Session) -> None:
            for row in session.exec(
                select(Judgement).where(Judgement.kind == Kind.REVIEW, Judgement.state == "asked")
            ).all():
                truth = self.github.truth(row.facts["head_sha"])
                said = Reviewed(
                    reviews=tuple(
                        ReviewVerdict(
                            reviewer=family,
                            family=family,
                            model="m",
                            verdict=truth.verdict,
                            findings=()
                            if truth.verdict == "approve"
                            else ({"path": "a", "line": 1, "title": "t", "why": "w", "blocks": True},),
                        )
                        for family in ("anthropic", "openai")
                    )
                )
                row.answer, row.answered_by = said.model_dump(mode="json"), "m"
                apply_review(session, self.clock(), row)

        self.change(work)
