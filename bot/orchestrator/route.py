"""Which agent takes a task: the owner's ranking for its kind and size, each place with its reason. Pure."""

from __future__ import annotations

from scheduler.judging import RouteChoice
from scheduler.policy import Policy

_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def rank_routes(policy: Policy, kind: str, size: str) -> tuple[RouteChoice, ...]:
    """The routes for a task, best first.

    A ranking for `kind/size` (such as `backend/large`) goes before the one for the kind, and that before `default`.
    """
    table = dict(policy.routes)
    for named, what in ((f"{kind}/{size}", f"{size} {kind} tasks"), (kind, f"{kind} tasks"), ("default", "all tasks")):
        ranked = table.get(named)
        if ranked:
            return tuple(
                RouteChoice(agent=route.agent, model=route.model, why=route.why or f"{_place(place)} for {what}")
                for place, route in enumerate(ranked)
            )
    return ()


def _place(place: int) -> str:
    return f"{_ORDINALS[place]} choice" if place < len(_ORDINALS) else f"choice {place + 1}"
