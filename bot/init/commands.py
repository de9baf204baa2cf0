"""How a repository is installed and verified, read from its own files. Pure but for reading them.

What the project itself says goes first (a target of its Makefile, a script of its package.json), then what its lock
file and its manifests mean, then what its CI runs.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LARGEST = 2**20


@dataclass(frozen=True)
class Commands:
    """What was found.

    Attributes:
        install, verify: empty when nothing says how.
        because: what each was read from, for the comment beside it.
        has_ci: whether pull requests will get checks.
    """

    install: str = ""
    verify: str = ""
    install_because: str = ""
    verify_because: str = ""
    has_ci: bool = True


@dataclass(frozen=True)
class _Way:
    install: str
    verify: str
    because: str


def find_commands(root: Path) -> Commands:
    """Look at the files at the top of a repository."""
    ways = [way for reader in (_python, _node, _rust, _go, _ruby, _java, _php, _elixir) for way in reader(root)]
    installs = [way for way in ways if way.install]
    verifies = [way for way in ways if way.verify]
    install = (" && ".join(dict.fromkeys(one.install for one in installs)), _named(installs))
    verify = (" && ".join(dict.fromkeys(one.verify for one in verifies)), _named(verifies))
    for file, runner in (("Makefile", "make"), ("makefile", "make"), ("GNUmakefile", "make"), ("justfile", "just")):
        targets = _targets(_read(root / file))
        # Not `install`: in most Makefiles that writes to the machine.
        install = (
            _of_target(targets, ("setup", "bootstrap", "deps", "install-dev", "dev-install"), runner, file) or install
        )
        verify = _of_target(targets, ("verify", "check", "test", "tests"), runner, file) or verify
    verify = verify if verify[0] else _of_workflows(root)
    return Commands(install[0], verify[0], install[1], verify[1], _has_ci(root))


def _named(ways: list[_Way]) -> str:
    return ", ".join(dict.fromkeys(way.because for way in ways))


def _of_target(targets: set[str], wanted: tuple[str, ...], runner: str, file: str) -> tuple[str, str] | None:
    found = next((name for name in wanted if name in targets), None)
    return (f"{runner} {found}", file) if found else None


def _python(root: Path) -> Iterator[_Way]:
    project = _toml(root / "pyproject.toml")
    has_tests = (root / "tests").is_dir() or (root / "test").is_dir()
    pytest = "pytest" in (_read(root / "pyproject.toml") + _read(root / "setup.cfg")) or any(
        (root / name).is_file() for name in ("pytest.ini", "conftest.py", "tests/conftest.py")
    )
    tests = "pytest" if pytest else "python -m unittest" if has_tests else ""
    for lock, install, run in (
        ("uv.lock", "uv sync --frozen --all-extras", "uv run --frozen"),
        ("poetry.lock", "poetry install", "poetry run"),
        ("pdm.lock", "pdm install --frozen-lockfile", "pdm run"),
        ("Pipfile.lock", "pipenv sync --dev", "pipenv run"),
    ):
        if (root / lock).is_file():
            yield _Way(install, f"{run} {tests}" if tests else "", lock)
            return
    requirements = sorted(
        one.name
        for one in root.glob("requirements*.txt")
        if re.search(r"^requirements([-_.](dev|test|tests))?\.txt$", one.name)
    )
    wanted, because = "", ""
    if requirements:
        wanted, because = " ".join(f"-r {name}" for name in requirements), requirements[0]
    elif project or (root / "setup.py").is_file():
        extras = project.get("project", {}).get("optional-dependencies", {}) if project else {}
        named = [name for name in ("dev", "test", "tests") if isinstance(extras, dict) and name in extras]
        wanted = f"-e '.[{','.join(named)}]'" if named else "-e ."
        because = "pyproject.toml" if project else "setup.py"
        if project and "project" not in project and "build-system" not in project:
            return  # only settings of tools live in it
    if wanted:
        verify = f".venv/bin/python -m {tests.removeprefix('python -m ')}" if tests else ""
        yield _Way(f"python3 -m venv .venv && .venv/bin/pip install {wanted}", verify, because)


def _node(root: Path) -> Iterator[_Way]:
    manifest = _json(root / "package.json")
    if manifest is None:
        return
    named = str(manifest.get("packageManager", "")).partition("@")[0]
    frozen = "--immutable" if (root / ".yarnrc.yml").is_file() else "--frozen-lockfile"
    known = {
        "pnpm": (("pnpm-lock.yaml",), "pnpm install --frozen-lockfile", "pnpm install"),
        "yarn": (("yarn.lock",), f"yarn install {frozen}", "yarn install"),
        "bun": (("bun.lock", "bun.lockb"), "bun install --frozen-lockfile", "bun install"),
        "npm": (("package-lock.json", "npm-shrinkwrap.json"), "npm ci", "npm install"),
    }
    locked = {
        name: next((lock for lock in locks if (root / lock).is_file()), "") for name, (locks, *_) in known.items()
    }
    manager = named if named in known else next((name for name, lock in locked.items() if lock), "npm")
    lock = locked[manager]
    scripts = manifest.get("scripts")
    names = scripts if isinstance(scripts, dict) else {}
    script = next((one for one in ("verify", "check", "test") if one in names), "")
    if script == "test" and "no test specified" in str(names["test"]):
        script = ""
    run = {"test": "npm test"}.get(script, f"npm run {script}") if manager == "npm" else f"{manager} run {script}"
    yield _Way(known[manager][1] if lock else known[manager][2], run if script else "", lock or "package.json")


def _rust(root: Path) -> Iterator[_Way]:
    if (root / "Cargo.toml").is_file():
        locked = " --locked" if (root / "Cargo.lock").is_file() else ""
        yield _Way(f"cargo fetch{locked}", f"cargo test{locked}", "Cargo.toml")


def _go(root: Path) -> Iterator[_Way]:
    if (root / "go.mod").is_file():
        yield _Way("go mod download", "go test ./...", "go.mod")


def _ruby(root: Path) -> Iterator[_Way]:
    if (root / "Gemfile").is_file():
        verify = "bundle exec rspec" if (root / "spec").is_dir() else "bundle exec rake test"
        yield _Way("bundle install", verify if (root / "spec").is_dir() or (root / "test").is_dir() else "", "Gemfile")


def _java(root: Path) -> Iterator[_Way]:
    if (root / "gradlew").is_file():
        yield _Way("", "./gradlew check", "gradlew")
    elif (root / "pom.xml").is_file():
        yield _Way("", f"{'./mvnw' if (root / 'mvnw').is_file() else 'mvn'} --batch-mode verify", "pom.xml")


def _php(root: Path) -> Iterator[_Way]:
    manifest = _json(root / "composer.json")
    if manifest is not None:
        scripts = manifest.get("scripts")
        yield _Way(
            "composer install",
            "composer test" if isinstance(scripts, dict) and "test" in scripts else "",
            "composer.json",
        )


def _elixir(root: Path) -> Iterator[_Way]:
    if (root / "mix.exs").is_file():
        yield _Way("mix deps.get", "mix test", "mix.exs")


def _targets(text: str) -> set[str]:
    """The targets of a Makefile, or the recipes of a justfile."""
    return set(re.findall(r"^([A-Za-z][\w-]*)(?:[ \t]+[\w*+=-]+)*[ \t]*:(?!=)", text, re.MULTILINE))


_TEST = re.compile(
    r"\b(?:pytest|tox|nox|unittest|ctest|rspec|phpunit|(?:npm|pnpm|yarn|bun)(?: run)? (?:test|check|verify)\b|go test|"
    r"cargo test|(?:make|just) (?:test|check|verify)\b|\./gradlew (?:test|check)|mvn\b.* (?:test|verify))"
)


def _of_workflows(root: Path) -> tuple[str, str]:
    """The first command of a CI workflow that looks like one that tests; one line, without the CI's own variables."""
    for file in _workflows(root):
        for line in _read(file).splitlines():
            command = re.sub(r"^-?\s*(?:run:)?\s*", "", line.strip())
            stands_alone = "${{" not in command and not command.endswith(("\\", ":"))
            if ("run:" in line or line.startswith(" " * 6)) and _TEST.match(command) and stands_alone:
                return command, str(file.relative_to(root))
    return "", ""


def _workflows(root: Path) -> list[Path]:
    return sorted(one for pattern in ("*.yml", "*.yaml") for one in (root / ".github" / "workflows").glob(pattern))


def _has_ci(root: Path) -> bool:
    """Whether something will check pull requests, as far as files tell."""
    others = (".circleci/config.yml", ".travis.yml", "azure-pipelines.yml", "Jenkinsfile", ".buildkite/pipeline.yml")
    return any("pull_request" in _read(one) for one in _workflows(root)) or any((root / one).exists() for one in others)


def _read(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError:
        return {}


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(_read(path) or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
