"""Channels and direct messages: who is in them, what was read, whether they still take messages."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from integrations.playground.slack.people import BOT_USER, USERS
from integrations.playground.slack.store import Store


@dataclass(frozen=True)
class Channel:
    """A conversation. `kind` is `channel` or `im`; the person of a direct message with Waggle is `with_user`."""

    id: str
    name: str
    kind: str
    purpose: str
    created: int
    archived: bool = False
    with_user: str = ""

    @property
    def is_im(self) -> bool:
        return self.kind == "im"


class Channels:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, channel_id: str) -> Channel | None:
        rows = self._store.rows("SELECT * FROM channels WHERE id=?", channel_id)
        return _channel(rows[0]) if rows else None

    def named(self, name: str) -> Channel | None:
        rows = self._store.rows("SELECT * FROM channels WHERE name=? AND kind='channel'", name)
        return _channel(rows[0]) if rows else None

    def all(self) -> list[Channel]:
        return [_channel(row) for row in self._store.rows("SELECT * FROM channels ORDER BY rowid")]

    def add(self, channel: Channel, members: tuple[str, ...]) -> None:
        with self._store.together():
            self._store.run(
                "INSERT INTO channels VALUES (?,?,?,?,?,?,?)",
                channel.id,
                channel.name,
                channel.kind,
                channel.purpose,
                channel.created,
                channel.archived,
                channel.with_user,
            )
            for member in members:
                self.join(channel.id, member)

    def direct(self, user: str, now: float) -> Channel:
        """The direct conversation of one person with Waggle, made when missing."""
        found = next((channel for channel in self.all() if channel.is_im and channel.with_user == user), None)
        if found is None:
            found = Channel(f"D{user.removeprefix('U')}", USERS[user].name, "im", "", int(now), with_user=user)
            self.add(found, (user, BOT_USER))
        return found

    def set_archived(self, channel_id: str, archived: bool) -> None:
        self._store.run("UPDATE channels SET archived=? WHERE id=?", archived, channel_id)

    def members(self, channel_id: str) -> list[str]:
        return [
            str(row["user"])
            for row in self._store.rows("SELECT user FROM members WHERE channel=? ORDER BY rowid", channel_id)
        ]

    def has(self, channel_id: str, user: str) -> bool:
        return self._store.row("SELECT 1 FROM members WHERE channel=? AND user=?", channel_id, user) is not None

    def join(self, channel_id: str, user: str) -> bool:
        """True when the user was not in it before."""
        return self._store.run("INSERT OR IGNORE INTO members VALUES (?,?)", channel_id, user) > 0

    def leave(self, channel_id: str, user: str) -> bool:
        return self._store.run("DELETE FROM members WHERE channel=? AND user=?", channel_id, user) > 0

    def mark_read(self, channel_id: str, user: str, ts: str) -> None:
        self._store.run(
            "INSERT INTO reads VALUES (?,?,?) ON CONFLICT DO UPDATE SET ts=max(ts, excluded.ts)", channel_id, user, ts
        )

    def read_until(self, channel_id: str, user: str) -> str:
        row = self._store.row("SELECT ts FROM reads WHERE channel=? AND user=?", channel_id, user)
        return str(row["ts"]) if row else "0"


def _channel(row: sqlite3.Row) -> Channel:
    values = dict(zip(row.keys(), row, strict=True))
    return Channel(**{**values, "archived": bool(values["archived"])})
