"""The payloads of slash commands, clicks and forms, with the fields that Slack documents and no others. Pure."""

from __future__ import annotations

from integrations.playground.slack.channels import Channel
from integrations.playground.slack.forms import View
from integrations.playground.slack.messages import Ephemeral, Message
from integrations.playground.slack.people import APP, COMMAND, DOMAIN, TEAM, USERS
from integrations.playground.slack.shapes import core
from integrations.playground.slack.store import Json

_TOKEN = "verification"  # noqa: S105 (Slack's deprecated field, of no use to anybody)


def slash(text: str, channel: Channel, user: str, *, trigger: str, response_url: str) -> Json:
    return {
        "token": _TOKEN,
        "team_id": TEAM,
        "team_domain": DOMAIN,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.is_im else channel.name,
        "user_id": user,
        "user_name": USERS[user].name,
        "command": COMMAND,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger,
    }


def click(
    action: Json,
    user: str,
    *,
    channel: Channel,
    message: Message | Ephemeral,
    trigger: str,
    response_url: str,
) -> Json:
    """A click on something in a message. Of an ephemeral message Slack sends no content."""
    whispered = isinstance(message, Ephemeral)
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": whispered,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    payload = _interactive("block_actions", user) | {
        "container": container,
        "trigger_id": trigger,
        "channel": {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name},
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [action],
    }
    return payload if isinstance(message, Ephemeral) else payload | {"message": core(message) | {"app_id": APP}}


def view_click(action: Json, user: str, view: View, values: Json, *, trigger: str) -> Json:
    """A click on something in a form or on the Home tab."""
    return _interactive("block_actions", user) | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": trigger,
        "view": view.as_json(blocks=False, values=values),
        "actions": [action],
    }


def submission(user: str, view: View, values: Json, *, trigger: str) -> Json:
    return _interactive("view_submission", user) | {
        "trigger_id": trigger,
        "view": view.as_json(blocks=False, values=values),
    }


def closed(user: str, view: View, *, cleared: bool) -> Json:
    return _interactive("view_closed", user) | {"view": view.as_json(blocks=False), "is_cleared": cleared}


def _interactive(kind: str, user: str) -> Json:
    return {
        "type": kind,
        "user": {"id": user, "username": USERS[user].name, "name": USERS[user].name, "team_id": TEAM},
        "api_app_id": APP,
        "token": _TOKEN,
        "team": {"id": TEAM, "domain": DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
    }
