"""What Slack can answer instead of doing what it was asked.

IntegrationError
└── SlackError
    ├── SlackRefused       the tokens are not accepted (fatal until somebody changes them)
    ├── SlackLimited       429, with the time to wait
    ├── SlackUnreachable   no answer, or a server error; `in_doubt` when the call may have been carried out
    ├── ChannelLost        we cannot speak there any more
    ├── MessageGone        the message to edit does not exist, or may not be edited any more
    ├── ThreadGone         the thread to reply in does not exist
    └── SlackRejected      the call itself is wrong; the same call will be wrong again
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from integrations.fault import IntegrationError


class SlackError(IntegrationError):
    """Slack did not do what it was asked.

    Attributes:
        code: Slack's own word for it, empty when there was no answer.
    """

    code = ""


class SlackRefused(SlackError):
    pass


class SlackLimited(SlackError):
    pass


class SlackUnreachable(SlackError):
    in_doubt = False


class ChannelLost(SlackError):
    pass


class MessageGone(SlackError):
    pass


class ThreadGone(SlackError):
    pass


class SlackRejected(SlackError):
    pass


_TOKEN = {
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
    "org_login_required",
    "team_access_not_granted",
}
_CHANNEL = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "channel_is_archived",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_non_threadable_channel",
    "cannot_dm_bot",
    "user_not_found",
    "user_disabled",
    "users_not_found",
    "messages_tab_disabled",
    "ekm_access_denied",
}
_MESSAGE = {"message_not_found", "cant_update_message", "edit_window_closed"}
_THREAD = {"thread_not_found", "invalid_thread_ts", "cannot_reply_to_message"}
_SERVER = {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_DEFAULT_WAIT_S = 30


@contextmanager
def speaking(method: str, now: datetime) -> Iterator[None]:
    """Turn what slack-sdk raises inside the block into our own tree.

    Parameters:
        method: name of the Web API method, for the message.
        now: for the time before which a limited call makes no sense.

    Raises:
        SlackError: one of the tree above.
    """
    try:
        yield
    except SlackApiError as problem:
        raise _from_answer(method, problem, now) from problem
    except (TimeoutError, aiohttp.ClientError, SlackClientError, OSError) as problem:
        raise _unreachable(method, problem) from problem


def _from_answer(method: str, problem: SlackApiError, now: datetime) -> SlackError:
    answer = problem.response
    data = answer.data if not isinstance(answer, dict) else answer
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    status = getattr(answer, "status_code", 200)
    error = _classify(method, code, status)
    if isinstance(error, SlackLimited):
        headers = {name.lower(): value for name, value in getattr(answer, "headers", {}).items()}
        seconds = str(headers.get("retry-after", _DEFAULT_WAIT_S))
        error.not_before = now + timedelta(seconds=int(seconds) if seconds.isdigit() else _DEFAULT_WAIT_S)
    if code == "missing_scope" and isinstance(data, dict):
        error.user_message = (
            f"Slack: the app lacks the permission `{data.get('needed', '?')}` for {method}. "
            "Add it under OAuth & Permissions (or paste manifest.yml again) and reinstall the app."
        )
    error.code = code or f"http_{status}"
    return error


def _classify(method: str, code: str, status: int) -> SlackError:
    said = f"Slack answered {code or status} to {method}"
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        return SlackLimited(said, retryable=True)
    if status >= 500 or code in _SERVER or not code:
        error = SlackUnreachable(said, retryable=True)
        error.in_doubt = True
        return error
    if code in _TOKEN:
        return SlackRefused(
            said,
            user_message=f"Slack does not accept the token ({code}). Copy SLACK_BOT_TOKEN (xoxb-…) and "
            "SLACK_APP_TOKEN (xapp-…) again from https://api.slack.com/apps and restart Waggle.",
        )
    if code in _CHANNEL:
        return ChannelLost(said, user_message=f"Waggle cannot write there ({code}). Invite it with `/invite @waggle`.")
    if code in _MESSAGE:
        return MessageGone(said)
    if code in _THREAD:
        return ThreadGone(said)
    return SlackRejected(said)


def _unreachable(method: str, problem: Exception) -> SlackUnreachable:
    error = SlackUnreachable(
        f"Slack did not answer {method}: {type(problem).__name__} {problem}".rstrip(),
        retryable=True,
        user_message="Slack cannot be reached. Everything is kept and sent when it answers again.",
    )
    # A connection that was never made carried nothing; whatever broke later may have.
    error.in_doubt = not isinstance(problem, aiohttp.ClientConnectorError)
    return error
