"""What the rows keep of a head commit's checks: written from a close look at GitHub, read for the judgement. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations.github import CheckFact, PullDetail, ReviewBot, is_bots
from scheduler.ci import CheckRun, Rerun

Facts = Mapping[str, Any]  #: `PullRequest.facts`, which is JSON

#: How Waggle's own statuses begin: our own words are no evidence.
PREFIX = "waggle/"
#: The base branch's checks move without a trace in the pull request, so one that they hold up is looked at this often.
LOOK_AGAIN = timedelta(minutes=2)


def of_checks(seen: PullDetail, known: Facts, bots: Sequence[ReviewBot] = ()) -> dict[str, Any]:
    """What a close look says about the checks of its head commit.

    Parameters:
        known: the facts so far.
        bots: their checks are opinions, and no part of CI unless the base branch demands them.
    """
    broken = {_key(check) for check in seen.base_checks if check.state == "fail" and not check.worth_a_rerun}
    of_ci = (one for one in seen.checks if one.required or not is_bots(one.name, bots))
    checks = [_row(one, _key(one) in broken) for one in of_ci if not one.name.startswith(PREFIX)]
    return {
        "checks": checks,
        "required": [name for name in seen.required if not name.startswith(PREFIX)],
        "complete": seen.complete,
        "was_red": {"head": seen.head_sha, "names": _was_red(checks, seen.head_sha, known)},
    }


def _row(check: CheckFact, base_red: bool) -> dict[str, Any]:
    return {
        "name": check.name,
        # Cancelled is no verdict on the code, and nobody is sent back for it.
        "state": "cancelled" if check.state == "fail" and check.worth_a_rerun else check.state,
        "conclusion": check.conclusion,
        "required": check.required,
        "url": check.url,
        "job_id": check.job_id,
        "run_id": check.run_id,
        "base_red": base_red,
    }


def _key(check: CheckFact) -> tuple[str, str, str, str]:
    return check.kind, check.app, check.workflow, check.name


def _was_red(checks: list[dict[str, Any]], head: str, known: Facts) -> list[str]:
    """Checks that failed on this head commit by themselves: neither CI's own trouble nor the base branch's."""
    names = set(_of_head(known, "was_red", head).get("names", ()))
    names |= {one["name"] for one in checks if one["state"] == "fail" and not one["base_red"]}
    for excuse in ("rerun", "machinery"):
        names -= set(_of_head(known, excuse, head).get("names", ()))
    return sorted(names)


def check_runs(facts: Facts) -> tuple[CheckRun, ...]:
    """The checks of the commit that was looked at last."""
    return tuple(
        CheckRun(
            one["name"],
            one["state"],
            bool(one["required"]),
            one.get("url") or "",
            one.get("job_id"),
            one.get("run_id"),
            bool(one.get("base_red")),
        )
        for one in facts.get("checks", ())
    )


def rerun_of(facts: Facts, head: str) -> Rerun | None:
    """The jobs of this head commit that were started again."""
    known = _of_head(facts, "rerun", head)
    if not known:
        return None
    return Rerun(datetime.fromisoformat(known["at"]), tuple(known["jobs"]), known["refused"])


def machinery_of(facts: Facts, head: str) -> tuple[int, ...]:
    """Failed jobs of this head commit that CI's own trouble failed, and that run no more."""
    return tuple(_of_head(facts, "machinery", head).get("jobs", ()))


def was_red(facts: Facts, head: str) -> tuple[str, ...]:
    """Names of checks that were red before on this head commit."""
    return tuple(_of_head(facts, "was_red", head).get("names", ()))


def waits_for_base(facts: Facts) -> bool:
    """Whether the base branch's checks hold it up."""
    return any(one["state"] == "fail" and one.get("base_red") for one in facts.get("checks", ()))


def _of_head(facts: Facts, name: str, head: str) -> dict[str, Any]:
    known: dict[str, Any] = facts.get(name, {})
    return known if known.get("head") == head else {}
