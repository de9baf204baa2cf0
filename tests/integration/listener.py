"""An agent that listens while it works: a small program that speaks Claude Code's live protocol."""

from __future__ import annotations

import sys
from pathlib import Path

from integrations.agents.claude_code import ClaudeCode

#: Echoes what it is told while it works, works until it was told something, and notes each of its runs beside itself.
_LISTENER = """
import json, subprocess, sys
def say(**event): print(json.dumps(event), flush=True)
def text(line): return json.loads(line)["message"]["content"]
text(sys.stdin.readline())
open(sys.argv[0] + ".runs", "a").write("run\\n")
say(type="system", subtype="init", session_id="5e55-live-0001", model="m", claude_code_version="9.9")
told = []
for line in sys.stdin:
    told.append(text(line))
    say(type="user", isReplay=True, message={"role": "user", "content": told[-1]})
    break
open("told.txt", "w").write("\\n".join(told))
subprocess.run(["git", "add", "-A"], check=True)
subprocess.run(["git", "-c", "user.name=L", "-c", "user.email=l@x.invalid", "commit", "-qm", "As told"], check=True)
say(type="result", subtype="success", is_error=False, result="Done as told.", num_turns=1, usage={})
for line in sys.stdin:
    pass
"""


def listening_agent(program: Path) -> ClaudeCode:
    """Claude Code's adapter, live, over the small program, which is written to `program` when it is not there."""
    if not program.exists():
        made = program.with_name(f".{program.name}")
        made.write_text(f"#!{sys.executable}\n{_LISTENER}")
        made.chmod(0o755)
        made.rename(program)
    return ClaudeCode(str(program), {"ANTHROPIC_API_KEY": "k"}, live=True)


def runs_of(program: Path) -> int:
    """How often the agent was started."""
    noted = Path(f"{program}.runs")
    return len(noted.read_text().splitlines()) if noted.exists() else 0
