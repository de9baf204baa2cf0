"""Words that people write in a task's thread, at any moment: the next prompt holds them, and no later one again."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, SQLModel, col, select

from scheduler import commands
from scheduler.admission import Admission
from scheduler.failures import apply_diagnosis, apply_prompt, fail
from scheduler.judging import Diagnosed, Kind, PromptFacts, WrittenPrompt
from scheduler.lifecycle import AttemptState, Cause, QuestionState, TaskState
from scheduler.policy import RetryPolicy
from scheduler.questions import open_question, put_question, settle_question
from scheduler.registry import Attempt, Judgement, Registry, Task
from tests.conftest import Clock
from tests.unit.supervised import POLICY, Stand

ANA = commands.Actor("U0ANA", "ana")
ACTS = ("say", "read", "write", "admit", "fail", "limit", "ask", "answer", "pause", "resume")


@dataclass
class Writer:
    """An orchestrator that takes its time: what it read may be old when it writes."""

    stand: Stand
    read: dict[int, str] = field(default_factory=dict)

    def look(self) -> None:
        """Read what the oldest open question wants to know, the words that no attempt was told among it."""

        def work(session: Session) -> None:
            row = session.exec(select(Judgement).where(Judgement.state == "asked").order_by(col(Judgement.id))).first()
            task = session.get(Task, 1)
            if row is None or task is None or row.id in self.read:
                return
            fresh = [entry["text"] for entry in task.guidance if not entry["used_in"]]
            told = [PromptFacts.model_validate(row.facts).answer] if row.kind == Kind.PROMPT else []
            self.read[row.id or 0] = "\n".join(["the task", *told, *fresh])

        self.stand.registry.read_now(work)

    def write(self) -> None:
        """Answer what was read first."""

        def work(session: Session) -> None:
            for row_id in sorted(self.read):
                row = session.get(Judgement, row_id)
                prompt = self.read.pop(row_id)
                task = session.get(Task, 1)
                if row is None or task is None or row.state != "asked":
                    continue
                if task.state is TaskState.PAUSED:
                    self.read[row_id] = prompt
                    return
                if row.kind == Kind.PROMPT:
                    row.answer = WrittenPrompt(prompt=prompt).model_dump(mode="json")
                    apply_prompt(session, self.stand.clock(), row)
                else:
                    row.answer = Diagnosed(summary="s", change="c", prompt=prompt).model_dump(mode="json")
                    apply_diagnosis(session, self.stand.clock(), self.stand.policy, row)
                return

        self.stand.change(work)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(acts=st.lists(st.sampled_from(ACTS), min_size=8, max_size=25))
def test_words_reach_the_next_prompt_exactly_once(acts: list[str]) -> None:
    """# invariant 10: said while a prompt is written, waits, or an agent runs, during a pause, beside an answer."""
    fast = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else None) as home:
        registry = Registry(f"sqlite:///{Path(home) / 'registry.db'}")
        SQLModel.metadata.create_all(registry.engine)
        stand = Stand(registry, Clock())
        try:
            _walk(stand, acts)
        finally:
            registry.close()


def _walk(stand: Stand, acts: list[str]) -> None:
    stand.policy = replace(POLICY, retries=RetryPolicy(failures=99, infrastructure=99))
    stand.task_in(TaskState.QUEUED, pull=False, next_prompt="the task")
    writer, said = Writer(stand), 0
    for act in acts:
        said += act in {"say", "answer"}
        if not _act(stand, writer, act, f"word-{said}."):
            said -= act in {"say", "answer"}
    for _ in range(8):  # everybody comes to rest
        for act in ("resume", "answer", "read", "write", "admit"):
            if act == "answer" and stand.task().state is TaskState.ASKING:
                said += 1
            _act(stand, writer, act, f"word-{said}.")
        if stand.task().state is TaskState.RUNNING and not _unheard(stand):
            break
        _act(stand, writer, "fail", "")
    prompts = [attempt.prompt for attempt in stand.rows(Attempt)][1:]
    for n in range(1, said + 1):
        heard = [prompt for prompt in prompts if f"word-{n}." in prompt]
        assert len(heard) == 1, (f"word-{n} of {said} stands in {len(heard)} prompts", acts, prompts)


def _unheard(stand: Stand) -> bool:
    return any(not entry["used_in"] for entry in stand.task().guidance)


def _act(stand: Stand, writer: Writer, act: str, words: str) -> bool:
    """Do it where it can be done; False when it could not."""
    state = stand.task().state
    match act:
        case "say":
            waits = stand.registry.read_now(lambda s: open_question(s, _task(s))) is not None
            if waits:
                return False  # it would be the answer
            return bool(_do(stand, commands.guide, words))
        case "answer":
            return state is TaskState.ASKING and bool(_do(stand, commands.answer, words))
        case "read":
            writer.look()
        case "write":
            writer.write()
        case "admit":
            stand.clock.advance(1000)
            asyncio.run(Admission(stand.outside).admit())
        case "fail" | "limit" | "ask":
            stand.change(lambda s: _ended(s, stand, act))
        case "pause" | "resume":
            _do(stand, commands.pause if act == "pause" else commands.resume)
    return True


def _do(stand: Stand, command, *args: str) -> bool:  # type: ignore[no-untyped-def]  # any command of people
    return bool(stand.change(lambda s: command(s, stand.clock(), stand.policy, ANA, 1, *args)).ok)


def _task(session: Session) -> Task:
    task = session.get(Task, 1)
    assert task is not None
    return task


def _ended(session: Session, stand: Stand, act: str) -> None:
    task = _task(session)
    if task.state is not TaskState.RUNNING:
        return
    attempt = session.exec(select(Attempt).order_by(col(Attempt.n))).all()[-1]
    attempt.state = AttemptState.ENDED
    if act == "ask":
        put_question(session, stand.clock(), task, Cause.AGENT_ASKS, about="agent", text="Which?")
        return
    fail(
        session, stand.clock(), stand.policy, task, cause="rate-limit" if act == "limit" else "no-change",
        transition=Cause.ATTEMPT_FAILED, subject=f"attempt:{attempt.name}", attempt=attempt,
    )  # fmt: skip


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


async def test_an_answer_is_not_lost_for_a_hint_that_came_after_it(stand: Stand) -> None:
    """# invariant 10: the prompt that is written once more for the hint holds the answer too."""
    stand.task_in(TaskState.RUNNING, pull=False)
    stand.change(lambda s: put_question(s, stand.clock(), _task(s), Cause.AGENT_ASKS, about="agent", text="Which?"))

    def settle(session: Session) -> None:
        question = open_question(session, _task(session))
        assert question is not None
        settle_question(
            session, stand.clock(), _task(session), question, "the blue one", "U0ANA", QuestionState.ANSWERED,
            Cause.ANSWERED,
        )  # fmt: skip

    stand.change(settle)
    writer = Writer(stand)
    writer.look()
    writer.write()
    _do(stand, commands.guide, "and make it bold")
    assert await Admission(stand.outside).admit() == [], "the words are written into the prompt first"
    writer.look()
    writer.write()
    assert await Admission(stand.outside).admit() == ["t-1-a2"]
    prompt = stand.rows(Attempt)[1].prompt
    assert "the blue one" in prompt and "and make it bold" in prompt


async def test_words_that_a_prompt_cannot_hold_literally_do_not_hold_the_task_up(stand: Stand) -> None:
    """# invariant 10: a secret in them is taken out of the prompt; asking again and again would not bring it back."""
    stand.task_in(TaskState.QUEUED, pull=False, next_prompt="the task")
    _do(stand, commands.guide, "use ghp_0123456789abcdef0123456789abcdef")
    assert await Admission(stand.outside).admit() == []

    def redacting(session: Session) -> None:
        row = session.exec(select(Judgement).where(Judgement.state == "asked")).one()
        row.answer = WrittenPrompt(prompt="the task: use [secret removed]").model_dump(mode="json")
        apply_prompt(session, stand.clock(), row)

    stand.change(redacting)
    assert await Admission(stand.outside).admit() == ["t-1-a2"]
    assert stand.rows(Judgement, state="asked") == []
