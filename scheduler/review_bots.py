"""What rows keep of the verdicts of review bots: written from a close look at GitHub, read for the judgement. Pure.

A bot completes the council and never replaces it: its approval is one more beside at least one reviewer of Waggle's
own, and its objection goes to the agent as a reviewer's does. A bot whose model family nobody knows may be of the one
that wrote the change, so it is not the other opinion that the definition of done asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.github import PullDetail, ReviewBot, read_bots


@dataclass(frozen=True)
class BotFact:
    """What one bot says about one head commit.

    Attributes:
        family: the model family that answers; empty when nobody knows.
        verdict: approve, request_changes or abstain.
        counts: False where it is only shown.
    """

    name: str
    family: str
    verdict: str
    head: str
    counts: bool = True

    @property
    def voice(self) -> str:
        """Under what name it counts: two of one family are one opinion."""
        return self.family or self.name


def of_bots(seen: PullDetail, bots: Sequence[ReviewBot]) -> list[dict[str, Any]]:
    """What a close look says about them, as it stands in a pull request's facts."""
    return [
        {
            "name": said.bot.name,
            "family": said.bot.family,
            "verdict": said.word,
            "why": said.why,
            "head": seen.head_sha,
            "counts": said.bot.counts,
            "remarks": [{"path": one.path, "line": one.line, "text": one.text} for one in said.remarks],
        }
        for said in read_bots(seen, bots)
    ]


def bot_facts(facts: Mapping[str, Any]) -> tuple[BotFact, ...]:
    """Each bot's verdict, with the commit that it is about."""
    return tuple(
        BotFact(one["name"], one["family"], one["verdict"], one["head"], bool(one["counts"]))
        for one in facts.get("bots", ())
    )


def objections(facts: Mapping[str, Any], head: str) -> list[dict[str, Any]]:
    """What bots want changed at a head commit, as findings for the agent's next round."""
    found: list[dict[str, Any]] = []
    for bot in facts.get("bots", ()):
        if bot["head"] != head or bot["verdict"] != "request_changes" or not bot["counts"]:
            continue
        remarks = bot["remarks"] or [{"path": "review", "line": 0, "text": bot["why"]}]
        title = f"{bot['name']} wants changes"
        found += [{"path": one["path"], "line": one["line"], "title": title, "why": one["text"]} for one in remarks]
    return found
