"""The demo's core scenarios, each as `waggle demo` plays it: a real Waggle, a real playground, nobody inside helping.

`make demo-all` plays every scenario.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.demo.scenarios import SCENARIOS

LONGEST_S = 400


@pytest.mark.timeout(LONGEST_S + 20)
@pytest.mark.parametrize("name", [one.name for one in SCENARIOS.values() if one.core])
def test_scenario(name: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "COLUMNS": "160"}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "demo", name, "--json", str(report)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=LONGEST_S,
    )
    assert done.returncode == 0, done.stdout
    [played] = json.loads(report.read_text())["scenarios"]
    assert set(played) == {"name", "ok", "seconds", "messages", "tasks"}
    assert played["name"] == name and played["ok"]
    assert all(set(line) == {"at", "channel", "thread", "author", "text"} for line in played["messages"])
    assert {"ana", "waggle"} <= {line["author"] for line in played["messages"]}
    [task] = played["tasks"]
    assert task["id"] == "T-1" and task["attempts"] and task["evidence"]
    assert not list(tmp_path.glob("waggle-*")), "the stage was left behind"
