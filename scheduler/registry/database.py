"""Opening the registry, writing to it in groups, reading from it, and waking whoever waits for a row.

One thread writes. What waits while a commit is on its way to the disk goes into the next transaction
together, each piece in a savepoint of its own, so a burst of small writes costs one fsync and a failing
piece takes nothing else with it. Readers use snapshots of their own and never wait for the writer.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

T = TypeVar("T")

_BUSY_MS = 30_000
_READERS = 4


class RegistryError(Exception):
    """The registry cannot be used; the message says what to do about it."""


class Topic(StrEnum):
    """What a committed write may wake."""

    INBOX = "inbox"
    OUTBOX = "outbox"
    JUDGEMENTS = "judgements"
    SUPERVISOR = "supervisor"


def wake(session: Session, topic: Topic) -> None:
    """Ring `topic` once the transaction of this session is on disk."""
    session.info.setdefault("topics", set()).add(topic)


class Registry:
    """The database of one Waggle.

    Parameters:
        url: SQLAlchemy URL, `sqlite:///…` or `postgresql+psycopg://…`.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database) if self.is_sqlite and self.url.database else None
        self._engine = self._open()
        self._pieces: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="registry-read")
        self._bells: dict[Topic, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {t: [] for t in Topic}
        self._bells_lock = threading.Lock()
        self._closed = False
        self.commits = 0  #: transactions committed since start; the bench counts them
        self.rows = 0  #: rows inserted, updated and deleted since start
        self._writer = threading.Thread(target=self._write_loop, name="registry-write", daemon=True)
        self._writer.start()

    def _open(self) -> Engine:
        try:
            engine = create_engine(self.url, connect_args={"check_same_thread": False} if self.is_sqlite else {})
        except SQLAlchemyError as problem:
            raise RegistryError(f"the database address {self.url!r} cannot be used: {problem}") from problem
        if self.is_sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin)
        return engine

    @property
    def engine(self) -> Engine:
        """For migrations, and for nothing else."""
        return self._engine

    # --- writing -------------------------------------------------------------------------------------------

    def write_now(self, work: Callable[[Session], T]) -> T:
        """Run `work` in the next transaction and wait until it is on disk. Blocks: not for the event loop."""
        return self._submit(work).result()

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in the next transaction and return its result once that is on disk.

        `work` must be short and do nothing but use the session: other writers wait for it.

        Raises:
            whatever `work` raises, after its own changes were undone.
        """
        return await asyncio.wrap_future(self._submit(work))

    def _submit(self, work: Callable[[Session], T]) -> Future[T]:
        if self._closed:
            raise RegistryError("the registry is closed")
        done: Future[T] = Future()
        self._pieces.put(_Piece(work, done))
        return done

    def _write_loop(self) -> None:
        with self._engine.connect().execution_options(waggle_write=True) as connection:
            event.listen(connection, "after_cursor_execute", self._count_rows)
            self._serve(connection)

    def _count_rows(
        self, _connection: Any, cursor: Any, _statement: Any, _values: Any, context: Any, many: bool
    ) -> None:
        if context.isinsert or context.isupdate or context.isdelete:
            self.rows += max(cursor.rowcount, 1)

    def _serve(self, connection: Connection) -> None:
        while True:
            piece = self._pieces.get()
            if piece is None:
                return
            group = [piece]
            ends = False
            while not self._pieces.empty():
                more = self._pieces.get()
                if more is None:
                    ends = True
                    break
                group.append(more)
            # Whoever waited may have been cancelled; from here on the piece is done whether somebody waits or not.
            group = [one for one in group if one.done.set_running_or_notify_cancel()]
            self._commit(connection, [one for one in group if one.work is not _foreign_version])
            for one in group:
                if one.work is _foreign_version:
                    one.done.set_result(_foreign_version(connection))
            if ends:
                return

    def _commit(self, connection: Connection, group: list[_Piece]) -> None:
        if not group:
            return
        results: list[tuple[_Piece, Any]] = []
        failures: list[tuple[_Piece, BaseException]] = []
        topics: set[Topic] = set()
        try:
            with Session(connection, expire_on_commit=False) as session:
                for piece in group:
                    session.info["topics"] = set()
                    try:
                        with session.begin_nested():
                            result = piece.work(session)
                            session.flush()
                    except Exception as problem:
                        failures.append((piece, problem))
                    else:
                        results.append((piece, result))
                        topics |= session.info["topics"]
                session.commit()
                session.expunge_all()
        except Exception as problem:
            for piece, _ in results:
                piece.done.set_exception(problem)
            results = []
            topics = set()
        else:
            self.commits += 1
        for piece, failure in failures:
            piece.done.set_exception(failure)
        for piece, result in results:
            piece.done.set_result(result)
        self._ring(topics)

    # --- reading -------------------------------------------------------------------------------------------

    def read_now(self, work: Callable[[Session], T]) -> T:
        """Run `work` on a snapshot. Blocks: not for the event loop."""
        with Session(self._engine, expire_on_commit=False) as session:
            result = work(session)
            session.expunge_all()
            return result

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` on a snapshot in a reader thread. Rows come back detached."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, work)

    def foreign_version(self) -> int:
        """A number that changes when another process has written (SQLite only; 0 elsewhere). Blocks.

        SQLite's `data_version` does not move for commits of the connection that asks, so the writer asks.
        """
        if not self.is_sqlite:
            return 0
        return int(self._submit(_foreign_version).result())

    # --- waking --------------------------------------------------------------------------------------------

    def bell(self, topic: Topic) -> asyncio.Event:
        """An event of the running loop that is set whenever `topic` is rung. The waiter clears it."""
        bell = asyncio.Event()
        with self._bells_lock:
            self._bells[topic].append((asyncio.get_running_loop(), bell))
        return bell

    def ring(self, topics: Iterable[Topic]) -> None:
        """Wake whoever waits for `topics`, as after a write by another process."""
        self._ring(set(topics))

    def _ring(self, topics: set[Topic]) -> None:
        if not topics:
            return
        with self._bells_lock:
            bells = [pair for topic in topics for pair in self._bells[topic]]
        for loop, bell in bells:
            if not loop.is_closed():
                loop.call_soon_threadsafe(bell.set)

    def close(self) -> None:
        """Write what waits, then let go of the database."""
        if self._closed:
            return
        self._closed = True
        self._pieces.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._engine.dispose()


def _foreign_version(connection: Any) -> int:
    """Asked outside any transaction, so that a look costs no lock."""
    cursor = connection.connection.cursor()
    try:
        return int(cursor.execute("PRAGMA data_version").fetchone()[0])
    finally:
        cursor.close()


class _Piece:
    """One piece of work for the writer, and who waits for it."""

    __slots__ = ("done", "work")

    def __init__(self, work: Callable[[Session], Any], done: Future[Any]) -> None:
        self.work = work
        self.done = done


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: BEGIN is sent by `_begin`, so that a writer takes its
    # lock at once instead of failing when it upgrades from a read.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Any) -> None:
    writing = connection.get_execution_options().get("waggle_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


async def rung(bell: asyncio.Event, timeout_s: float) -> bool:
    """Wait until `bell` is set, at most `timeout_s` seconds; whether it was.

    Not `asyncio.wait_for`: in Python 3.11 that forgets a cancellation which arrives in the moment in which the bell
    rings, and a loop that waits with it then never ends (python/cpython#86296).
    """
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        return False
    return True
