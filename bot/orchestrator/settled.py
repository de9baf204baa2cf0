"""Findings of earlier rounds, and what became of each. Pure.

| what became of it | how it is known | raised again |
|---|---|---|
| resolved | a person resolved its conversation on the pull request | frozen |
| refuted | another family refuted it, and the line that it quotes is as it was | frozen |
| fixed | it blocked, and the line that it quotes is gone from the file at head | frozen |
| open | it blocked, and the line is still there | as before |

What is frozen stays in the summary as a minor finding, in whatever words it comes again (`scheduler/same_finding.py`
says when two are the same), and blocks no more: rounds come to an end. Its reviewer still does not approve. What two
families raise again in the same round is not settled, and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.orchestrator.findings import Held, Weighed, near
from scheduler.remarks import Remarks
from scheduler.same_finding import Finding, key_of, same


@dataclass(frozen=True)
class Earlier:
    """A finding of an earlier round.

    Attributes:
        settled: how it was settled, a few words; empty while it is open.
        became: `fixed`, or `dismissed` by a person who left the line as it was; empty for neither.
    """

    finding: Finding
    settled: str = ""
    became: str = ""

    def __str__(self) -> str:
        one = self.finding
        state = f"settled: {self.settled}" if self.settled else "open"
        return f"[{state}] {one['path']}: {one['title']} — {one['why']}"


def look_back(found: Sequence[Finding], remarks: Remarks, heads: Mapping[str, str | None]) -> tuple[Earlier, ...]:
    """What became of the findings of earlier rounds.

    Parameters:
        found: oldest first; only what blocked or was refuted is looked at.
        heads: text at head of each changed file.
    """
    kept: dict[str, Earlier] = {}
    for one in found:
        if one.get("blocks") or one.get("status") == "refuted":
            kept.pop(key_of(one), None)
            kept[key_of(one)] = _look(one, remarks, heads)
    return tuple(earlier for earlier in kept.values() if earlier.settled or earlier.finding.get("blocks"))


def _look(one: Finding, remarks: Remarks, heads: Mapping[str, str | None]) -> Earlier:
    quote = " ".join(str(one.get("quote", "")).split())
    rows = (heads.get(str(one["path"])) or "").split("\n")
    stands = not quote or any(" ".join(row.split()) == quote for row in rows)
    remark = remarks.get(key_of(one), {})
    by = remark.get("by") if remark.get("state") == "resolved" else ""
    if by:
        return Earlier(one, f"resolved by {by}", "dismissed" if stands else "fixed")
    if one.get("blocks"):
        return Earlier(one) if stands else Earlier(one, "fixed", "fixed")
    return Earlier(one, "refuted" if stands else "")


def freeze(held: Sequence[Held], earlier: Sequence[Earlier]) -> list[Held]:
    """This round's findings, of which those that were settled before weigh nothing any more."""
    everything = [one for group in held for one in group.kept]

    def cooled(one: Weighed) -> Weighed:
        how = _how(one, earlier)
        if not how or any(_again(one, other) for other in everything):
            return one
        return replace(one, severity="minor", status="settled", note=f"settled in an earlier round: {how}")

    return [replace(group, kept=tuple(cooled(one) for one in group.kept)) for group in held]


def _how(one: Weighed, earlier: Sequence[Earlier]) -> str:
    """How it was settled when it was raised last; empty when it is open or new."""
    row = one.as_row()
    return next((before.settled for before in reversed(earlier) if same(row, before.finding)), "")


def _again(one: Weighed, other: Weighed) -> bool:
    """Whether another family says the same in this round."""
    return one.families != other.families and (near(one, other) or same(one.as_row(), other.as_row()))
