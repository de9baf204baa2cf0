"""Run a command; when it is over, print what its result file says, as one JSON line, so that the event log holds all.

Started as `python -I -S result_line.py FILE NAME=PATH… -- COMMAND…`; PATH is a dotted path into the file's JSON. The
line is `{"type": "waggle-result", "NAME": value, …}`; without a readable file there is none. The exit code is that of
the command. Standard library only: it runs beside the agent, with nothing of Waggle in reach.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

TYPE = "waggle-result"


def main(arguments: list[str]) -> int:
    file, *rest = arguments
    end = rest.index("--")
    rc = subprocess.run(rest[end + 1 :], check=False).returncode
    paths = [pair.partition("=") for pair in rest[:end]]
    result = _read(file)
    if result is not None:
        found = {name: _at(result, path) for name, _, path in paths}
        sys.stdout.write(json.dumps({"type": TYPE, **found}) + "\n")
    return rc if rc >= 0 else 128 - rc


def _read(file: str) -> Any:
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123 - the standard library's lightest
            return json.load(opened)
    except (OSError, ValueError):
        return None


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str | int | float) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
