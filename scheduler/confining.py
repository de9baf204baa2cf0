"""What a task's processes are given of the machine: its worktree, the git behind it, caches, a home of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from integrations.engines import RunSpec
from integrations.engines.caches import cache_variables
from integrations.engines.isolation import Given, confine
from scheduler.outside import Outside


def confined(
    out: Outside, spec: RunSpec, slug: str, *, write: Sequence[Path] = (), read: Sequence[Path] = ()
) -> RunSpec:
    """A run in a workspace of a repository, at the level of isolation and within the limits of the settings.

    Parameters:
        spec: its working directory is the workspace.
        write, read: what it needs beside the workspace and its git directories.

    Raises:
        EngineError: its program or something that it is to be given is not there.
        ForbiddenVariable: the settings name a variable that no run may have.
    """
    places = out.repositories.places
    pool = places.pool(slug)
    kept = [pool / name for name in ("config", "hooks", "info")]
    isolation = out.policy().isolation_for(slug)
    caches = cache_variables(places.caches(slug))
    own = {name: value for name, value in caches.items() if name not in isolation.environment}
    return confine(
        replace(spec, env={**own, **spec.env}),
        isolation,
        Given(
            write=(spec.cwd, pool, places.caches(slug), *_there(write)),
            # The objects that the pool borrows; the mirror itself stays out of sight.
            read=(places.mirror(slug) / "objects", *_there(read)),
            keep=tuple(_there(kept)),
        ),
    )


def _there(paths: Sequence[Path]) -> list[Path]:
    return [path for path in paths if path.exists() and not path.is_symlink()]
