"""Package managers share what they downloaded between workspaces, and never a file that somebody could edit.

Each that is installed here installs a package of our own, without a network, into one workspace after another.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from integrations.engines.caches import cache_variables, can_clone

WHEEL = "thing-1.0-py3-none-any.whl"
WORDS = "kept = 1\n"

#: tool: how it installs the package at {package}, what it needs first, and where the package's file is then
TOOLS = {
    "uv": (["uv", "pip", "install", "--offline", "--quiet", "--target", "into", "{package}"], "into/thing.py"),
    "npm": (["npm", "install", "--offline", "--no-audit", "--no-fund", "{package}"], "node_modules/thing/thing.py"),
    "pnpm": (["pnpm", "add", "--offline", "--silent", "{package}"], "node_modules/thing/thing.py"),
}


def wheel(directory: Path) -> Path:
    path = directory / WHEEL
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("thing.py", WORDS)
        file.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        file.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("thing-1.0.dist-info/RECORD", "thing.py,,\nthing-1.0.dist-info/RECORD,,\n")
    return path


def tarball(directory: Path) -> Path:
    package = directory / "package"
    package.mkdir()
    (package / "package.json").write_text(json.dumps({"name": "thing", "version": "1.0.0"}))
    (package / "thing.py").write_text(WORDS)
    path = directory / "thing-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as file:
        file.add(package, "package")
    return path


@pytest.mark.parametrize("tool", TOOLS)
def test_an_edit_in_one_workspace_reaches_no_other_one(tmp_path: Path, tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed here")
    command, where = TOOLS[tool]
    package = tarball(tmp_path) if tool in {"npm", "pnpm"} else wheel(tmp_path)
    caches = cache_variables(tmp_path / "home" / "caches" / "acme__shop")
    (tmp_path / "home" / "commands").mkdir()

    def installed(name: str) -> Path:
        workspace = tmp_path / "home" / "work" / name
        workspace.mkdir(parents=True)
        (workspace / "package.json").write_text(json.dumps({"name": "shop", "version": "1.0.0"}))
        done = subprocess.run(
            [part.format(package=package) for part in command],
            cwd=workspace,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home" / "commands"), **caches},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
        return workspace / where

    first = installed("t-1")
    assert first.stat().st_nlink == 1, "what is installed is a file of its own"
    with first.open("a") as file:
        file.write("edited = 1\n")
    assert installed("t-2").read_text() == WORDS


def test_files_are_cloned_only_where_the_filesystem_does_it(tmp_path: Path) -> None:
    """uv makes hard links where it cannot clone, so that it must be told to copy there."""
    told = cache_variables(tmp_path / "caches")
    assert told["UV_LINK_MODE"] == ("clone" if can_clone(tmp_path) else "copy")
    directories = {name: value for name, value in told.items() if value.startswith("/")}
    assert set(directories) == {"UV_CACHE_DIR", "PIP_CACHE_DIR", "npm_config_cache", "PNPM_HOME"}
    assert all(Path(value).parent == tmp_path / "caches" and Path(value).is_dir() for value in directories.values())
