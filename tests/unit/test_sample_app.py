"""The sample application is real: its own tests and linter pass, quickly, with nothing installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import integrations.playground

SAMPLE = Path(integrations.playground.__file__).parent / "sample"
REPO = SAMPLE / "repo"


def run(command: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable if word == "python3" else word for word in command.split()]
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(argv, cwd=REPO, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "job", tomllib.loads((REPO / ".playground-ci.toml").read_text())["job"], ids=lambda job: job["name"]
)
def test_each_ci_job_passes_on_the_base(job: dict[str, str]) -> None:
    began = time.monotonic()
    done = run(job["command"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < 20, "the jobs take well under two seconds on an idle machine"


def test_the_linter_finds_what_it_claims_to_find(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "lint.py").write_text((REPO / "tools" / "lint.py").read_text())
    (tmp_path / "bad.py").write_text("import os\nx = 1 \n" + "y = '" + "a" * 130 + "'")
    (tmp_path / "broken.py").write_text("def f(:\n")
    done = subprocess.run(
        [sys.executable, "tools/lint.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    for told in (
        "os is imported and not used",
        "space at the end",
        "characters (at most 120)",
        "no newline",
        "syntax:",
    ):
        assert told in done.stdout


def test_the_seed_of_the_workspace_has_the_known_channels_and_people() -> None:
    seed = json.loads((SAMPLE / "workspace.json").read_text())
    assert [(one["id"], one["name"]) for one in seed["channels"]] == [
        ("C0PRODUCT", "product"),
        ("C0CUSTOMERS", "customers"),
        ("C0NOTES", "notes"),
    ]
    messages = [message for channel in seed["channels"] for message in channel["messages"]]
    assert {message["user"] for message in messages} <= {"U0ANA", "U0BEN", "U0SUPPORT"}
    assert any("Northwind Logistics" in one["text"] and "CSV" in one["text"] for one in messages)


def test_no_search_for_customers_or_import_leads_to_the_schema() -> None:
    """The story of the missing fact needs a file that a search for the request's words does not find."""
    schema = (REPO / "app" / "schema.py").read_text().lower()
    assert not [word for word in ("customer", "import", "csv", "create table") if word in schema]
    others = [path for path in REPO.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert not [path for path in others if "app/schema.py" in path.read_text()]
