"""Messages, threads, reactions and ephemeral messages, as they are stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrations.playground.slack.store import Json, Store, Value, pack, unpack


@dataclass(frozen=True)
class Message:
    """One message. `thread_ts` is empty for what is not a reply; a deleted root with replies stays as a tombstone."""

    channel: str
    ts: str
    user: str
    text: str
    thread_ts: str = ""
    bot_id: str = ""
    subtype: str = ""
    client_msg_id: str = ""
    blocks: list[Json] | None = None
    metadata: Json | None = None
    files: tuple[str, ...] = ()
    edited_user: str = ""
    edited_ts: str = ""
    deleted: bool = False


@dataclass(frozen=True)
class Ephemeral:
    """A message that one person sees."""

    channel: str
    ts: str
    user: str
    text: str
    thread_ts: str = ""
    blocks: list[Json] | None = None


@dataclass(frozen=True)
class Thread:
    """What a root knows about its replies."""

    count: int = 0
    users: tuple[str, ...] = ()
    latest: str = ""


@dataclass(frozen=True)
class Reaction:
    name: str
    users: tuple[str, ...] = field(default=())


class Timestamps:
    """Message ids: strings, unique in the workspace, in the order of posting."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        row = store.row("SELECT max(ts) AS ts FROM (SELECT ts FROM messages UNION ALL SELECT ts FROM ephemerals)")
        self._clock = clock
        self._last = int(str(row["ts"]).replace(".", "")) if row and row["ts"] else 0

    def next(self) -> str:
        self._last = max(int(self._clock() * 1_000_000), self._last + 1)
        return ts_of(self._last)


def ts_of(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"


class Messages:
    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, message: Message) -> None:
        """Store a message, new or changed."""
        values: tuple[Value, ...] = (
            message.channel,
            message.ts,
            message.user,
            message.text,
            message.thread_ts,
            message.bot_id,
            message.subtype,
            message.client_msg_id,
            pack(message.blocks),
            pack(message.metadata),
            pack(list(message.files)),
            message.edited_user,
            message.edited_ts,
            message.deleted,
        )
        self._store.run(f"INSERT OR REPLACE INTO messages VALUES ({','.join('?' * 14)})", *values)  # noqa: S608

    def get(self, channel: str, ts: str) -> Message | None:
        """The message, unless it was deleted."""
        row = self._store.row("SELECT * FROM messages WHERE channel=? AND ts=? AND NOT deleted", channel, ts)
        return _message(row) if row else None

    def exists(self, channel: str, ts: str) -> bool:
        """Whether the message was ever there."""
        return self._store.row("SELECT 1 FROM messages WHERE channel=? AND ts=?", channel, ts) is not None

    def history(self, channel: str, *, newer: str = "0", older: str = "9", inclusive: bool = False) -> list[Message]:
        """What stands in the channel itself, newest first, between two timestamps."""
        sql = (
            "SELECT * FROM messages WHERE channel=? AND (thread_ts='' OR subtype='thread_broadcast') AND NOT deleted"
            " AND ts BETWEEN ? AND ? ORDER BY ts DESC"
        )
        found = [_message(row) for row in self._store.rows(sql, channel, newer, older)]
        return [message for message in found if inclusive or message.ts not in (newer, older)]

    def replies(self, channel: str, ts: str) -> list[Message]:
        sql = "SELECT * FROM messages WHERE channel=? AND thread_ts=? AND NOT deleted ORDER BY ts"
        return [_message(row) for row in self._store.rows(sql, channel, ts)]

    def thread(self, channel: str, ts: str) -> Thread:
        rows = self._store.rows(
            "SELECT user, ts FROM messages WHERE channel=? AND thread_ts=? AND NOT deleted ORDER BY ts", channel, ts
        )
        if not rows:
            return Thread()
        users = tuple(dict.fromkeys(str(row["user"]) for row in rows))
        return Thread(len(rows), users, str(rows[-1]["ts"]))

    def unread(self, channel: str, since: str, user: str) -> int:
        row = self._store.row(
            "SELECT count(*) AS n FROM messages WHERE channel=? AND ts>? AND user<>? AND NOT deleted",
            channel,
            since,
            user,
        )
        return int(row["n"]) if row else 0

    def react(self, channel: str, ts: str, name: str, user: str) -> bool:
        """False when this person reacted with it before."""
        sql = "INSERT OR IGNORE INTO reactions (channel, ts, name, user) VALUES (?,?,?,?)"
        return self._store.run(sql, channel, ts, name, user) > 0

    def unreact(self, channel: str, ts: str, name: str, user: str) -> bool:
        sql = "DELETE FROM reactions WHERE channel=? AND ts=? AND name=? AND user=?"
        return self._store.run(sql, channel, ts, name, user) > 0

    def reactions(self, channel: str, ts: str) -> list[Reaction]:
        by_name: dict[str, list[str]] = {}
        for row in self._store.rows("SELECT * FROM reactions WHERE channel=? AND ts=? ORDER BY id", channel, ts):
            by_name.setdefault(str(row["name"]), []).append(str(row["user"]))
        return [Reaction(name, tuple(users)) for name, users in by_name.items()]

    def whisper(self, message: Ephemeral) -> None:
        """Store an ephemeral message, new or replaced."""
        self._store.run(
            "INSERT OR REPLACE INTO ephemerals VALUES (?,?,?,?,?,?)",
            message.ts,
            message.channel,
            message.user,
            message.thread_ts,
            message.text,
            pack(message.blocks),
        )

    def whispers(self, user: str, channel: str = "") -> list[Ephemeral]:
        sql = "SELECT * FROM ephemerals WHERE user=? AND (?='' OR channel=?) ORDER BY ts"
        return [_ephemeral(row) for row in self._store.rows(sql, user, channel, channel)]

    def get_whisper(self, ts: str) -> Ephemeral | None:
        row = self._store.row("SELECT * FROM ephemerals WHERE ts=?", ts)
        return _ephemeral(row) if row else None

    def forget_whisper(self, ts: str) -> None:
        self._store.run("DELETE FROM ephemerals WHERE ts=?", ts)


def _columns(row: sqlite3.Row) -> dict[str, Any]:
    return dict(zip(row.keys(), row, strict=True))


def _message(row: sqlite3.Row) -> Message:
    values = _columns(row)
    for name in ("blocks", "metadata"):
        values[name] = unpack(values[name])
    values["files"] = tuple(unpack(values["files"]))
    values["deleted"] = bool(values["deleted"])
    return Message(**values)


def _ephemeral(row: sqlite3.Row) -> Ephemeral:
    values = _columns(row)
    values["blocks"] = unpack(values["blocks"])
    return Ephemeral(**values)
