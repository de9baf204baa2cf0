"""What is to be written: what the clone says, what its files say, and what a person answers for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.init.address import Address, read_address
from bot.init.commands import Commands, find_commands
from integrations.git.clone import Clone
from integrations.git.places import is_slug

#: asked with the question and a default; what it returns is taken. None where nobody can be asked.
Asker = Callable[[str, str], str]


class CannotAskError(Exception):
    """Something is missing and nobody is there to say it; the message names the option."""


@dataclass(frozen=True)
class Given:
    """What was said by options; empty where nothing was."""

    remote: str = ""
    slug: str = ""
    base_branch: str = ""
    install: str | None = None
    verify: str | None = None
    channel: str = ""
    admin: str = ""


@dataclass(frozen=True)
class Plan:
    """What will stand in the files.

    Attributes:
        remote: empty when the address follows from slug and GitHub.
        notes: what a person should know, one sentence each.
    """

    slug: str
    remote: str
    address: Address
    base_branch: str
    commands: Commands
    agent: str
    channel: str = ""
    admin: str = ""
    notes: tuple[str, ...] = field(default=())


def make_plan(clone: Clone, given: Given, ask: Asker | None, find_program: Callable[[str], str | None]) -> Plan:
    """Find everything; ask for what is not found.

    Raises:
        CannotAskError: something is missing and `ask` is None.
        GitError
    """
    notes: list[str] = []
    remotes = clone.remotes()
    name, url = _remote(remotes, given, ask)
    address = read_address(url)
    slug = given.slug or address.slug or _answer(ask, "Repository as owner/name", "", _no_slug(url))
    if not is_slug(slug):
        raise CannotAskError(f"`{slug}` is no repository's name. Write owner/name: `waggle init --slug acme/shop`.")
    if address.is_other:
        notes.append(f"{address.host} is not GitHub: Waggle opens pull requests on GitHub and GitHub Enterprise only.")
    if not address.host:
        notes.append(f"{url} is a directory of this machine: pull requests need a repository of that name on GitHub.")
    if "upstream" in remotes and name == "origin" and not given.remote:
        notes.append("There is a remote `upstream` too. Work goes to `origin`; use `--remote upstream` for the other.")
    if not clone.has_commits():
        notes.append(
            "There is no commit yet: push a first one to the base branch, or agents have nothing to start from."
        )
    base = given.base_branch or clone.default_branch(name) or clone.current_branch()
    if not base:
        base = _answer(
            ask, "Base branch", "main", "The base branch cannot be told. Name it: `waggle init --base-branch main`."
        )
    commands = _commands(clone.root, given, ask, notes)
    agent = next((kind for program, kind in _AGENTS if find_program(program)), "claude-code")
    if not any(find_program(program) for program, _ in _AGENTS):
        notes.append("No coding agent is installed here: `npm install -g @anthropic-ai/claude-code` for Claude Code.")
    own_address = address.clone if not address.host else ""
    return Plan(slug, own_address, address, base, commands, agent, given.channel, given.admin, tuple(notes))


_AGENTS = (("claude", "claude-code"), ("codex", "codex"), ("opencode", "opencode"))


def _answer(ask: Asker | None, question: str, default: str, missing: str) -> str:
    if ask is None:
        raise CannotAskError(missing)
    return ask(question, default).strip()


def _no_slug(url: str) -> str:
    return f"{url} does not say owner and name. Name them: `waggle init --slug owner/name`."


def _remote(remotes: dict[str, str], given: Given, ask: Asker | None) -> tuple[str, str]:
    """Name and address of the remote that work goes to; the name is empty for an address that was given."""
    if given.remote:
        return (given.remote, remotes[given.remote]) if given.remote in remotes else ("", given.remote)
    if given.slug and not remotes:
        return "", given.slug
    if not remotes:
        missing = (
            "This repository has no remote, so Waggle cannot tell where pull requests go. Create it on GitHub, then "
            "`git remote add origin ADDRESS`; or name it: `waggle init --remote https://github.com/OWNER/NAME.git`."
        )
        return "", _answer(ask, "Address of the repository on GitHub", "", missing)
    if "origin" in remotes or len(remotes) == 1:
        name = "origin" if "origin" in remotes else next(iter(remotes))
        return name, remotes[name]
    names = ", ".join(sorted(remotes))
    missing = f"There are several remotes ({names}) and none is called origin. Choose: `waggle init --remote NAME`."
    chosen = _answer(ask, f"Remote ({names})", sorted(remotes)[0], missing)
    if chosen not in remotes:
        raise CannotAskError(f"There is no remote `{chosen}`. There are {names}.")
    return chosen, remotes[chosen]


def _commands(root: Path, given: Given, ask: Asker | None, notes: list[str]) -> Commands:
    """What was found and said. An empty answer is one: not every repository wants either command."""
    found = find_commands(root)
    install, why_install = found.install, found.install_because
    verify, why_verify = found.verify, found.verify_because
    if given.install is not None:
        install, why_install = given.install, "as you said"
    elif not install and ask is not None:
        install, why_install = ask("Install command (empty for none)", "").strip(), "as you said"
    if given.verify is not None:
        verify, why_verify = given.verify, "as you said"
    elif not verify and ask is not None:
        verify, why_verify = ask("Verify command (empty for none)", "").strip(), "as you said"
    if not verify and not found.has_ci:
        notes.append("Neither CI nor a verify command was found: nothing would check what agents change.")
    return Commands(install, verify, why_install, why_verify, found.has_ci or not verify)
