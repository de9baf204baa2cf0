"""Every Web API call that was made, for tests and demos that judge by what arrived."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.playground.slack.store import Json, Store, pack, unpack

_KEPT = 20_000


@dataclass(frozen=True)
class Call:
    """One call. `performed` is False when a fault, a limit or an error kept it from having an effect."""

    at: float
    method: str
    args: Json
    status: int
    ok: bool
    error: str
    performed: bool
    ms: float
    result: Json


class CallLog:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._written = 0

    def wrote(self, call: Call) -> None:
        self._written += 1
        self._store.run(
            "INSERT INTO calls (at, method, args, status, ok, error, performed, ms, result) VALUES (?,?,?,?,?,?,?,?,?)",
            call.at,
            call.method,
            pack(call.args),
            call.status,
            call.ok,
            call.error,
            call.performed,
            call.ms,
            pack(call.result),
        )
        if self._written % 1000 == 0:
            self._store.run("DELETE FROM calls WHERE id <= (SELECT max(id) FROM calls) - ?", _KEPT)

    def all(self) -> list[Json]:
        """Oldest first; each with the names of `Call`."""
        found = []
        for row in self._store.rows("SELECT * FROM calls ORDER BY id"):
            values = dict(zip(row.keys(), row, strict=True))
            found.append(
                values
                | {"args": unpack(values["args"]), "result": unpack(values["result"])}
                | {"ok": bool(values["ok"]), "performed": bool(values["performed"])}
            )
        return found
