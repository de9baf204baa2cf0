"""Options, sessions, and which behaviour a run has."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from integrations.playground.scripted import behaviours, script
from integrations.playground.scripted.behaviours import Work
from integrations.playground.scripted.hands import Hands
from integrations.playground.scripted.reading import answered, requested
from integrations.playground.scripted.recipes import Brief
from integrations.playground.scripted.recipes.known import BY_NAME, RECIPES, abilities
from integrations.playground.scripted.script import Behaviour, Kind
from integrations.playground.scripted.sessions import Session, Sessions, state_directory
from integrations.playground.scripted.stream import VERSION, Stream

HANG_SECONDS = 3600.0
SLOW_SECONDS = 20.0
TURNS_BEFORE_LIMIT = 5


def main(argv: list[str]) -> int:
    """Run once. Returns the exit code: 0 when the run ended by itself, 1 when it failed."""
    options = _options().parse_args(argv)
    if options.list:
        sys.stdout.write(f"{abilities()}\n")
        return 0
    prompt = sys.stdin.read()
    if not prompt.strip():
        sys.stderr.write("Error: Input must be provided through stdin\n")
        return 1
    root = Path.cwd()
    sessions = Sessions(state_directory(options.state, dict(os.environ), _git_directory(root)))
    session_id = options.resume or options.session or str(uuid.uuid4())
    stream = Stream(sys.stdout, session_id, root, prompt)
    session = sessions.find(session_id)
    if options.resume and session is None:
        sys.stderr.write(f"No conversation found with session ID: {session_id}\n")
        stream.no_such_session(session_id)
        return 1
    if session is not None and not options.resume:
        sys.stderr.write(f"Error: Session ID {session_id} is already in use.\n")
        return 1
    session = session or Session(session_id)
    behaviour = _behaviour(options.script, session, prompt)
    work = _work(session, prompt, stream, root, behaviour, options.speed)
    sessions.save(session)
    _stop_cleanly(work.hands)
    try:
        return _play(work, behaviour, session, sessions)
    except BrokenPipeError:
        work.hands.drop_child()
        return 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripted_agent.py", description="A coding agent without a model.")
    parser.add_argument("--session", "--session-id", help="id of a new session")
    parser.add_argument("--resume", help="id of the session to go on with")
    parser.add_argument("--script", type=Path, help="JSON file that says how the next runs behave")
    parser.add_argument("--state", type=Path, help="where sessions are kept")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than a person can follow")
    parser.add_argument("--list", action="store_true", help="print what it can do")
    parser.add_argument("--version", action="version", version=VERSION)
    return parser


def _behaviour(file: Path | None, session: Session, prompt: str) -> Behaviour:
    if file is None:
        return Behaviour()
    session.script_match = session.script_match or script.match(file, prompt)
    return script.take(file, session.script_match) if session.script_match else Behaviour()


def _work(session: Session, prompt: str, stream: Stream, root: Path, behaviour: Behaviour, speed: float) -> Work:
    recipes = requested(prompt, RECIPES) or [BY_NAME[name] for name in session.recipes]
    answer = answered(prompt, session.options) if session.options else None
    session.prompts.append(prompt)
    session.recipes = [recipe.name for recipe in recipes]
    session.options = []

    def pause(seconds: float) -> None:
        time.sleep(seconds / speed)

    kills = behaviour.kind is Kind.CRASH
    hands = Hands(
        root,
        stream,
        pause,
        after_change=behaviours.die if kills else _nothing,
        skip="tests/" if behaviour.kind is Kind.SLOPPY else None,
    )
    return Work(tuple(recipes), Brief("\n".join(session.prompts), answer), prompt, hands, stream)


def _play(work: Work, behaviour: Behaviour, session: Session, sessions: Sessions) -> int:
    match behaviour.kind:
        case Kind.HANG:
            return behaviours.hang(work, behaviour.seconds or HANG_SECONDS)
        case Kind.STALL:
            return behaviours.stall(work, behaviour.seconds or HANG_SECONDS)
        case Kind.SLOW:
            return behaviours.slow(work, behaviour.seconds or SLOW_SECONDS)
        case Kind.RATE_LIMIT:
            return behaviours.rate_limit(work, behaviour.seconds)
        case Kind.MAX_TURNS:
            return behaviours.max_turns(work, TURNS_BEFORE_LIMIT)
        case Kind.ASK if work.recipes:
            session.options = list(work.recipes[0].options)
            sessions.save(session)
            return behaviours.ask(work)
        case kind:
            return behaviours.ENDINGS.get(kind, behaviours.succeed)(work)


def _nothing() -> None:
    """After a change, nothing special happens."""


def _stop_cleanly(hands: Hands) -> None:
    """On SIGTERM the running command goes too, and the exit code is that of the signal, as Claude Code does."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        hands.drop_child()
        os._exit(128 + number)

    handler: Callable[[int, FrameType | None], NoReturn] = stop
    signal.signal(signal.SIGTERM, handler)


def _git_directory(root: Path) -> Path:
    found = subprocess.run(
        ["git", "rev-parse", "--absolute-git-dir"], cwd=root, capture_output=True, text=True, check=False
    )
    return Path(found.stdout.strip()) if found.returncode == 0 else root
