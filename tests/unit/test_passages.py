"""Passages: every word once, cut between utterances; scores: neighbours and whole sources count."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.context.messages import ChatMessage, read_message
from bot.context.passages import LONGEST, WORDS, cut, paragraphs
from bot.context.ranking import NEIGHBOUR, bm25, combine, stem
from bot.context.transcripts import Utterance
from bot.context.words import content_words

_WORD = st.text(alphabet="abcdefg", min_size=1, max_size=6)
_UTTERANCES = st.lists(
    st.builds(
        Utterance,
        st.lists(_WORD, min_size=1, max_size=260).map(" ".join),
        st.sampled_from(["", "Ana", "Ben"]),
        st.just(1.0),
        st.just(2.0),
    ),
    max_size=12,
)


def _words(text: str) -> list[str]:
    return text.replace("Ana:", "").replace("Ben:", "").split()


@given(_UTTERANCES)
def test_every_word_is_in_exactly_one_passage_in_order(said: list[Utterance]) -> None:
    passages = cut(said)
    assert [word for one in passages for word in _words(one.text)] == [
        word for one in said for word in one.text.split()
    ]


@given(_UTTERANCES)
def test_no_passage_is_much_longer_than_wanted(said: list[Utterance]) -> None:
    assert all(len(_words(one.text)) <= WORDS + LONGEST for one in cut(said))


def test_one_speaker_in_a_row_is_named_once() -> None:
    passage = cut([Utterance("Hello.", "Ana", 1, 2), Utterance("Again.", "Ana", 2, 3), Utterance("Hi.", "Ben", 3, 4)])[
        0
    ]
    assert passage.text == "Ana: Hello. Again.\nBen: Hi."
    assert (passage.speaker, passage.start_s, passage.end_s) == ("", 1, 4)


def test_a_passage_of_one_customer_knows_it() -> None:
    passage = cut([Utterance("We need it.", "Priya (Northwind)"), Utterance("Why?", "Ana")])[0]
    assert passage.customer == "Northwind"


def test_a_long_monologue_is_cut_between_sentences_with_its_times() -> None:
    text = " ".join(f"Sentence {n} has exactly six words." for n in range(60))
    passages = cut([Utterance(text, "Ana", 0.0, 360.0)])
    assert len(passages) > 2
    assert all(one.text.endswith(".") for one in passages)
    ends = [one.end_s for one in passages]
    assert ends == sorted(ends) and ends[-1] == 360.0


def test_list_items_are_paragraphs_of_their_own() -> None:
    text = "# Title\n- Decision: one route.\n- Tax is\n  rounded once.\n\nAn end."
    assert [one.text for one in paragraphs(text)] == [
        "# Title",
        "- Decision: one route.",
        "- Tax is rounded once.",
        "An end.",
    ]


def _message(text: str, meaning: str = "feedback") -> ChatMessage:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return ChatMessage("C1", "customers", "1.1", "U0SUPPORT", text, meaning, at)  # type: ignore[arg-type]  # parametrised


def test_words_that_support_passes_on_belong_to_the_customer() -> None:
    document = read_message(_message('Northwind Logistics (Priya, by mail): "We need a CSV.\nPlease."'))
    assert document.customer == "Northwind Logistics"
    assert document.passages[0].speaker == "Priya"
    assert document.title == "Northwind Logistics in #customers, 2026-03-01"


def test_a_note_in_the_same_form_is_the_teams_own() -> None:
    document = read_message(_message("Decision (Ben): one route.", meaning="notes"))
    assert (document.customer, document.passages[0].speaker) == ("", "U0SUPPORT")


# --- scores ---------------------------------------------------------------------------------------------------------


def test_a_passage_gains_from_its_neighbours() -> None:
    ranked = dict(combine({(1, 1): 2.0}, {}))
    assert ranked == {(1, 1): 2.0, (1, 0): NEIGHBOUR * 2.0, (1, 2): NEIGHBOUR * 2.0}


def test_a_passage_gains_from_the_meeting_that_it_stands_in() -> None:
    assert next(place for place, _ in combine({(1, 0): 2.0, (2, 0): 2.1}, {1: 1.0})) == (1, 0)


def test_neighbours_never_cross_sources_or_the_beginning() -> None:
    assert {place[0] for place, _ in combine({(1, 0): 1.0}, {})} == {1}
    assert min(place[1] for place, _ in combine({(1, 0): 1.0}, {})) == 0


def test_rare_words_weigh_more_without_an_index_too() -> None:
    texts = [(1, "invoice invoice export"), (2, "invoice"), (3, "invoice again"), (4, "nothing")]
    scores = bm25(texts, ["invoices", "exporting"])
    assert 4 not in scores
    assert max(scores, key=lambda key: scores[key]) == 1


def test_stems_bring_forms_of_a_word_together() -> None:
    assert stem("invoices") == stem("invoice")
    assert stem("reminders") == stem("reminder")
    assert stem("exporting") == stem("exports") == stem("export")


def test_common_words_do_not_search() -> None:
    assert content_words("What do the customers want with the CSV, and the csv?") == ["customers", "want", "csv"]
