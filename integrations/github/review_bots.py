"""What review bots from outside say about a head commit. Pure; the registry of bots is `review_bots.toml`.

| where a bot speaks | it is about the head commit when |
|---|---|
| a review | GitHub says that it is of that commit; dismissed and pending ones say nothing |
| a comment in the conversation | its text names the commit, by seven letters or more |
| a check run of its own App | it is a check of that commit; a commit status anybody may set, so it approves nothing |
| a remark on a line | it was made at that commit, its conversation is open and its line was not changed |

Of what it says about one commit an objection outweighs everything, then a failure to review, then an approval. What
fits no rule, and what is about another commit, is an abstention.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from integrations.github.values import PullDetail, Thread

Word = Literal["approve", "request_changes", "abstain"]

_SHA = re.compile(r"\b[0-9a-f]{7,40}\b")
_FOLDED = re.compile(r"<details\b[^>]*>(?:(?!<details\b).)*?</details>", re.DOTALL | re.IGNORECASE)  # an innermost one
_HIDDEN = re.compile(r"<!--.*?-->|<[^>]{1,200}>|!\[[^\]]*\]\([^)]*\)", re.DOTALL)
_LONGEST = 500
_MOST = 10


@dataclass(frozen=True)
class ReviewBot:
    """How one bot is recognised and read; see the head of `review_bots.toml` for what each field means.

    Attributes:
        counts: its verdict counts in the definition of done; else it is only shown.
    """

    name: str
    logins: tuple[str, ...]
    family: str = ""
    app: str = ""
    checks: tuple[str, ...] = ()
    approves: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    abstains: tuple[str, ...] = ()
    shared: bool = False
    counts: bool = True


@dataclass(frozen=True)
class BotRemark:
    """What a bot said on a line. The text is a stranger's: data, never a command."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class BotVerdict:
    """What a bot thinks of a head commit.

    Attributes:
        why: its words, or why it has no opinion.
        remarks: what it objects to on lines.
    """

    bot: ReviewBot
    word: Word
    why: str
    remarks: tuple[BotRemark, ...] = ()


@cache
def known_bots() -> tuple[ReviewBot, ...]:
    """The bots of the registry."""
    text = Path(__file__).with_name("review_bots.toml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, tuple[ReviewBot, ...]]).validate_python(tomllib.loads(text))["bot"]


def read_bots(seen: PullDetail, bots: Sequence[ReviewBot]) -> tuple[BotVerdict, ...]:
    """What each bot that has spoken on this pull request says about its head commit."""
    return tuple(said for bot in bots if (said := _read(bot, seen)) is not None)


def is_bots(name: str, bots: Sequence[ReviewBot]) -> bool:
    """Whether a check or status of this name is a bot's opinion, and no part of CI."""
    return any(name in bot.checks for bot in bots)


def _read(bot: ReviewBot, seen: PullDetail) -> BotVerdict | None:
    remarks = tuple(_remarks(bot, seen))
    said = [*_reviews(bot, seen), *_comments(bot, seen), *_checks(bot, seen)]
    if remarks:
        said.append(("request_changes", f"{len(remarks)} open remark{'s' if len(remarks) > 1 else ''} on lines"))
    if not said:
        spoke = any(_is(bot, one.author, one.author_is_user) for one in seen.reviews)
        spoke = spoke or any(_is(bot, one.author, one.author_is_user) for one in seen.bot_comments)
        return BotVerdict(bot, "abstain", "it spoke about another commit only") if spoke else None
    for word in ("request_changes", "failed", "approve"):
        found = next((why for said_word, why in reversed(said) if said_word == word), None)
        if found is not None and word == "request_changes":
            return BotVerdict(bot, "request_changes", found, remarks)
        if found is not None:
            may = word == "approve" and not bot.shared
            return BotVerdict(bot, "approve" if may else "abstain", found)
    return BotVerdict(bot, "abstain", said[-1][1])


def _reviews(bot: ReviewBot, seen: PullDetail) -> Iterator[tuple[str, str]]:
    """Its newest review of the head commit."""
    own = [one for one in seen.reviews if _is(bot, one.author, one.author_is_user)]
    of_head = [one for one in own if one.commit == seen.head_sha and one.state not in {"PENDING", "DISMISSED"}]
    for one in sorted((one for one in of_head if one.submitted_at), key=lambda one: str(one.submitted_at))[-1:]:
        match one.state:
            case "CHANGES_REQUESTED":
                yield "request_changes", _clip(one.body) or "it requests changes"
            case "APPROVED":
                yield _failed(bot, one.body) or "approve", _clip(one.body) or "it approves"
            case _:
                yield _word(bot, one.body), _clip(one.body) or "a review without words"


def _comments(bot: ReviewBot, seen: PullDetail) -> Iterator[tuple[str, str]]:
    for one in seen.bot_comments:
        names_head = any(seen.head_sha.startswith(sha) for sha in _SHA.findall(one.body))
        if _is(bot, one.author, one.author_is_user) and names_head:
            yield _word(bot, one.body), _clip(one.body)


def _checks(bot: ReviewBot, seen: PullDetail) -> Iterator[tuple[str, str]]:
    for one in seen.checks:
        if one.name not in bot.checks or one.state == "wait":
            continue
        said = f"{one.name}: {one.description or one.conclusion}"
        own = one.kind == "check" and bool(bot.app) and one.app == bot.app
        word = _word(bot, one.description)
        yield (word if own or word == "failed" else "nothing"), said


def _remarks(bot: ReviewBot, seen: PullDetail) -> Iterator[BotRemark]:
    for thread in [one for one in seen.threads if _is_open(bot, one, seen.head_sha)][:_MOST]:
        yield BotRemark(thread.path, thread.line or 0, _clip(thread.comments[0].body))


def _is_open(bot: ReviewBot, thread: Thread, head: str) -> bool:
    if thread.resolved or thread.outdated or not thread.comments:
        return False
    first = thread.comments[0]
    return _is(bot, first.author, first.author_is_user) and first.commit == head


def _is(bot: ReviewBot, login: str, is_user: bool) -> bool:
    """Anybody may take a bot's name for an account of their own; only a machine's account is the bot."""
    return not is_user and login.removesuffix("[bot]") in bot.logins


def _word(bot: ReviewBot, text: str) -> str:
    if failed := _failed(bot, text):
        return failed
    if _matches(bot.objects, text):
        return "request_changes"
    return "approve" if _matches(bot.approves, text) else "nothing"


def _failed(bot: ReviewBot, text: str) -> str:
    return "failed" if _matches(bot.abstains, text) else ""


def _matches(patterns: Sequence[str], text: str) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


def _clip(text: str) -> str:
    """The words alone: hidden parts of such texts are often orders to agents."""
    folded = 1
    while folded:
        text, folded = _FOLDED.subn(" ", text)
    plain = " ".join(_HIDDEN.sub(" ", text).split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1].rstrip() + "…"
