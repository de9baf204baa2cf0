"""Slack's payloads to deliveries with a key of their own. Pure; the only file that knows the payloads' fields.

Keys decide what "the same delivery" means: a mention arrives as `app_mention` and as `message` and is one thing
said, whatever the number of retries; a second click on the same button is another click.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack.buttons import read_action_id, read_token
from bot.slack.deliveries import Delivery, Joined, Noted, Pressed, Said, SharedFile, Submitted
from bot.slack.intents import Surface

Body = Mapping[str, Any]

#: message subtypes that are somebody saying something
_SAYING = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
_TEXT_LIMIT = 12_000  #: characters of a message that are kept; Slack itself cuts at 40,000


@dataclass(frozen=True)
class Arrival:
    """One delivery and the key under which it acts once."""

    key: str
    delivery: Delivery


@dataclass(frozen=True)
class Home:
    """Whose workspace this is.

    Attributes:
        team: id of the team that Waggle is installed in.
        bot_user, bot_id: Waggle itself.
        url: address of the workspace, for permalinks.
    """

    team: str
    bot_user: str
    bot_id: str = ""
    url: str = ""

    def permalink(self, channel: str, ts: str, thread_ts: str = "") -> str:
        """The address of a message, built the way Slack builds it, so that no call is needed."""
        if not self.url or not ts:
            return ""
        link = f"{self.url.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"
        return f"{link}?thread_ts={thread_ts}&cid={channel}" if thread_ts and thread_ts != ts else link


def read_slash(body: Body, home: Home) -> Arrival:
    """A slash command."""
    said = Said(
        user=str(body.get("user_id", "")),
        user_team=str(body.get("team_id", "")),
        channel=str(body.get("channel_id", "")),
        response_url=str(body.get("response_url", "")),
        surface=Surface.SLASH,
        text=str(body.get("text") or "")[:_TEXT_LIMIT],
        addressed=True,
    )
    return Arrival(f"cmd:{home.team}:{body.get('trigger_id', '')}", said)


def read_message(body: Body, home: Home) -> Arrival | None:
    """Something said in a channel or a direct message, by `app_mention` or `message`; None for anything else.

    Whether a reply stands in a thread of ours is not known here: `surface` says MENTION, THREAD is decided later.
    """
    event = _event(body)
    if str(event.get("subtype") or "") not in _SAYING or event.get("hidden"):
        return None
    channel, ts = str(event.get("channel", "")), str(event.get("ts", ""))
    if not channel or not ts:
        return None
    direct = event.get("channel_type") == "im" or channel.startswith("D")
    text = str(event.get("text") or "")[:_TEXT_LIMIT]
    said = Said(
        user=str(event.get("user") or ""),
        user_team=_team_of(event),
        is_bot=_is_bot(event),
        external=bool(body.get("is_ext_shared_channel")) and not _team_of(event),
        channel=channel,
        thread_ts=str(event.get("thread_ts") or ""),
        ts=ts,
        surface=Surface.DM if direct else Surface.MENTION,
        text=text,
        addressed=direct or f"<@{home.bot_user}" in text,
    )
    return Arrival(f"msg:{home.team}:{channel}:{ts}", said)


def read_context(body: Body, home: Home, meaning: str) -> Arrival | None:
    """A message, an edit or a deletion in a channel that is taken in as context."""
    event = _event(body)
    channel = str(event.get("channel", ""))
    subtype = str(event.get("subtype") or "")
    if subtype == "message_deleted":
        before = _mapping(event.get("previous_message"))
        ts = str(event.get("deleted_ts") or before.get("ts") or "")
        noted = Noted(channel=channel, ts=ts, user=str(before.get("user") or ""), meaning=meaning, deleted=True)
        return Arrival(f"ctx:{home.team}:{channel}:{ts}:deleted", noted)
    if subtype == "message_changed":
        message, before = _mapping(event.get("message")), _mapping(event.get("previous_message"))
        # An unfurled link and our own edits come as changes too; they change no words.
        if message.get("text") == before.get("text") or message.get("subtype") == "tombstone":
            return None
        return _noted(message, channel, home, meaning, edited=str(event.get("event_ts") or event.get("ts") or ""))
    if subtype not in _SAYING:
        return None
    return _noted(event, channel, home, meaning)


def read_history(message: Mapping[str, Any], channel: str, home: Home, meaning: str) -> Arrival | None:
    """A message of a channel's history, as context: the backlog that was written before Waggle listened."""
    if str(message.get("subtype") or "") not in _SAYING or message.get("type") not in {None, "message"}:
        return None
    return _noted(message, channel, home, meaning)


def _noted(message: Mapping[str, Any], channel: str, home: Home, meaning: str, edited: str = "") -> Arrival | None:
    ts, text = str(message.get("ts") or ""), str(message.get("text") or "")[:_TEXT_LIMIT]
    ours = message.get("user") == home.bot_user or (home.bot_id and message.get("bot_id") == home.bot_id)
    files = () if edited else tuple(_files(message))
    if not ts or ours or not (text.strip() or files):
        return None
    noted = Noted(
        channel=channel,
        ts=ts,
        user=str(message.get("user") or message.get("bot_id") or ""),
        text=text,
        meaning=meaning,
        permalink=home.permalink(channel, ts, str(message.get("thread_ts") or "")),
        files=files,
        edited=bool(edited),
    )
    return Arrival(f"ctx:{home.team}:{channel}:{ts}" + (f":{edited}" if edited else ""), noted)


def _files(message: Mapping[str, Any]) -> Iterator[SharedFile]:
    for file in message.get("files") or []:
        one = _mapping(file)
        url = str(one.get("url_private_download") or one.get("url_private") or "")
        if url and one.get("id"):
            size = one.get("size")
            yield SharedFile(
                id=str(one["id"]),
                name=str(one.get("name") or one["id"]),
                url=url,
                size=size if isinstance(size, int) else 0,
                permalink=str(one.get("permalink") or ""),
            )


def read_edit(body: Body, home: Home) -> tuple[str, str, Said] | None:
    """An edit of something said: the key under which it was said, a key for the edit, and the new words."""
    event = _event(body)
    message, before = _mapping(event.get("message")), _mapping(event.get("previous_message"))
    if event.get("subtype") != "message_changed" or message.get("text") == before.get("text") or _is_bot(message):
        return None
    channel, ts = str(event.get("channel", "")), str(message.get("ts") or "")
    said = Said(
        user=str(message.get("user") or ""),
        channel=channel,
        thread_ts=str(message.get("thread_ts") or ""),
        ts=ts,
        surface=Surface.MENTION,
        text=str(message.get("text") or "")[:_TEXT_LIMIT],
    )
    key = f"msg:{home.team}:{channel}:{ts}"
    return key, f"{key}:edited", said


def read_action(body: Body, home: Home) -> Arrival | None:
    """A pressed button of ours; None for links and for anything else."""
    actions = body.get("actions") or [{}]
    action = _mapping(actions[0])
    known = read_action_id(str(action.get("action_id", "")))
    token = read_token(str(action.get("value", "")))
    if known is None or token is None:
        return None
    verb, option = known
    user, container = _mapping(body.get("user")), _mapping(body.get("container"))
    channel = str(container.get("channel_id") or _mapping(body.get("channel")).get("id") or "")
    ts = str(container.get("message_ts") or "")
    thread = str(container.get("thread_ts") or _mapping(body.get("message")).get("thread_ts") or "")
    pressed = Pressed(
        user=str(user.get("id", "")),
        user_team=str(user.get("team_id") or ""),
        channel=channel,
        thread_ts=thread or ts,
        ts=ts,
        response_url=str(body.get("response_url") or ""),
        verb=verb,
        task_id=token.task_id,
        version=token.version,
        nonce=token.nonce,
        option=option,
    )
    key = f"act:{home.team}:{channel}:{ts}:{action.get('action_id')}:{action.get('action_ts', '')}:{pressed.user}"
    return Arrival(key, pressed)


def read_submission(body: Body, home: Home) -> Arrival | None:
    """A submitted form of ours; None for anything else."""
    view, user = _mapping(body.get("view")), _mapping(body.get("user"))
    known = read_action_id(str(view.get("callback_id", "")))
    token_text, _, place = str(view.get("private_metadata") or "").partition("@")
    token = read_token(token_text)
    if known is None or token is None:
        return None
    channel, _, thread_ts = place.partition(":")
    values = _mapping(_mapping(view.get("state")).get("values"))
    fields = [_mapping(field) for block in values.values() for field in _mapping(block).values()]
    submitted = Submitted(
        user=str(user.get("id", "")),
        user_team=str(user.get("team_id") or ""),
        channel=channel,
        thread_ts=thread_ts,
        verb=known[0],
        task_id=token.task_id,
        version=token.version,
        text=str(next((field.get("value") for field in fields if field.get("value")), ""))[:_TEXT_LIMIT],
    )
    return Arrival(f"view:{home.team}:{view.get('id', '')}", submitted)


def read_joined(body: Body, home: Home) -> Arrival | None:
    """Waggle itself was added to a channel; None when somebody else was."""
    event = _event(body)
    if event.get("user") != home.bot_user:
        return None
    channel = str(event.get("channel", ""))
    key = f"join:{home.team}:{channel}:{event.get('event_ts') or body.get('event_id', '')}"
    return Arrival(key, Joined(channel=channel, inviter=str(event.get("inviter") or "")))


def _event(body: Body) -> Mapping[str, Any]:
    return _mapping(body.get("event"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_bot(event: Mapping[str, Any]) -> bool:
    return bool(event.get("bot_id") or event.get("bot_profile") or event.get("subtype") == "bot_message")


def _team_of(event: Mapping[str, Any]) -> str:
    """The team of the sender. In a shared channel `team` may be the channel's, so the user's own goes first."""
    return str(event.get("user_team") or event.get("source_team") or event.get("team") or "")
