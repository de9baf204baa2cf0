"""The root of every error that an outside system can cause.

    IntegrationError
    ├── integrations.git.GitError
    ├── integrations.github.GitHubError
    ├── integrations.errors.TrackerError
    ├── integrations.models.ModelError
    └── integrations.engines.EngineError

A caller reads `retryable` and `not_before`; it never parses a message.
"""

from __future__ import annotations

from datetime import datetime


class IntegrationError(Exception):
    """Something outside Waggle refused, failed or did not answer.

    Parameters:
        message: what happened, for logs; never holds a secret.
        retryable: the same call may succeed later without anybody's help.
        not_before: the earliest moment at which a retry makes sense (UTC), when the other side named one.
        user_message: one sentence for a person, with the cure; defaults to `message`.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        not_before: datetime | None = None,
        user_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.not_before = not_before
        self.user_message = user_message or message
