"""A coding agent without a model: it knows a few jobs on the sample repository and really does them.

    cd WORKTREE && python /path/to/scripted_agent.py --session UUID < prompt.txt

It speaks Claude Code's stream-json events, so that the same adapter and the same runner serve both. For a
request that it does not know it says so, names what it can do (`--list`), and changes nothing. Started by
its path, in an environment with nothing but a standard Python: it imports no third-party package.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The directory of a script comes first on sys.path, where this folder's modules could hide the standard library's.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from integrations.playground.scripted.agent import main  # noqa: E402 (the path is set just above)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
