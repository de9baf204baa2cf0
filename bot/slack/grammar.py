"""One grammar of verbs for slash commands, mentions, direct messages and thread replies.

Pure: text and where it was said go in, a frozen command comes out. No model reads a command, and nothing
here looks at a task: whether the verb fits its state is decided where the state is.

Rules that are easy to break:

* A bare verb counts only as the first word of a reply in a thread that we own. In a channel, the first
  mention of Waggle is a request unless the verb is complete ("@waggle retry logic is broken" is work).
* `stop` as the first word is always a stop, wherever it was said.
* Soft words (`ok`, `go`, `lgtm`, `again`, `cancel`, `kill`) count only alone or with a filler behind them:
  "ok, but use tabs" is talk.
"""

from __future__ import annotations

import re

from bot.slack import markup
from bot.slack.intents import (
    ROLES,
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
    Surface,
    TakeOver,
    Thaw,
    Unclear,
    WhoAmI,
)
from scheduler.names import read_task_label

_SYNONYMS = {
    "lgtm": "approve",
    "go": "approve",
    "ok": "approve",
    "okay": "approve",
    "👍": "approve",
    ":+1:": "approve",
    ":thumbsup:": "approve",
    "cancel": "stop",
    "kill": "stop",
    "redo": "retry",
    "again": "retry",
    "take-over": "takeover",
    "give-back": "giveback",
}
#: synonyms that are also everyday words: alone, or with a filler, they are the verb
_SOFT = frozenset({"go", "ok", "okay", "lgtm", "👍", ":+1:", ":thumbsup:", "cancel", "kill", "again"})
_FILLERS = frozenset(
    {"ahead", "for", "it", "this", "that", "the", "task", "please", "thanks", "thank", "you", "then", "now", "ship"}
    | {"budget", "👍", "🚀", ":+1:", ":thumbsup:", ":rocket:"}
)
#: verbs that act on a task
_ON_TASK = frozenset(
    {"approve", "reject", "retry", "stop", "pause", "resume", "answer", "edit", "takeover", "giveback", "revert"}
    | {"start", "snooze", "never", "extend"}
)
#: of those, the ones that take no words behind them
_BARE = frozenset({"pause", "resume", "takeover", "giveback", "start", "snooze", "never", "extend"})
_VERBS = _ON_TASK | {"new", "status", "context", "claim", "allow", "deny", "whoami", "help", "estop", "thaw"}
_SCOPES = frozenset({"all", "archived", "mine"})  #: of `status`
_PUNCTUATION = ".,;:!?"
_PRIORITY = re.compile(r"^p[0-3]$", re.IGNORECASE)
_AFTER = re.compile(r"after(?::\s*|\s+)(?P<labels>\S.*)$", re.IGNORECASE)
_WAITED_FOR = re.compile(r"none|T-\d{1,9}(?:[\s,]+(?:and\s+)?T-\d{1,9})*", re.IGNORECASE)
_SLUG = re.compile(r"^[\w.-]+/[\w.-]+$")


def parse(wire: str, surface: Surface, bot_user_id: str = "") -> Command:
    """The command in a Slack text.

    Parameters:
        wire: the text as Slack sent it.
        surface: where it was said.
        bot_user_id: our own user id; a mention of it at the start is not part of the command.
    """
    said = markup.words(wire)
    text = markup.without_leading_mention(said, bot_user_id)
    addressed = text != said
    if surface is Surface.THREAD and not addressed and _is_side_talk(text):
        return SideTalk()
    if not text:
        return Help() if surface is not Surface.THREAD or addressed else SideTalk()
    after = _after(text, surface)
    if after is not None:
        return after
    verb, rest, typed = _first_word(text)
    if verb not in _VERBS:
        return FreeText(markup.readable(text))
    if verb == "stop" and typed == "stop":
        return _on_task(verb, rest, surface)
    if not _meant(verb, typed, rest, surface, addressed):
        return FreeText(markup.readable(text))
    if verb in _ON_TASK:
        return _on_task(verb, rest, surface)
    return _plain(verb, rest)


def _after(text: str, surface: Surface) -> Command | None:
    """`after T-3` in a task's thread, `after T-5 T-3` elsewhere; None when it is a sentence that begins so."""
    found = _AFTER.match(text)
    if found is None:
        return None
    labels = found["labels"].rstrip(_PUNCTUATION)
    task_id = None
    if surface is not Surface.THREAD:
        task_id, labels = _take_label(labels, surface)
    if _WAITED_FOR.fullmatch(labels) and (task_id is not None or surface is Surface.THREAD):
        return After(task_id, labels)
    return Unclear("after", "after T-5 T-3") if surface is Surface.SLASH else None


def _is_side_talk(text: str) -> bool:
    return text.startswith("//") or re.match(r"<@[UW][A-Z0-9]+>", text) is not None


def _first_word(text: str) -> tuple[str, str, str]:
    """The verb, what follows it, and the first word as it was typed (lower case)."""
    first, rest = _split(text)
    second, after = _split(rest)
    if first.lower() in {"take", "give"} and second.lower().rstrip(_PUNCTUATION) in {"over", "back"}:
        joined = first.lower() + second.lower().rstrip(_PUNCTUATION)
        if joined in {"takeover", "giveback"}:
            return joined, after, joined
    typed = first.lower()
    if typed not in _SYNONYMS:
        typed = typed.rstrip(_PUNCTUATION)
    return _SYNONYMS.get(typed, typed), rest, typed


def _split(text: str) -> tuple[str, str]:
    parts = text.strip().split(None, 1)
    if not parts:
        return "", ""
    return parts[0], parts[1].strip() if len(parts) > 1 else ""


def _meant(verb: str, typed: str, rest: str, surface: Surface, addressed: bool) -> bool:
    """Whether a text that begins with a verb is that command, and not a sentence that begins with the word."""
    if surface is Surface.SLASH:
        return True
    label, behind = _take_label(rest, surface)
    if typed in _SOFT and not _is_filler(behind) and not behind.lower().startswith("with "):
        return False
    if verb in _BARE and not _is_filler(behind):
        return False
    if verb in _ON_TASK:
        return surface is Surface.THREAD or label is not None or _is_filler(behind)
    if verb in {"status", "help", "whoami", "estop", "thaw"}:
        return _is_filler(behind) or (verb == "status" and behind.lower() in _SCOPES)
    if verb == "new":
        return surface is not Surface.THREAD or addressed
    if verb == "context":
        return _split(rest)[0].lower() in {"add", "search"}
    if verb == "claim":
        return len(rest.split()) == 1 and surface is not Surface.THREAD
    return bool(markup.mentioned(rest))  # allow, deny


def _is_filler(text: str) -> bool:
    return all(word.lower().strip(_PUNCTUATION) in _FILLERS for word in text.split() if word.strip(_PUNCTUATION))


def _take_label(rest: str, surface: Surface) -> tuple[int | None, str]:
    """A task label at the start of `rest`, and what follows it.

    A bare number is a label only in a slash command: in a thread, "retry 3 columns" is guidance.
    """
    first, behind = _split(rest)
    label = first.rstrip(_PUNCTUATION)
    if not label or (label.isdigit() and surface is not Surface.SLASH):
        return None, rest
    task_id = read_task_label(label)
    return (None, rest) if task_id is None else (task_id, behind)


def _on_task(verb: str, rest: str, surface: Surface) -> Command:
    task_id, words = _take_label(rest, surface)
    words = markup.readable(words)
    match verb:
        case "approve":
            note = re.sub(r"^with\s+", "", words, flags=re.IGNORECASE)
            return Approve(task_id, "" if _is_filler(note) else note)
        case "reject":
            return Reject(task_id, words)
        case "retry":
            return Retry(task_id, "" if _is_filler(words) else words)
        case "revert":
            return Revert(task_id, "" if _is_filler(words) else words)
        case "stop":
            return Stop(task_id, "" if _is_filler(words) else words)
        case "answer":
            return Answer(task_id, words) if words else Unclear("answer", "answer <your answer>")
        case "edit":
            return Edit(task_id, words) if words else Unclear("edit", "edit <what should be different>")
        case "pause":
            return Pause(task_id)
        case "resume":
            return Resume(task_id)
        case "extend":
            return Extend(task_id)
        case "takeover":
            return TakeOver(task_id)
        case "start":
            return Start(task_id)
        case "snooze":
            return Snooze(task_id)
        case "never":
            return Never(task_id)
        case _:
            return GiveBack(task_id)


def _plain(verb: str, rest: str) -> Command:
    match verb:
        case "new":
            return _new(markup.readable(rest))
        case "status":
            return _status(rest)
        case "context":
            what, words = _split(rest)
            words = markup.readable(words)
            if what.lower() == "search" and words:
                return SearchContext(words)
            if what.lower() == "add" and words:
                return AddContext(words)
            return Unclear("context", "context search <words>` or `context add <text>")
        case "claim":
            return Claim(rest.split()[0]) if rest else Unclear("claim", "claim <the code from the terminal>")
        case "allow":
            return _allow(rest)
        case "deny":
            people = markup.mentioned(rest)
            return Deny(people[0]) if people else Unclear("deny", "deny @person")
        case "whoami":
            return WhoAmI()
        case "estop":
            return Estop()
        case "thaw":
            return Thaw()
        case _:
            return Help()


def _new(rest: str) -> Command:
    repo = priority = ""
    words: list[str] = []
    for word in rest.split(" "):
        name, colon, value = word.partition(":")
        if not words and colon and name.lower() == "repo" and _SLUG.match(value):
            repo = value
        elif not words and colon and name.lower() in {"prio", "priority"} and _PRIORITY.match(value):
            priority = value.lower()
        elif word or words:
            words.append(word)
    text = " ".join(words).strip()
    return New(text, repo, priority) if text else Unclear("new", "new <what you want built or fixed>")


def _status(rest: str) -> Command:
    first = _split(rest)[0].lower()
    if first in _SCOPES:
        return Status(scope=first)
    task_id = read_task_label(first.rstrip(_PUNCTUATION)) if first else None
    return Status(task_id=task_id)


def _allow(rest: str) -> Command:
    people = markup.mentioned(rest)
    roles = [word.lower() for word in rest.split() if not word.startswith("<@")]
    if not people or any(role not in ROLES for role in roles) or len(roles) > 1:
        return Unclear("allow", "allow @person [viewer|requester|approver|admin]")
    return Allow(people[0], roles[0] if roles else "requester")
