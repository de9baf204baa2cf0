"""The door to business context: take in, search, show, forget.

Forgetting removes the words, not only the row's visibility: passages go, the source keeps nothing but its key, so
that the same message delivered again stays forgotten.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete
from sqlmodel import Session, col, select

from bot.context.index import erase_deleted, prepare
from bot.context.ingest import LARGEST, Document, RefusedFile, read_document
from bot.context.messages import ChatMessage, message_key, read_message
from bot.context.passages import PassageDraft
from bot.context.search import SearchResult, search
from integrations.redact import redact
from scheduler.registry import Passage, Registry, Source
from scheduler.registry.writers import record


@dataclass(frozen=True)
class Taken:
    """What became of something that was to be taken in.

    Attributes:
        passages: how many passages the source has now.
        what: `added`, `updated` (a newer version of the same file or message), `known` (the same content was there
            already) or `forgotten` (it was forgotten before, and stays so).
    """

    source_id: int
    path: str
    passages: int
    title: str
    what: str


@dataclass(frozen=True)
class ShownSource:
    """One source as people see it."""

    source_id: int
    kind: str
    title: str
    date: str
    customer: str
    author: str
    url: str
    path: str
    trust: str
    forgotten: bool
    text: str
    passages: tuple[Passage, ...]


class ContextStore:
    """Business context in the registry.

    Parameters:
        clock: the present, UTC.
        secrets: literal values that are never stored, such as this process's own tokens.
    """

    def __init__(self, registry: Registry, clock: Callable[[], datetime], secrets: Sequence[str] = ()) -> None:
        self._registry = registry
        self._clock = clock
        self._secrets = tuple(secrets)
        self._prepared = False
        self._preparing = threading.Lock()

    async def prepare(self) -> None:
        """Make the search index when it is missing. Every method does this by itself the first time."""
        if not self._prepared:
            await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        with self._preparing:
            if not self._prepared:
                prepare(self._registry.engine)
                self._prepared = True

    # --- taking in -----------------------------------------------------------------------------------------

    async def add_file(self, path: Path, *, actor: str = "waggle") -> Taken:
        """Take in a file from disk. A newer version of a file that was taken in from the same place replaces it.

        Raises:
            RefusedFile: it cannot be read, or is nothing that Waggle understands.
        """
        data, place = await asyncio.to_thread(_read, path)
        return await self.add_bytes(data, path.name, actor=actor, path=place)

    async def add_bytes(self, data: bytes, name: str, *, actor: str, path: str = "", url: str = "") -> Taken:
        """Take in a file that arrived some other way, such as one shared in a channel.

        Parameters:
            path: what identifies the file where it came from; a file with the same path replaces this one.
            url: where people can look at it.

        Raises:
            RefusedFile: it is nothing that Waggle understands.
        """
        await self.prepare()
        document = await asyncio.to_thread(read_document, data, name, self._secrets)
        return await self._registry.write(
            lambda session: _put_document(session, self._clock(), document, actor, path or name, url)
        )

    async def take_message(self, message: ChatMessage) -> Taken:
        """Take in a channel message, or its new words after an edit. A message that was forgotten stays so."""
        await self.prepare()
        clean = redact(message.text, self._secrets)
        return await self._registry.write(lambda session: _put_message(session, self._clock(), message, clean))

    # --- looking -------------------------------------------------------------------------------------------

    async def search(self, query: str, limit: int = 10, source_id: int | None = None) -> tuple[SearchResult, ...]:
        """The best passages for `query`, best first."""
        await self.prepare()
        return await self._registry.read(lambda session: search(session, query, limit, source_id))

    async def show(self, source_id: int) -> ShownSource | None:
        """One source with its passages, None when there is none of this number."""
        return await self._registry.read(lambda session: _show(session, source_id))

    # --- forgetting ----------------------------------------------------------------------------------------

    async def forget(self, source_id: int, *, actor: str) -> bool:
        """Remove a source's words for good. False when there is none of this number."""
        await self.prepare()
        gone = await self._registry.write(lambda session: _forget(session, self._clock(), source_id, actor))
        if gone:
            await asyncio.to_thread(self._clear_log)
        return gone

    async def forget_message(self, channel: str, ts: str, *, actor: str) -> None:
        """A message was deleted where it was written: remove it here, even when the deletion arrives first."""
        await self.prepare()
        key = message_key(channel, ts)
        await self._registry.write(lambda session: _forget_key(session, self._clock(), key, actor))
        await asyncio.to_thread(self._clear_log)

    def _clear_log(self) -> None:
        """Move what is in the write-ahead log into the database, so that removed words are not in it either."""
        if not self._registry.is_sqlite:
            return
        raw = self._registry.engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            raw.close()


def _read(path: Path) -> tuple[bytes, str]:
    cure = "Check the path; `waggle context add` takes files, not directories."
    try:
        if path.is_dir():
            raise RefusedFile(path.name, "is a directory", cure)
        with path.open("rb") as file:
            return file.read(LARGEST + 1), str(path.absolute())
    except OSError as problem:
        raise RefusedFile(path.name, f"cannot be read ({problem.strerror})", cure) from problem


def _put_document(session: Session, now: datetime, document: Document, actor: str, path: str, url: str) -> Taken:
    key = f"sha256:{document.digest}"
    same = session.exec(select(Source).where(Source.dedupe_key == key)).first()
    if same is not None and not same.forgotten:
        return _taken(session, same, "known")
    # A file named by its place replaces what was taken in from there; a bare name says nothing about identity.
    older = session.exec(select(Source).where(Source.path == path, col(Source.forgotten).is_(False))).first()
    placed = "/" in path or ":" in path
    source = same or (older if placed else None)
    what = "added" if source is None or source is same else "updated"
    if source is None:
        source = Source(dedupe_key=key, kind=document.kind, title=document.title, created_at=now)
    elif source is same and placed and older is not None:
        _forget(session, now, older.id, actor)  # the same words stand at this place again
    source.dedupe_key, source.forgotten = key, False
    source.kind, source.title, source.text = document.kind, document.title, document.text
    source.path, source.url, source.author = path, url, actor
    source.customer, source.date, source.trust = document.customer, document.date, "internal"
    _put_passages(session, source, document.passages)
    _note(session, now, source, actor, what)
    return _taken(session, source, what)


def _put_message(session: Session, now: datetime, message: ChatMessage, clean: str) -> Taken:
    key = message_key(message.channel, message.ts)
    source = session.exec(select(Source).where(Source.dedupe_key == key)).first()
    if source is not None and source.forgotten:
        return _taken(session, source, "forgotten")
    if source is not None and source.text == clean.strip():
        return _taken(session, source, "known")
    what = "added" if source is None else "updated"
    document = read_message(
        ChatMessage(
            message.channel,
            message.channel_name,
            message.ts,
            message.author,
            clean,
            message.meaning,
            message.at,
            message.url,
        )
    )
    if source is None:
        source = Source(dedupe_key=key, kind="message", title=document.title, created_at=now)
    source.title, source.text, source.url = document.title, clean.strip(), message.url
    source.author, source.customer = message.author, document.customer
    source.date = message.at.date().isoformat()
    source.trust = "external" if message.meaning == "feedback" else "internal"
    _put_passages(session, source, document.passages)
    _note(session, now, source, message.author, what)
    return _taken(session, source, what)


def _put_passages(session: Session, source: Source, drafts: Sequence[PassageDraft]) -> None:
    session.add(source)
    session.flush()
    assert source.id is not None
    session.connection().execute(delete(Passage).where(col(Passage.source_id) == source.id))
    for n, draft in enumerate(drafts):
        session.add(
            Passage(
                source_id=source.id,
                n=n,
                text=draft.text,
                speaker=draft.speaker,
                customer=draft.customer or source.customer,
                date=source.date,
                start_s=draft.start_s,
                end_s=draft.end_s,
                url=source.url,
            )
        )
    session.flush()


def _taken(session: Session, source: Source, what: str) -> Taken:
    assert source.id is not None
    count = len(session.exec(select(Passage.id).where(Passage.source_id == source.id)).all())
    return Taken(source.id, source.path, count, source.title, what)


def _note(session: Session, now: datetime, source: Source, actor: str, what: str) -> None:
    record(session, now, what=f"context_{what}", actor=actor, subject=f"source {source.id}", why=source.title)


def _show(session: Session, source_id: int) -> ShownSource | None:
    source = session.get(Source, source_id)
    if source is None:
        return None
    passages = session.exec(select(Passage).where(Passage.source_id == source_id).order_by(col(Passage.n))).all()
    return ShownSource(
        source_id=source_id,
        kind=source.kind,
        title=source.title,
        date=source.date,
        customer=source.customer,
        author=source.author,
        url=source.url,
        path=source.path,
        trust=source.trust,
        forgotten=source.forgotten,
        text=source.text,
        passages=tuple(passages),
    )


def _forget_key(session: Session, now: datetime, key: str, actor: str) -> None:
    source = session.exec(select(Source).where(Source.dedupe_key == key)).first()
    if source is None:
        session.add(Source(dedupe_key=key, kind="message", title="(forgotten)", forgotten=True, created_at=now))
    elif not source.forgotten:
        _forget(session, now, source.id, actor)


def _forget(session: Session, now: datetime, source_id: int | None, actor: str) -> bool:
    source = session.get(Source, source_id) if source_id is not None else None
    if source is None:
        return False
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete = ON")  # overwrite what is freed
    session.connection().execute(delete(Passage).where(col(Passage.source_id) == source.id))
    source.text = source.path = source.url = source.author = source.customer = source.date = ""
    source.title, source.forgotten = "(forgotten)", True
    session.add(source)
    session.flush()
    erase_deleted(session)
    record(session, now, what="context_forgotten", actor=actor, subject=f"source {source.id}")
    return True
