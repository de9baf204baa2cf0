"""Scoping by rules: a request becomes a task, quotes are exact, and what is not understood is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import integrations.playground
from integrations.models.judgements import PassageFact, RepositoryFact, ScopeFacts
from integrations.models.rules.scope import scope
from integrations.models.rules.words import meaningful, sentences, shorten, stem

SAMPLE = Path(integrations.playground.__file__).parent / "sample"
LEDGERLINE = RepositoryFact(
    slug="acme/ledgerline", base_branch="main", files=("app/invoices.py", "app/web.py", "README.md")
)


def customers() -> tuple[PassageFact, ...]:
    channels = json.loads((SAMPLE / "workspace.json").read_text())["channels"]
    messages = next(one["messages"] for one in channels if one["name"] == "customers")
    return tuple(
        PassageFact(passage_id=f"p{number}", source_id="customers", text=one["text"], trust="external")
        for number, one in enumerate(messages)
    )


def facts(request: str, **more: object) -> ScopeFacts:
    return ScopeFacts.model_validate(
        {"request": request, "requester": "ana", "repositories": (LEDGERLINE,), "passages": customers(), **more}
    )


def test_the_headline_request_finds_the_customers_own_words() -> None:
    answer = scope(facts("<@U0WAGGLE> customers want CSV export of invoices"))
    assert answer.clear and answer.title == "Add CSV export of invoices" and answer.repo == "acme/ledgerline"
    assert answer.citations[0].quote == "We need a CSV export of our invoices."
    assert (answer.kind, answer.size, answer.priority) == ("backend", "medium", "p1")
    assert "Northwind Logistics" in answer.priority_reason
    assert any("Amounts with a dot and no thousands separators" in one for one in answer.acceptance)
    assert answer.expected_files == ["app/invoices.py", "app/web.py", "README.md"]
    assert "customers want CSV export of invoices" in answer.goal


@pytest.mark.parametrize(
    ("request_text", "title", "kind"),
    [
        ("We need a button to print invoices", "Add button to print invoices", "frontend"),
        ("Please let customers pay by card", "Let customers pay by card", "backend"),
        ("can you make invoices exportable?", "Make invoices exportable", "backend"),
        ("Northwind wants the search to ignore case", "Make the search ignore case", "backend"),
        ("the customer search is case sensitive", "Fix: the customer search is case sensitive", "bug"),
        ("an invoice is overdue on its due date", "Fix: an invoice is overdue on its due date", "bug"),
        ("KeyError: 'amount' when importing payments", "Fix: KeyError: 'amount' when importing payments", "bug"),
        ("explain in the README how totals are made", "Explain in the README how totals are made", "docs"),
        ("dark mode", "Add dark mode", "design"),
        ("Mela wants a page that shows who is late", "Add page that shows who is late", "frontend"),
        ("rename money.show to money.display", "Rename money.show to money.display", "refactor"),
        ("the password is leaked in the log", "Fix: the password is leaked in the log", "security"),
    ],
)
def test_titles_are_imperative_and_kinds_have_words(request_text: str, title: str, kind: str) -> None:
    answer = scope(facts(request_text))
    assert (answer.title, answer.kind) == (title, kind)
    assert len(answer.title) <= 70 and answer.acceptance and answer.priority_reason


@pytest.mark.parametrize(
    "request_text", ["fix it", "@waggle please fix it", "make it faster", "invoices", "hello", "", "do something"]
)
def test_a_request_without_content_is_asked_about(request_text: str) -> None:
    answer = scope(facts(request_text))
    assert not answer.clear and answer.question.endswith(("?", "."))


def test_an_answer_makes_an_unclear_request_clear() -> None:
    answer = scope(facts("fix it", answers=("the customer search should ignore case",)))
    assert answer.clear and answer.citations and "should ignore case" in answer.goal


def test_two_repositories_are_a_question_unless_one_is_named_or_clearly_found() -> None:
    other = RepositoryFact(slug="acme/site", base_branch="main", files=("a.py", "b.py", "c.py"))
    asked = scope(facts("add dark mode", repositories=(LEDGERLINE, other)))
    assert not asked.clear and asked.options == ["acme/ledgerline", "acme/site"]
    assert scope(facts("add dark mode to the site", repositories=(LEDGERLINE, other))).repo == "acme/site"
    found = RepositoryFact(slug="acme/found", base_branch="main", files=tuple("abcdefgh"))
    assert scope(facts("add dark mode", repositories=(LEDGERLINE, found))).repo == "acme/found"
    assert not scope(facts("add dark mode", repositories=())).clear


@pytest.mark.parametrize(
    ("request_text", "priority", "reason"),
    [
        ("urgent: invoices show a wrong total", "p1", "urgent"),
        ("data loss when two people edit an invoice", "p0", "data loss"),
        ("fix typo on the invoice page", "p3", "small"),
        ("the customer search is case sensitive", "p2", "Northwind Logistics"),
    ],
)
def test_priority_has_a_reason(request_text: str, priority: str, reason: str) -> None:
    answer = scope(facts(request_text))
    assert answer.priority == priority and reason in answer.priority_reason


@pytest.mark.parametrize(
    ("request_text", "size"),
    [("rewrite the whole importer", "large"), ("fix the wording of the label", "small"), ("add CSV export", "medium")],
)
def test_size_by_words(request_text: str, size: str) -> None:
    assert scope(facts(request_text)).size == size


def test_passages_that_share_nothing_are_not_cited() -> None:
    assert scope(facts("add dark mode")).citations == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_quote_is_always_a_substring_of_its_passage(request_text: str, passage: str) -> None:
    given_facts = facts(
        f"export {request_text}",
        passages=(PassageFact(passage_id="p", source_id="s", text=f"{passage} export {passage}", customer="Acme"),),
    )
    for cited in scope(given_facts).citations:
        assert cited.quote and cited.quote in given_facts.passages[0].text


@given(st.text(max_size=200))
def test_sentences_stand_in_their_text(text: str) -> None:
    assert all(one in text for one in sentences(text))


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("exports exporting exported exportable", "export"),
        ("invoices invoice", "invoic"),
        ("companies", "company"),
        ("stopping", "stop"),
        ("status", "status"),
    ],
)
def test_stems(words: str, same: str) -> None:
    assert {stem(word) for word in words.split()} == {same}


def test_words_that_mean_nothing_are_left_out() -> None:
    assert meaningful("Could you please do the export of the invoices?") == ["export", "invoic"]
    assert shorten("one two three", 8) == "one two"
