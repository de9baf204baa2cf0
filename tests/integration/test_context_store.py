"""Business context in a real registry: taken in once, found with its source, edited, and forgotten for good."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session, select

from bot.context.index import FTS_DDL
from bot.context.ingest import RefusedFile
from bot.context.messages import ChatMessage
from bot.context.ranking import combine
from bot.context.search import scores_fts5, scores_plain
from bot.context.store import ContextStore
from bot.context.words import content_words
from scheduler.registry import Event, Passage, Registry, Source
from tests.conftest import Clock

CALL = """WEBVTT

NOTE Call with Northwind Logistics, 24 February 2026

00:04.000 --> 00:11.000
<v Ana>What is painful at month end?

00:11.000 --> 00:24.000
<v Priya (Northwind Logistics)>Our accountant retypes every invoice into her ledger. A CSV export would save a day.
"""


@pytest.fixture
def store(registry: Registry, clock: Clock) -> ContextStore:
    return ContextStore(registry, clock, secrets=["a-home-grown-secret"])


def said(text: str, ts: str = "1.1", meaning: str = "feedback") -> ChatMessage:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return ChatMessage("C0CUSTOMERS", "customers", ts, "U0SUPPORT", text, meaning, at, "https://chat/1")  # type: ignore[arg-type]  # a literal from a test


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir()).lower()


async def test_a_transcript_is_found_with_speaker_times_customer_and_date(store: ContextStore, tmp_path: Path) -> None:
    path = tmp_path / "call.vtt"
    path.write_text(CALL)
    taken = await store.add_file(path, actor="cli:ana")
    assert (taken.what, taken.passages, taken.path) == ("added", 1, str(path))
    (found,) = await store.search("Which customers want an export of invoices as CSV?")
    assert found.source_id == taken.source_id
    assert (found.start_s, found.end_s, found.date) == (4.0, 24.0, "2026-02-24")
    assert found.customer == "Northwind Logistics"
    assert found.title.startswith("Call with Northwind")


async def test_the_same_content_is_taken_in_once_whatever_its_name(store: ContextStore, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Note\n\nThe export comes first.\n")
    (tmp_path / "b.md").write_text("# Note\n\nThe export comes first.\n")
    first = await store.add_file(tmp_path / "a.md")
    again = await store.add_file(tmp_path / "b.md")
    assert (again.source_id, again.what) == (first.source_id, "known")
    assert len(await store.search("export")) == 1


async def test_a_newer_version_of_a_file_replaces_the_older_one(store: ContextStore, tmp_path: Path) -> None:
    path = tmp_path / "plan.md"
    path.write_text("Search comes first.\n")
    first = await store.add_file(path)
    path.write_text("Rounding comes first.\n")
    newer = await store.add_file(path)
    assert (newer.source_id, newer.what) == (first.source_id, "updated")
    assert await store.search("search") == ()
    assert [one.text for one in await store.search("rounding")] == ["Rounding comes first."]


async def test_a_file_that_cannot_be_read_says_so(store: ContextStore, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.md"):
        with pytest.raises(RefusedFile) as refused:
            await store.add_file(path)
        assert "Check the path" in refused.value.user_message


async def test_a_customer_message_is_external_and_names_its_customer(store: ContextStore) -> None:
    await store.take_message(said('Harbour Books (Tom, on the phone): "The tax is a cent too high."'))
    (found,) = await store.search("tax")
    assert (found.customer, found.speaker, found.trust) == ("Harbour Books", "Tom", "external")
    assert (found.date, found.url) == ("2026-03-01", "https://chat/1")


async def test_a_message_delivered_twice_is_one_source(store: ContextStore, registry: Registry) -> None:
    first = await store.take_message(said("We need exports."))
    again = await store.take_message(said("We need exports."))
    assert (again.source_id, again.what) == (first.source_id, "known")
    assert len(registry.read_now(lambda s: s.exec(select(Source)).all())) == 1


async def test_an_edited_message_is_found_by_its_new_words_only(store: ContextStore) -> None:
    await store.take_message(said("We need exports."))
    edited = await store.take_message(said("We need imports."))
    assert edited.what == "updated"
    assert await store.search("exports") == ()
    assert len(await store.search("imports")) == 1


async def test_a_deleted_message_stays_forgotten_when_it_is_delivered_again(store: ContextStore) -> None:
    await store.take_message(said("We need exports."))
    await store.forget_message("C0CUSTOMERS", "1.1", actor="U0SUPPORT")
    assert (await store.take_message(said("We need exports."))).what == "forgotten"
    assert await store.search("exports") == ()


async def test_a_deletion_that_arrives_before_its_message_wins(store: ContextStore) -> None:
    await store.forget_message("C0CUSTOMERS", "1.1", actor="U0SUPPORT")
    assert (await store.take_message(said("We need exports."))).what == "forgotten"


async def test_forgotten_words_are_in_no_file_of_the_database(
    store: ContextStore, registry: Registry, tmp_path: Path
) -> None:
    await store.take_message(said("Our password hint is Xylophonequartz.", ts="1.2"))
    for n in range(30):
        await store.take_message(said(f"Something else, number {n}.", ts=f"2.{n}"))
    (found,) = await store.search("xylophonequartz")
    assert b"ylophonequartz" in everything_in(tmp_path)
    assert await store.forget(found.source_id, actor="cli:ana")
    assert b"ylophonequartz" not in everything_in(tmp_path)
    shown = await store.show(found.source_id)
    assert shown is not None and shown.forgotten and shown.text == "" and shown.passages == ()
    events = registry.read_now(lambda s: s.exec(select(Event).where(Event.what == "context_forgotten")).all())
    assert [event.actor for event in events] == ["cli:ana"]


async def test_what_a_person_adds_again_after_forgetting_is_there_again(store: ContextStore, tmp_path: Path) -> None:
    path = tmp_path / "note.md"
    path.write_text("The export comes first.\n")
    taken = await store.add_file(path)
    await store.forget(taken.source_id, actor="cli:ana")
    assert await store.search("export") == ()
    assert (await store.add_file(path)).what == "added"
    assert len(await store.search("export")) == 1


async def test_nothing_is_forgotten_that_is_not_there(store: ContextStore) -> None:
    assert await store.forget(99, actor="cli:ana") is False
    assert await store.show(99) is None


async def test_secrets_in_messages_are_not_stored(store: ContextStore, registry: Registry) -> None:
    await store.take_message(said("Use xoxb-123456789012-abcdefghijkl or a-home-grown-secret for it."))
    texts = registry.read_now(lambda s: [*s.exec(select(Source.text)).all(), *s.exec(select(Passage.text)).all()])
    assert texts and all("xoxb-" not in text and "home-grown" not in text for text in texts)


async def test_a_query_of_common_words_or_signs_finds_nothing_and_breaks_nothing(store: ContextStore) -> None:
    await store.take_message(said("We need exports."))
    for query in ("", "what is the", '" OR *', "NEAR(", "'); drop table passage; --", "AND NOT"):
        assert await store.search(query) == () or query.startswith("'")


async def test_search_can_be_limited_to_one_source(store: ContextStore) -> None:
    first = await store.take_message(said("We need exports.", ts="1.1"))
    await store.take_message(said("They need exports.", ts="1.2"))
    found = await store.search("exports", source_id=first.source_id)
    assert {one.source_id for one in found} == {first.source_id}


async def test_an_index_made_late_holds_what_was_there_before(store: ContextStore, registry: Registry) -> None:
    def plant(session: Session) -> None:
        source = Source(dedupe_key="k", kind="note", title="Old", text="An ancient decision.", created_at=Clock()())
        session.add(source)
        session.flush()
        session.add(Passage(source_id=source.id or 0, n=0, text="An ancient decision."))

    registry.write_now(plant)
    assert [one.title for one in await store.search("ancient")] == ["Old"]
    assert all("IF NOT EXISTS" in statement for statement in FTS_DDL)


async def test_the_ranking_without_an_index_agrees_on_what_is_best(store: ContextStore, registry: Registry) -> None:
    for n, text in enumerate(["Export invoices as CSV please.", "The search is slow.", "An export, maybe."]):
        await store.take_message(said(text, ts=f"3.{n}"))
    words = content_words("csv export of invoices")
    ranked = [
        combine(*registry.read_now(lambda s, scores=scores: scores(s, words, None)))  # type: ignore[misc]  # bound early
        for scores in (scores_fts5, scores_plain)
    ]
    assert [place for place, _ in ranked[0]] == [place for place, _ in ranked[1]]
