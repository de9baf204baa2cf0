"""The address that comes with a slash command or a click: five answers within half an hour."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from integrations.playground.slack.blocks import Surface, check_blocks, completed
from integrations.playground.slack.messages import Ephemeral, Message, Messages
from integrations.playground.slack.people import BOT_ID, BOT_USER
from integrations.playground.slack.posting import Posting
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.store import Json, Store

LIFE_S = 1800.0
USES = 5


@dataclass(frozen=True)
class Origin:
    """What a response address belongs to: a place, a person, and the message with the button, if there is one."""

    channel: str
    user: str
    message_ts: str = ""
    thread_ts: str = ""
    ephemeral: bool = False


class ResponseUrls:
    """Parameters: `url` is the playground's address; `clock` gives seconds since the epoch."""

    def __init__(
        self, store: Store, messages: Messages, posting: Posting, url: str, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._messages = messages
        self._posting = posting
        self._url = url
        self._clock = clock

    def issue(self, origin: Origin) -> str:
        token = secrets.token_urlsafe(24)
        self._store.run("DELETE FROM response_urls WHERE expires<?", self._clock())
        self._store.run(
            "INSERT INTO response_urls VALUES (?,?,?,?,?,?,?,?)",
            token,
            origin.channel,
            origin.user,
            origin.message_ts,
            origin.thread_ts,
            origin.ephemeral,
            self._clock() + LIFE_S,
            0,
        )
        return f"{self._url}/slack/response/{token}"

    async def serve(self, request: web.Request) -> web.Response:
        """Take an answer."""
        token = request.match_info["token"]
        row = self._store.row("SELECT * FROM response_urls WHERE token=?", token)
        if row is None or row["expires"] < self._clock():
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if row["uses"] >= USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        try:
            body = await request.json()
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
        self._store.run("UPDATE response_urls SET uses=uses+1 WHERE token=?", token)
        try:
            self.answer(_origin(row), body)
        except Refused as refused:
            return web.json_response(refused.as_json(), status=400)
        return web.Response(text="ok")

    def answer(self, origin: Origin, body: Any) -> None:
        """Carry out an answer, also one that came with an acknowledgement.

        Raises:
            Refused: no_text, invalid_blocks, message_not_found.
        """
        if not isinstance(body, dict):
            raise Refused("invalid_payload")
        if body.get("delete_original"):
            self._delete(origin)
            return
        text, blocks = str(body.get("text") or ""), body.get("blocks")
        if blocks:
            check_blocks(blocks, Surface.MESSAGE)
            blocks = completed(blocks)
        if not text and not blocks:
            raise Refused("no_text")
        if body.get("replace_original") and origin.message_ts:
            self._replace(origin, text, blocks)
        elif body.get("response_type") == "in_channel":
            thread_ts = str(body.get("thread_ts") or "")
            self._posting.post(
                Message(
                    origin.channel,
                    self._posting.stamps.next(),
                    BOT_USER,
                    text,
                    thread_ts=thread_ts,
                    bot_id=BOT_ID,
                    blocks=blocks,
                )
            )
        else:
            thread_ts = str(body.get("thread_ts") or origin.thread_ts)
            ts = self._posting.stamps.next()
            self._posting.whisper(Ephemeral(origin.channel, ts, origin.user, text, thread_ts, blocks))

    def _replace(self, origin: Origin, text: str, blocks: list[Json] | None) -> None:
        if origin.ephemeral:
            known = self._messages.get_whisper(origin.message_ts)
            if known is None:
                raise Refused("message_not_found")
            self._posting.whisper(replace(known, text=text, blocks=blocks))
            return
        message = self._original(origin)
        self._posting.change(replace(message, text=text, blocks=blocks), message)

    def _delete(self, origin: Origin) -> None:
        if origin.ephemeral:
            known = self._messages.get_whisper(origin.message_ts)
            if known is not None:
                self._posting.forget_whisper(known)
            return
        self._posting.delete(self._original(origin))

    def _original(self, origin: Origin) -> Message:
        message = self._messages.get(origin.channel, origin.message_ts)
        if message is None or message.bot_id != BOT_ID:
            raise Refused("message_not_found")
        return message


def _origin(row: sqlite3.Row) -> Origin:
    return Origin(row["channel"], row["user"], row["message_ts"], row["thread_ts"], bool(row["ephemeral"]))
