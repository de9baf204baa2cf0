"""Views: the forms that are open, and the Home tabs that were published."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

from integrations.playground.slack.blocks import completed
from integrations.playground.slack.people import APP, BOT_ID, TEAM
from integrations.playground.slack.store import Json, Store, pack, unpack

STACK = 3


@dataclass(frozen=True)
class View:
    """A form or a Home tab. `body` is what the app gave; `previous` is the form below it."""

    id: str
    kind: str
    user: str
    body: Json
    hash: str
    root: str
    previous: str
    open: bool = True

    def as_json(self, *, blocks: bool = True, values: Json | None = None) -> Json:
        """As Slack gives it; interactive payloads come without the blocks."""
        body = self.body
        shape: Json = {
            "id": self.id,
            "team_id": TEAM,
            "type": self.kind,
            "private_metadata": body.get("private_metadata") or "",
            "callback_id": body.get("callback_id") or "",
            "external_id": body.get("external_id") or "",
            "state": {"values": values or {}},
            "hash": self.hash,
            "clear_on_close": bool(body.get("clear_on_close")),
            "notify_on_close": bool(body.get("notify_on_close")),
            "root_view_id": self.root,
            "previous_view_id": self.previous or None,
            "app_id": APP,
            "app_installed_team_id": TEAM,
            "bot_id": BOT_ID,
        }
        for name in ("title", "submit", "close"):
            shape[name] = body.get(name)
        return shape | ({"blocks": body["blocks"]} if blocks else {})


class Forms:
    """Parameters: `clock` gives seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def open(self, user: str, body: Json, below: View | None = None) -> View:
        view_id = f"V{secrets.token_hex(5).upper()}"
        view = View(
            view_id,
            "modal",
            user,
            _body(body),
            self._hash(),
            below.root if below else view_id,
            below.id if below else "",
        )
        return self._put(view)

    def change(self, view: View, body: Json) -> View:
        return self._put(replace(view, body=_body(body), hash=self._hash()))

    def publish(self, user: str, body: Json) -> View:
        known = self.home(user)
        if known is not None:
            return self.change(known, body)
        view_id = f"V{secrets.token_hex(5).upper()}"
        return self._put(View(view_id, "home", user, _body(body), self._hash(), view_id, ""))

    def close(self, view: View) -> None:
        self._put(replace(view, open=False))

    def get(self, view_id: str) -> View | None:
        row = self._store.row("SELECT * FROM views WHERE id=? AND open", view_id)
        return _view(row) if row else None

    def known_as(self, external_id: str) -> View | None:
        found = [_view(row) for row in self._store.rows("SELECT * FROM views WHERE open ORDER BY rowid DESC")]
        return next((view for view in found if view.body.get("external_id") == external_id), None)

    def home(self, user: str) -> View | None:
        row = self._store.row("SELECT * FROM views WHERE kind='home' AND user=?", user)
        return _view(row) if row else None

    def stack(self, user: str) -> list[View]:
        """The open forms of one person, the lowest first."""
        rows = self._store.rows("SELECT * FROM views WHERE kind='modal' AND user=? AND open ORDER BY rowid", user)
        return [_view(row) for row in rows]

    def _hash(self) -> str:
        return f"{int(self._clock())}.{secrets.token_hex(4)}"

    def _put(self, view: View) -> View:
        self._store.run(
            "INSERT INTO views VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET"
            " body=excluded.body, hash=excluded.hash, open=excluded.open",
            view.id,
            view.kind,
            view.user,
            pack(view.body),
            view.hash,
            view.root,
            view.previous,
            view.open,
        )
        return view


def _body(body: Json) -> Json:
    return {**body, "blocks": completed(body["blocks"])}


def _view(row: sqlite3.Row) -> View:
    values = dict(zip(row.keys(), row, strict=True))
    return View(**{**values, "body": unpack(values["body"]), "open": bool(values["open"])})
