"""What a button carries, and what it means when it comes back.

A button holds `v1|task|version|nonce`: which task, the state it was shown for, and what it belongs to. Nothing
of what it does is in there, so a forged or stale one can do no more than ask for what is checked anyway.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.slack.access import Action
from bot.slack.intents import (
    AddContext,
    After,
    Allow,
    Answer,
    Approve,
    Claim,
    Command,
    Deny,
    Edit,
    Estop,
    Extend,
    FreeText,
    GiveBack,
    Help,
    Never,
    New,
    Pause,
    Reject,
    Resume,
    Retry,
    Revert,
    SearchContext,
    SideTalk,
    Snooze,
    Start,
    Status,
    Stop,
    TakeOver,
    Thaw,
    Unclear,
    WhoAmI,
)

PREFIX = "waggle."
#: verbs whose button opens a form first
FORMS = frozenset({"edit", "guide", "retry", "answer"})
LINK = "link"

_ACTION = re.compile(r"waggle\.([a-z]+)(?:\.(\d+))?")
_TOKEN = re.compile(r"v1\|(\d{1,18})\|(\d{1,18})\|([\w.-]{0,40})")

_VERB_ACTIONS = {
    "approve": Action.APPROVE,
    "extend": Action.APPROVE,
    "start": Action.APPROVE,
    "snooze": Action.STEER,
    "never": Action.STEER,
    "reject": Action.STEER,
    "edit": Action.STEER,
    "retry": Action.STEER,
    "revert": Action.APPROVE,
    "takeover": Action.STEER,
    "giveback": Action.STEER,
    "pause": Action.STEER,
    "resume": Action.STEER,
    "stop": Action.STOP,
    "guide": Action.GUIDE,
    "answer": Action.GUIDE,
}
_COMMAND_ACTIONS: dict[type[Command], Action] = {
    New: Action.REQUEST,
    Status: Action.READ,
    Approve: Action.APPROVE,
    Reject: Action.STEER,
    Retry: Action.STEER,
    Stop: Action.STOP,
    Pause: Action.STEER,
    Resume: Action.STEER,
    Answer: Action.GUIDE,
    Edit: Action.STEER,
    Extend: Action.APPROVE,
    After: Action.STEER,
    Revert: Action.APPROVE,
    TakeOver: Action.STEER,
    GiveBack: Action.STEER,
    Start: Action.APPROVE,
    Snooze: Action.STEER,
    Never: Action.STEER,
    SearchContext: Action.READ,
    AddContext: Action.ADD_CONTEXT,
    Claim: Action.CLAIM,
    Allow: Action.GRANT,
    Deny: Action.GRANT,
    Estop: Action.GRANT,
    Thaw: Action.GRANT,
    WhoAmI: Action.ASK_HELP,
    Help: Action.ASK_HELP,
    FreeText: Action.REQUEST,
    SideTalk: Action.ASK_HELP,
    Unclear: Action.ASK_HELP,
}


@dataclass(frozen=True)
class Token:
    task_id: int
    version: int
    nonce: str = ""

    def __str__(self) -> str:
        return f"v1|{self.task_id}|{self.version}|{self.nonce}"


def read_token(value: str) -> Token | None:
    """The token in a button's value; None when it is not one of ours."""
    found = _TOKEN.fullmatch(value)
    return Token(int(found[1]), int(found[2]), found[3]) if found else None


def action_id(verb: str, option: int | None = None) -> str:
    return f"{PREFIX}{verb}" if option is None else f"{PREFIX}{verb}.{option}"


def read_action_id(text: str) -> tuple[str, int | None] | None:
    """The verb of a button and, for one of several answers, which; None when it is not one of ours."""
    found = _ACTION.fullmatch(text)
    if found is None or found[1] not in _VERB_ACTIONS:
        return None
    return found[1], int(found[2]) if found[2] else None


def action_of_verb(verb: str) -> Action:
    return _VERB_ACTIONS[verb]


def action_of(command: Command, *, in_task_thread: bool) -> Action:
    """What the right to say `command` is called."""
    if isinstance(command, FreeText) and in_task_thread:
        return Action.GUIDE
    return _COMMAND_ACTIONS[type(command)]
