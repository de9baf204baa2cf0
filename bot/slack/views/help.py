"""What can be said, with examples. Pure."""

from __future__ import annotations

from bot.slack.views import blocks, escape
from bot.slack.views.budget import Message, fit


def overview(command: str, hint: str = "") -> Message:
    """The help for everybody.

    Parameters:
        command: the slash command, `/waggle`.
        hint: what was not understood, in one sentence.
    """
    parts = [blocks.section(escape.text(hint))] if hint else []
    parts.append(
        blocks.section(
            "*Ask for work* in a channel: `@waggle customers want CSV export of invoices`\n"
            "Waggle scopes it, you approve the plan, an agent works in its own copy of the repository, "
            "and you get a pull request. A person always merges."
        )
    )
    parts.append(
        blocks.section(
            "*In a task's thread* the first word counts:\n"
            "• `approve` (or `lgtm`, `ok`, `go`) · `edit …` · `reject`\n"
            "• `retry …` with what the agent should know · `answer …` · `extend` a spent budget\n"
            "• `start` · `snooze` · `never`, of what Waggle proposes by itself\n"
            "• `after T-3`: wait until T-3 is merged (`after none`: no longer); in a request, `after:T-3`\n"
            "• after the merge: `revert` takes the change back in a new pull request; other words are a follow-up\n"
            "• `stop` (or `cancel`) · `pause` · `resume` · `takeover` · `giveback`\n"
            "Anything else is kept for the next attempt. `//` in front: between people, Waggle ignores it."
        )
    )
    parts.append(
        blocks.section(
            f"*Anywhere*: `{command} new fix the rounding of tax` · `{command} status` · "
            f"`{command} status mine|all|archived` · `{command} stop T-12` · `{command} context search export` · "
            f"`{command} context add …`\n"
            f"*Access*: `{command} whoami` · `{command} claim CODE` · "
            f"`{command} allow @person approver` · `{command} deny @person`\n"
            f"*Emergency* (admins): `{command} estop` lets every agent stand still, `{command} thaw` go on"
        )
    )
    return fit("How to talk to Waggle", parts)


def usage(command: str, verb: str, form: str) -> Message:
    """A verb without what it needs."""
    said = f"`{verb}` needs a little more: `{form}`. In a thread without, elsewhere with `{command}` in front."
    return Message(said)


def welcome(command: str, meaning: str) -> Message:
    """Said once in a channel that Waggle was invited to."""
    if meaning in {"feedback", "notes"}:
        return Message(
            "👋 I read this channel as context and say nothing here. "
            f"`{command} context search …` finds what was said; delete a message and I forget it."
        )
    return Message(
        "👋 I turn requests into reviewed pull requests. Write `@waggle` and what you want, for example "
        f"`@waggle customers want CSV export of invoices`. `{command} help` shows the rest."
    )
