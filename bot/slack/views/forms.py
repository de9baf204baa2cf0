"""The forms that buttons open: one field, what it is for, and a button that says what will happen. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.slack.buttons import Token, action_id
from bot.slack.views import escape
from bot.slack.views.budget import Block, clip
from scheduler.names import task_label


@dataclass(frozen=True)
class _Words:
    title: str  #: at most 24 characters with the label
    label: str
    hint: str
    submit: str


_FORMS = {
    "edit": _Words(
        "Change the plan", "What should be different?", "It is scoped again with your words.", "Scope again"
    ),
    "guide": _Words("Guidance", "What should the agent know?", "The next attempt is told, word for word.", "Keep it"),
    "retry": _Words(
        "Retry", "What should the agent know or do differently?", "It goes into the next prompt word for word.", "Retry"
    ),
    "answer": _Words("Answer", "Your answer", "The agent goes on with it.", "Answer"),
}
_TITLE = 24


def form(verb: str, token: Token, channel: str, thread_ts: str) -> Block:
    """The form for a verb. Its metadata names the task and the thread, nothing else."""
    words = _FORMS[verb]
    return {
        "type": "modal",
        "callback_id": action_id(verb),
        "private_metadata": f"{token}@{channel}:{thread_ts}",
        "title": _plain(clip(f"{words.title} · {task_label(token.task_id)}", _TITLE)),
        "submit": _plain(words.submit),
        "close": _plain("Cancel"),
        "blocks": [
            {
                "type": "input",
                "block_id": "words",
                "label": _plain(words.label),
                "hint": _plain(words.hint),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "text",
                    "multiline": True,
                    "max_length": 3000,
                },
            }
        ],
    }


def typed_instead(verb: str, command: str, task_id: int) -> str:
    """What to type when the form could not be opened."""
    usage = {"guide": "write it as a reply in the task's thread"}.get(
        verb, f"reply `{verb} …` in the task's thread, or type `{command} {verb} {task_label(task_id)} …`"
    )
    return f"The form could not be opened; {usage}."


def _plain(raw: str) -> Block:
    return {"type": "plain_text", "text": escape.plain(raw)}
