"""Stack frames to files of the repository. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from integrations.errors import Frame
from scheduler.discovery.facts import Place

_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?/+(?:\./)?", re.IGNORECASE)


def locate(frames: Sequence[Frame], files: Collection[str]) -> tuple[Place, ...]:
    """The frames whose file is in the repository, in their order; what could be two files is left out.

    An application runs from another directory than the repository's: a path counts when one of the two ends with the
    other.
    """
    found = []
    for frame in frames:
        path = file_of(frame.path, files)
        if path:
            found.append(Place(path=path, line=frame.line, function=frame.function))
    return tuple(found)


def file_of(path: str, files: Collection[str]) -> str:
    """The one file that a frame's path means; empty when there is none, or more than one."""
    wanted = _SCHEME.sub("", path.replace("\\", "/")).removeprefix("./")
    if not wanted or ".." in wanted.split("/"):
        return ""
    if wanted in files:
        return wanted
    inside = [one for one in files if one.endswith(f"/{wanted}")]
    if inside:
        return inside[0] if len(inside) == 1 else ""
    # `/srv/releases/7/app/web.py` is app/web.py; of several that fit, the longest says most. A bare name says nothing.
    around = sorted((one for one in files if "/" in one and wanted.endswith(f"/{one}")), key=len)
    return around[-1] if around else ""
