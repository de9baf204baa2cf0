"""How Slack says no: HTTP 200 with an error's name."""

from __future__ import annotations

from integrations.playground.slack.store import Json


class Refused(Exception):
    """The call is answered with `{"ok": false, "error": …}`.

    Parameters:
        error: Slack's name for it.
        messages: what `response_metadata.messages` says, for errors that explain themselves.
        extra: further fields of the answer.
    """

    def __init__(self, error: str, *, messages: tuple[str, ...] = (), extra: Json | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages
        self.extra = extra or {}

    def as_json(self) -> Json:
        answer: Json = {"ok": False, "error": self.error, **self.extra}
        if self.messages:
            answer |= {"errors": list(self.messages), "response_metadata": {"messages": list(self.messages)}}
        return answer
