"""A dependency that is down: noticed at once, told to people once, when it has lasted, and told again when it is over.

A blink is nobody's business. What lasts longer than a minute is said, with what it stops; the end of it is said only
to those who heard of its beginning. Both stand in the registry, so a restart neither forgets nor repeats.

What is down is down as a whole: a server that does not answer, a limit, a credential that is not accepted any more.
It is said once for all tasks that wait for it, no retry is spent on it, and nobody has to ask for anything again. A
refusal that concerns one task alone (no such branch, a rule that forbids the push) is no outage.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from integrations.fault import IntegrationError
from integrations.git import AuthRefused, EmptyRepository, NoDefaultBranch, Unreachable
from integrations.github.errors import AuthFailed, RateLimited, SecondaryLimited, TimedOut, Unavailable
from scheduler.outside import Outside
from scheduler.registry.writers import recall, remember, say

GITHUB, SLACK = "GitHub", "Slack"
_LASTING = timedelta(seconds=60)
_GITHUB_DOWN = (AuthFailed, RateLimited, SecondaryLimited, TimedOut, Unavailable)
_GIT_DOWN = (AuthRefused, Unreachable)
_GIT_UNBORN = (EmptyRepository, NoDefaultBranch)  #: nothing to work on yet, until a person pushes something


def is_down(session: Session, name: str) -> bool:
    """Whether `name` was down when it was last used."""
    fact = recall(session, f"outage:{name}")
    return bool(fact and fact["since"])


def went_down(session: Session, now: datetime, name: str, why: str, *, lasting: timedelta = _LASTING) -> None:
    """`name` could not be used now.

    Parameters:
        why: one sentence for people, with what does not happen meanwhile; empty when nobody can be told before it is
            over, because it is Slack that is down.
        lasting: it is said when it has lasted so long; nothing for what does not pass by itself.
    """
    fact = recall(session, f"outage:{name}")
    if not fact or not fact["since"]:
        fact = {"since": now.isoformat(), "said": False}
        remember(session, now, f"outage:{name}", fact)
    if why and not fact["said"] and now - datetime.fromisoformat(fact["since"]) >= lasting:
        remember(session, now, f"outage:{name}", {**fact, "said": True})
        say(session, now, kind="alert", dedupe_key=f"outage:{name}:{fact['since']}", payload={"text": why})


def came_back(session: Session, now: datetime, name: str, text: str = "") -> None:
    """`name` answered again.

    Parameters:
        text: what is said then, where people had heard of it.
    """
    fact = recall(session, f"outage:{name}")
    if not fact or not fact["since"]:
        return
    since = datetime.fromisoformat(fact["since"])
    remember(session, now, f"outage:{name}", {"since": None, "said": False})
    text = text or f"{name} answers again; everything is picked up."
    if not fact["said"]:
        if name != SLACK or now - since < _LASTING:
            return
        text = f"Slack could not be spoken to since {since:%H:%M} UTC. Nothing is lost: what waited is said now."
    say(session, now, kind="alert", dedupe_key=f"back:{name}:{fact['since']}", payload={"text": text})


def remote_of(slug: str) -> str:
    """How the remote of a repository is called."""
    return f"The git remote of {slug}"


class Dependencies:
    """What the supervisor's work on the outside says about the outside itself."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def failed(self, problem: IntegrationError, slug: str) -> bool:
        """Whether it is the dependency that is down and not this one thing that is refused; it is noted if so.

        Parameters:
            slug: the repository that the work was for.
        """
        if isinstance(problem, _GITHUB_DOWN):
            name, why = GITHUB, "cannot be reached or refuses"
        elif isinstance(problem, (*_GIT_DOWN, *_GIT_UNBORN)):
            name, why = remote_of(slug), "cannot be used"
        else:
            return False
        text = f"{name} {why}: {problem.user_message} What needs it waits and goes on by itself."
        lasting = timedelta() if isinstance(problem, _GIT_UNBORN) else _LASTING
        await self._out.registry.write(lambda s: went_down(s, self._out.clock(), name, text, lasting=lasting))
        return True

    async def work(self, *names: str) -> None:
        """These did what they were asked for."""

        def down(session: Session) -> list[str]:
            return [name for name in names if is_down(session, name)]

        def back(session: Session) -> None:
            for name in names:
                came_back(session, self._out.clock(), name)

        if await self._out.registry.read(down):
            await self._out.registry.write(back)
