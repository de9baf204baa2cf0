"""What was spent, and what a merged pull request costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlmodel import Session

from bot.cli.common import Bench, JsonOption, bench, out, print_json
from bot.costs import Merged, merged_since, spent_since
from scheduler.names import task_label
from scheduler.shared_budget import shared_purses


def costs(
    days: Annotated[int, typer.Option(min=1, max=3650, help="How far to look back.")] = 30, as_json: JsonOption = False
) -> None:
    """What a merged pull request costs, with failed attempts, reviews and planning counted in."""
    with bench() as place:
        said = place.registry.read_now(lambda session: _read(session, place, days))
    if as_json:
        print_json(said)
        return
    for one in said["budgets"]:
        out.print(escape(one))
    if not said["merged"]:
        out.print(f"Nothing was merged in the last {days} days. ${said['spent_usd']:.2f} were spent.")
        return
    count = len(said["merged"])
    merged = "the one merged pull request" if count == 1 else f"each of {count} merged pull requests"
    out.print(
        f"[bold]${said['usd_per_merged_pull_request']:.2f}[/] for {merged} in {days} days; "
        f"${said['usd_with_all_else']:.2f} with what was spent on everything else."
    )
    for row in said["merged"]:
        out.print(f"{row['id']}  {escape(row['title'])}  [dim]{row['pr_url']}[/]\n    {row['detail'] or '$0.00'}")


def _read(session: Session, place: Bench, days: int) -> dict[str, Any]:
    now = place.now()
    since = now - timedelta(days=days)
    merged, spent = merged_since(session, since), spent_since(session, since)
    total, count = sum(one.cost.usd for one in merged), max(len(merged), 1)
    return {
        "days": days,
        "spent_usd": round(spent, 6),
        "budgets": [one.sentence for one in shared_purses(session, place.policy, now, "")],
        "usd_per_merged_pull_request": round(total / count, 6),
        "usd_with_all_else": round(max(spent, total) / count, 6),
        "merged": [_row(one) for one in merged],
    }


def _row(one: Merged) -> dict[str, Any]:
    cost = one.cost
    return {
        "id": task_label(one.task.id),
        "title": one.task.title,
        "pr_url": one.pull.url,
        "usd": round(cost.usd, 6),
        "attempts": cost.attempts,
        "failed_attempts": cost.failed,
        "attempts_usd": round(cost.attempts_usd, 6),
        "failed_attempts_usd": round(cost.failed_usd, 6),
        "reviews_usd": round(cost.reviews_usd, 6),
        "planning_usd": round(cost.other_usd, 6),
        "tokens": cost.tokens,
        "detail": cost.sentence,
    }
