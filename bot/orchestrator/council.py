"""Reviewing a pull request at one head commit: one reviewer of each family, and only what stands up counts.

| what | becomes |
|---|---|
| a quote that is not in the file at head, within three lines | the finding is dropped, and counted |
| a blocker or major beside the change | minor |
| the same finding by two families | one, confirmed |
| a blocker or major of one family | put to another family; only what it confirms, or cannot be asked about, blocks |
| what an earlier round settled, in whatever words | minor |
| a reviewer that fails or abstains | no approval |
| text in the change that speaks to reviewers | a blocker, whatever the reviewers say |
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.orchestrator.asking import Charge, Failure, NobodyAnswered
from bot.orchestrator.desk import Answered, Desk, Turn
from bot.orchestrator.findings import Held, Weighed, acceptance_of, hold, merge, orders_in, settle_verdict, verify
from bot.orchestrator.models import Panel, Reviewer
from bot.orchestrator.opinions import LARGEST_DIFF, Change, Opinion, ask_reviewer, background, criteria_of, read_change
from bot.orchestrator.settled import freeze
from bot.orchestrator.verifying import second_opinion
from scheduler.judging import Reviewed, ReviewFacts, ReviewVerdict
from scheduler.policy import Policy
from scheduler.registry import Judgement
from scheduler.same_finding import key_of

MOST_VERIFIED = 6
_RULES_FOCUS = "what keyword rules can see"


async def review(desk: Desk, row: Judgement, turn: Turn) -> Answered:
    """Answer a `review` judgement.

    Raises:
        NobodyAnswered: a reviewer could not be asked now, waiting may help, and this is not the last turn.
        GitError: the change could not be read.
    """
    facts = ReviewFacts.model_validate(row.facts)
    known = await desk.registry.read(lambda session: background(session, row.task_id, facts))
    change = await asyncio.to_thread(read_change, desk, facts, known)
    panel, policy = desk.models(), desk.policy()
    if not change.whole:
        return _too_large(panel, change)
    seats = choose_seats(panel, policy, known.task.lane, policy.family_of(known.author) if known.author else "")
    asked = await asyncio.gather(*(ask_reviewer(desk, row, seat, change) for seat in seats))
    opinions = [opinion for opinion, _ in asked]
    failures = tuple(failure for _, failed in asked if failed for failure in failed.failures)
    waiting = [failed for _, failed in asked if failed is not None and failed.retryable]
    if waiting and not turn.last:
        raise NobodyAnswered(
            [failure for one in waiting for failure in one.failures],
            [charge for one in waiting for charge in one.charges],
        )
    if all(opinion.answer is None for opinion in opinions):
        rules, _ = await ask_reviewer(desk, row, Reviewer("rules", panel.rules, _RULES_FOCUS), change)
        opinions.append(rules)
    return await _conclude(desk, panel, change, opinions, failures)


def choose_seats(panel: Panel, policy: Policy, lane: str, author_family: str) -> list[Reviewer]:
    """Who reviews. In the small lane only as many as it asks for, other families than the author's first. Pure."""
    seats = list(panel.reviewers)
    if lane != "small":
        return seats
    wanted = max(policy.reviews.small_lane_reviews, 1)
    return sorted(seats, key=lambda seat: seat.voice.family == author_family)[:wanted]


# --- concluding ------------------------------------------------------------------------------------------------------


async def _conclude(
    desk: Desk, panel: Panel, change: Change, opinions: Sequence[Opinion], failures: tuple[Failure, ...]
) -> Answered:
    held = freeze([_hold(opinion, change) for opinion in opinions], change.earlier)
    merged = merge([one.kept for one in held])
    charges: list[Charge] = []
    waiting = [(i, j) for i, group in enumerate(merged) for j, one in enumerate(group) if _wants_second(one)]
    for i, j in waiting[:MOST_VERIFIED]:
        merged[i][j] = await _verified(desk, panel, change, merged[i][j], charges)
    everything = [one for group in merged for one in group]
    verdicts = [
        _verdict(opinion, one.dropped, group, everything, change)
        for opinion, one, group in zip(opinions, held, merged, strict=True)
    ]
    verdicts += _orders(change)
    dropped = sum(one.dropped for one in held)
    frozen = sum(one.status == "settled" for one in everything)
    counted = (
        (dropped, "did not stand up against the files at head"),
        (frozen, "were settled in an earlier round"),
    )
    notes = tuple(f"{n} findings {what}" for n, what in counted if n)
    by = ", ".join(dict.fromkeys(one.model for one in verdicts if one.verdict != "error")) or "rules"
    became = {key_of(one.finding): one.became for one in change.earlier if one.became}
    said = Reviewed(reviews=tuple(verdicts), summary=_sum_up(verdicts), became=became)
    return Answered(said, by, tuple(charges), failures, notes)


def _hold(opinion: Opinion, change: Change) -> Held:
    if opinion.answer is None:
        return Held(())
    seat = opinion.reviewer
    return hold(opinion.answer.findings, seat.name, seat.voice.family, change.files, change.heads)


def _wants_second(one: Weighed) -> bool:
    return one.blocks and one.status == "unverified"


async def _verified(desk: Desk, panel: Panel, change: Change, one: Weighed, charges: list[Charge]) -> Weighed:
    real = any(seat.voice.real for seat in panel.reviewers if seat.name in one.found_by)
    voice = panel.other_family(one.families[0], real=real)
    text = change.heads.get(one.finding.path)
    if voice is None or text is None:
        return one
    opinion = await second_opinion(desk, voice, one, text)
    charges += opinion.charges
    return one if opinion.result == "unverified" else verify(one, opinion.result, opinion.why)


def _verdict(
    opinion: Opinion, dropped: int, group: Sequence[Weighed], everything: Sequence[Weighed], change: Change
) -> ReviewVerdict:
    seat, usage = opinion.reviewer, opinion.usage
    verdict = ReviewVerdict(
        reviewer=seat.name,
        family=seat.voice.family,
        model=opinion.model,
        focus=seat.focus,
        verdict="error",
        summary=f"It could not answer: {opinion.why_not}"[:600],
        real=seat.voice.real,
        tokens_input=usage.input,
        tokens_cached=usage.cached,
        tokens_output=usage.output,
        cost_usd=opinion.cost_usd,
    )
    if opinion.answer is None:
        return verdict
    acceptance = acceptance_of(opinion.answer, criteria_of(change))
    blocks = any(one.blocks for one in everything if seat.name in one.found_by)
    settled = settle_verdict(opinion.answer.verdict, blocks, acceptance)
    summary = " ".join(opinion.answer.summary.split())[:600]
    if settled == "abstain" and opinion.answer.verdict == "request_changes":
        old = sum(one.status == "settled" for one in group)
        summary = f"Its objections did not stand up ({dropped} dropped, {old} settled before). It said: {summary}"
    return verdict.model_copy(
        update={
            "verdict": settled,
            "summary": summary,
            "findings": tuple(one.as_row() for one in group),
            "acceptance": tuple(one.model_dump(mode="json") for one in acceptance),
        }
    )


def _orders(change: Change) -> list[ReviewVerdict]:
    """The deterministic reviewer: it speaks only when the change speaks to reviewers."""
    found = orders_in(change.files)
    if not found:
        return []
    rows = [Weighed(one, one.line, "blocker", ("waggle",), ("waggle",), "confirmed").as_row() for one in found[:5]]
    return [
        ReviewVerdict(
            reviewer="waggle",
            family="waggle",
            model="rules",
            focus="orders to reviewers",
            verdict="request_changes",
            summary="The change holds text that tells reviewers what to decide.",
            findings=tuple(rows),
        )
    ]


def _too_large(panel: Panel, change: Change) -> Answered:
    why = f"The change is too large to be read whole ({len(change.changed)} files, over {LARGEST_DIFF // 1000} kB)."
    seats = panel.reviewers or (Reviewer("rules", panel.rules, _RULES_FOCUS),)
    verdicts = [
        ReviewVerdict(
            reviewer=seat.name,
            family=seat.voice.family,
            model=seat.voice.model.name,
            focus=seat.focus,
            verdict="abstain",
            summary=why,
            real=seat.voice.real,
        )
        for seat in seats
    ]
    return Answered(Reviewed(reviews=(*verdicts, *_orders(change)), summary=why), "facts")


def _sum_up(verdicts: Sequence[ReviewVerdict]) -> str:
    words = {"approve": "approves", "request_changes": "wants changes", "abstain": "abstains", "error": "failed"}
    return "; ".join(f"{one.reviewer} ({one.model}) {words[one.verdict]}" for one in verdicts)
