"""What is stored, as the Web API gives it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.playground.slack.channels import Channel
from integrations.playground.slack.files import File
from integrations.playground.slack.messages import Message, Reaction, Thread
from integrations.playground.slack.people import APP, BOT_ID, BOT_USER, TEAM, User
from integrations.playground.slack.store import Json

BOT_PROFILE: Json = {"id": BOT_ID, "deleted": False, "name": "waggle", "updated": 0, "app_id": APP, "team_id": TEAM}


def core(message: Message, files: Sequence[Json] = ()) -> Json:
    """The fields of a message that both the Web API and events carry."""
    shape: Json = {"type": "message", "user": message.user, "team": TEAM, "ts": message.ts, "text": message.text}
    if message.subtype:
        shape["subtype"] = message.subtype
    if message.client_msg_id:
        shape["client_msg_id"] = message.client_msg_id
    if message.bot_id:
        shape |= {"bot_id": message.bot_id, "bot_profile": BOT_PROFILE}
    if message.blocks:
        shape["blocks"] = message.blocks
    if message.thread_ts:
        shape["thread_ts"] = message.thread_ts
    if message.edited_ts:
        shape["edited"] = {"user": message.edited_user, "ts": message.edited_ts}
    if files:
        shape["files"] = list(files)
    return shape


def message_json(
    message: Message,
    thread: Thread,
    reactions: Sequence[Reaction],
    files: Sequence[Json],
    parent_user: str = "",
    *,
    with_metadata: bool = False,
) -> Json:
    """A message as `conversations.history` and `conversations.replies` give it."""
    shape = core(message, files)
    if message.bot_id:
        shape["app_id"] = APP
    if message.thread_ts and parent_user:
        shape["parent_user_id"] = parent_user
    if thread.count:
        shape |= {
            "thread_ts": message.ts,
            "reply_count": thread.count,
            "reply_users_count": len(thread.users),
            "latest_reply": thread.latest,
            "reply_users": list(thread.users),
            "is_locked": False,
            "subscribed": BOT_USER in thread.users or message.user == BOT_USER,
        }
    if reactions:
        shape["reactions"] = [{"name": r.name, "users": list(r.users), "count": len(r.users)} for r in reactions]
    if message.metadata and with_metadata:
        shape["metadata"] = message.metadata
    return shape


def channel_json(channel: Channel, members: Sequence[str]) -> Json:
    """A conversation as `conversations.info` gives it to Waggle's bot."""
    if channel.is_im:
        return {
            "id": channel.id,
            "created": channel.created,
            "is_im": True,
            "is_org_shared": False,
            "user": channel.with_user,
            "is_user_deleted": False,
            "is_archived": False,
            "context_team_id": TEAM,
        }
    blank = {"value": "", "creator": "", "last_set": 0}
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": False,
        "created": channel.created,
        "creator": "U0ANA",
        "is_archived": channel.archived,
        "is_general": False,
        "is_shared": False,
        "is_ext_shared": False,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "is_member": BOT_USER in members,
        "context_team_id": TEAM,
        "topic": blank,
        "purpose": {"value": channel.purpose, "creator": "U0ANA", "last_set": channel.created},
        "num_members": len(members),
    }


def user_json(user: User) -> Json:
    profile: Json = {
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.name,
        "display_name_normalized": user.name,
        "title": user.title,
        "team": TEAM,
    }
    if user.is_bot:
        profile |= {"bot_id": BOT_ID, "api_app_id": APP}
    return {
        "id": user.id,
        "team_id": TEAM,
        "name": user.name,
        "deleted": False,
        "real_name": user.real_name,
        "tz": "Europe/Vienna",
        "tz_label": "Central European Time",
        "tz_offset": 3600,
        "profile": profile,
        "is_admin": user.is_admin,
        "is_owner": user.is_admin,
        "is_primary_owner": user.is_admin,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 0,
    }


def file_json(file: File, url: str) -> Json:
    """A file; `url` is the playground's own address."""
    address = f"{url}/slack/files/{file.id}/{file.url_name}"
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": file.filetype,
        "pretty_type": file.filetype.upper(),
        "user": file.user,
        "mode": "hosted",
        "editable": False,
        "is_external": False,
        "external_type": "",
        "size": file.size,
        "is_public": True,
        "public_url_shared": False,
        "url_private": address,
        "url_private_download": f"{address}?download=1",
        "permalink": address,
        "display_as_bot": False,
        "has_rich_preview": False,
        "file_access": "visible",
    }
