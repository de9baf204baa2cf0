"""The payloads of the Events API, with the fields that Slack documents for each event and no others. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from integrations.playground.slack.channels import Channel
from integrations.playground.slack.messages import Message
from integrations.playground.slack.people import APP, BOT_USER, TEAM
from integrations.playground.slack.shapes import core
from integrations.playground.slack.store import Json

# What Slack leaves out of the subtypes of a message.
_WITHOUT = {
    "file_share": ("team", "client_msg_id", "bot_id", "bot_profile"),
    "thread_broadcast": ("team", "bot_id", "bot_profile", "parent_user_id"),
}


def callback(event: Json, now: float) -> Json:
    """An event in its envelope's payload."""
    return {
        "token": "verification",
        "team_id": TEAM,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(now),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_hex(20)}",
    }


def said(message: Message, channel: Channel, parent_user: str, files: Sequence[Json] = ()) -> Json:
    """A `message` event: somebody, perhaps Waggle itself, wrote something."""
    event = core(message, files) | {"channel": channel.id, "event_ts": message.ts, "channel_type": _type(channel)}
    if message.thread_ts and parent_user:
        event["parent_user_id"] = parent_user
    return {name: value for name, value in event.items() if name not in _WITHOUT.get(message.subtype, ())}


def mentioned(message: Message, channel: Channel) -> Json:
    event: Json = {
        "type": "app_mention",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": TEAM,
        "channel": channel.id,
        "event_ts": message.ts,
    }
    if message.client_msg_id:
        event["client_msg_id"] = message.client_msg_id
    if message.thread_ts:
        event["thread_ts"] = message.thread_ts
    return event


def changed(message: Message, previous: Message, channel: Channel, ts: str) -> Json:
    return {
        "type": "message",
        "subtype": "message_changed",
        "channel": channel.id,
        "hidden": True,
        "message": core(message),
        "previous_message": core(previous),
        "ts": ts,
        "event_ts": ts,
        "channel_type": _type(channel),
    }


def deleted(previous: Message, channel: Channel, ts: str) -> Json:
    return {
        "type": "message",
        "subtype": "message_deleted",
        "channel": channel.id,
        "hidden": True,
        "deleted_ts": previous.ts,
        "previous_message": core(previous),
        "ts": ts,
        "event_ts": ts,
        "channel_type": _type(channel),
    }


def reacted(kind: str, user: str, name: str, message: Message, event_ts: str) -> Json:
    """`kind` is `reaction_added` or `reaction_removed`."""
    return {
        "type": kind,
        "user": user,
        "reaction": name,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "item_user": message.user,
        "event_ts": event_ts,
    }


def joined(user: str, channel: str, inviter: str, event_ts: str) -> Json:
    event: Json = {
        "type": "member_joined_channel",
        "user": user,
        "channel": channel,
        "channel_type": "C",
        "team": TEAM,
        "event_ts": event_ts,
    }
    if inviter:
        event["inviter"] = inviter
    return event


def left(channel: str, event_ts: str) -> Json:
    """Waggle was removed from a channel."""
    return {"type": "channel_left", "channel": channel, "event_ts": event_ts}


def archived(kind: str, channel: str, user: str, event_ts: str) -> Json:
    """`kind` is `channel_archive` or `channel_unarchive`."""
    return {"type": kind, "channel": channel, "user": user, "event_ts": event_ts}


def home_opened(user: str, channel: str, tab: str, event_ts: str) -> Json:
    return {"type": "app_home_opened", "user": user, "channel": channel, "tab": tab, "event_ts": event_ts}


def _type(channel: Channel) -> str:
    return "im" if channel.is_im else "channel"
