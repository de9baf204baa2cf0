"""A command at the terminal touches rows; it must not wait for clients of the network that it never uses."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("aiohttp", "anthropic", "apscheduler", "github", "openai", "sentry_sdk", "slack_bolt", "slack_sdk")


def test_the_command_line_loads_no_client_of_the_network() -> None:
    ask = "import json, sys, bot.cli; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60).stdout
    assert not set(HEAVY) & set(json.loads(said))
