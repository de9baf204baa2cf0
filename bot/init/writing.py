"""The text of `waggle.toml` and `.env`, and putting them into a directory without ever overwriting anything."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from bot.init.plan import Plan


def config_text(plan: Plan) -> str:
    """The commented `waggle.toml`."""
    commands = plan.commands
    github = plan.address.host or "GitHub"
    ci = (
        "checks appear on pull requests" if commands.has_ci else "no CI was found, so the verify command counts instead"
    )
    lines = [
        "# What Waggle works on and how. Secrets stand in .env, never here.",
        "# Every key is explained in docs/configuration.md of Waggle; an edit is in force within a second.",
        "",
        "[[repository]]",
        f"slug = {_quoted(plan.slug)}",
        _setting("remote", plan.remote, f"{github}, by the name above, with the token from .env"),
        _setting("base_branch", plan.base_branch, "the repository's default branch"),
        _command("install", commands.install, commands.install_because, "run once in each fresh worktree"),
        _command("verify", commands.verify, commands.verify_because, "run before a branch is pushed"),
        f"ci = {'true' if commands.has_ci else 'false'}  # {ci}",
        '# screenshots = "npm run shots"    # a command that writes pictures of the running application',
        '# ui_paths = ["src/**/*.tsx"]      # files whose change wants such pictures',
        "",
        "[routes]",
        f"default = [{{ agent = {_quoted(plan.agent)} }}]",
        "",
        *_channel(plan),
        "",
        *_access(plan),
        "",
        "# With one model key instead of two, reviews of one family have to be enough:",
        "# [reviews]",
        "# families = 1",
    ]
    return "\n".join(lines) + "\n"


def env_text(plan: Plan) -> str:
    """The commented `.env`, with nothing secret in it yet."""
    api = plan.address.api_url
    lines = [
        "# Secrets of Waggle. Fill in what you have, one at a time: what is missing is served by a playground, but a",
        "# repository of your own wants GITHUB_TOKEN. Keep this file out of git.",
        "",
        "# GitHub: a token that may push to the repository and read its checks.",
        "# GITHUB_TOKEN=",
        "# Or, better, a GitHub App: its id, its key (the path of the file) and the number of its installation.",
        "# GITHUB_APP_ID=",
        "# GITHUB_APP_PRIVATE_KEY=",
        "# GITHUB_APP_INSTALLATION_ID=",
        *([f"GITHUB_API_URL={api}"] if api else []),
        "",
        "# Slack: make an app from what `waggle manifest` prints. The bot token stands under OAuth & Permissions, the",
        "# app token (scope connections:write) under Basic Information. Both or neither.",
        "# SLACK_BOT_TOKEN=",
        "# SLACK_APP_TOKEN=",
        "",
        "# Models that scope requests and review changes; with both keys, reviews come from two families.",
        "# ANTHROPIC_API_KEY=",
        "# OPENAI_API_KEY=",
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Written:
    """What became of one file: written, or kept as it was, with what would have been written."""

    path: Path
    text: str
    made: bool


def write_new(path: Path, text: str, mode: int) -> Written:
    """Write a file that is not there yet; one that is there, or a link, stays as it is.

    Raises:
        OSError: the directory cannot be written to.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        return Written(path, text, False)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Written(path, text, True)


def add_line(path: Path, line: str) -> None:
    """Add a line to the end of a file, which is made when it is missing. Raises OSError."""
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        before = file.read()
        file.write(f"{'' if not before or before.endswith(chr(10)) else chr(10)}{line}\n")


def _quoted(text: str) -> str:
    """A TOML string. JSON's escapes are TOML's, but for DEL, which TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _setting(key: str, value: str, default: str) -> str:
    return f"{key} = {_quoted(value)}" if value else f'{key} = ""  # {default}'


def _command(key: str, value: str, because: str, what: str) -> str:
    said = f"{what}; from {because}" if value and because != "as you said" else what
    return f"{key} = {_quoted(value)}  # {said}" if value else f'# {key} = "…"  # {what}; nothing was found'


def _channel(plan: Plan) -> list[str]:
    head = "# Where people ask for work. The id (C…) stands at the end of About in the channel's details."
    repository = f"repository = {_quoted(plan.slug)}"
    if plan.channel:
        return [head, "[[channel]]", f"id = {_quoted(plan.channel)}", 'means = "work"', repository]
    return [head, "# [[channel]]", '# id = "C0123456789"', '# means = "work"', f"# {repository}"]


def _access(plan: Plan) -> list[str]:
    head = "# Who may do what, by Slack user id. Without an admin, `waggle run` prints a code to claim it with."
    if plan.admin:
        return [head, "[access]", f"admins = [{_quoted(plan.admin)}]"]
    return [head, "# [access]", '# admins = ["U0123456789"]']
