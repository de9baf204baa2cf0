"""Transcript formats become utterances with speaker and times, or are refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.context.heading import customer_in_name, read_date, read_heading
from bot.context.ingest import LARGEST, RefusedFile, read_document
from bot.context.transcripts import UnreadableTranscript, Utterance, parse_srt, parse_text, parse_vtt, seconds

ZOOM = """WEBVTT

1
00:04:01.680 --> 00:04:02.770
Mario Havel: Hey, Pooja.

2
00:04:03.430 --> 00:04:04.509
Mario Havel: What are you doing: nothing?
"""
VOICES = """WEBVTT - Call with Northwind, 24 February 2026

NOTE taken by Ana

00:04.000 --> 00:11.500
<v Ana>Thanks &amp; welcome, <i>Priya</i>.

00:11.900 --> 00:24.200
<v.loud Priya (Northwind Logistics)>Every month. <v Ana>Really?
"""


def test_zoom_writes_the_speaker_into_the_cue() -> None:
    assert parse_vtt(ZOOM).utterances == (
        Utterance("Hey, Pooja.", "Mario Havel", 241.68, 242.77),
        Utterance("What are you doing: nothing?", "Mario Havel", 243.43, 244.509),
    )


def test_voice_tags_name_the_speakers_and_markup_goes() -> None:
    parsed = parse_vtt(VOICES)
    assert [(one.speaker, one.text) for one in parsed.utterances] == [
        ("Ana", "Thanks & welcome, Priya."),
        ("Priya (Northwind Logistics)", "Every month."),
        ("Ana", "Really?"),
    ]
    assert "taken by Ana" in parsed.notes
    assert any("24 February 2026" in note for note in parsed.notes)


def test_live_captions_that_repeat_themselves_are_said_once() -> None:
    rolling = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\nso we will\n\n00:02.000 --> 00:03.000\nso we will ship it\n\n"
        "00:03.000 --> 00:04.000\nso we will ship it\n"
    )
    assert [one.text for one in parse_vtt(rolling).utterances] == ["so we will", "ship it"]


@pytest.mark.parametrize("text", ["", "hello", "1\n00:00:01,000 --> 00:00:02,000\nsubrip"])
def test_what_is_not_webvtt_is_refused(text: str) -> None:
    with pytest.raises(UnreadableTranscript):
        parse_vtt(text)


def test_a_transcript_whose_cues_are_all_broken_is_refused() -> None:
    with pytest.raises(UnreadableTranscript, match="no cue"):
        parse_vtt("WEBVTT\n\n00:00:01.0 --> nowhere\nlost\n")


def test_byte_order_mark_and_old_line_ends_do_not_matter() -> None:
    assert parse_vtt("\ufeff" + ZOOM.replace("\n", "\r\n")).utterances == parse_vtt(ZOOM).utterances
    assert parse_vtt(ZOOM.replace("\n", "\r")).utterances == parse_vtt(ZOOM).utterances


def test_subrip() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,500\nAna: Hello.\n\n2\n00:00:03,000 --> 00:00:04,000\nBye.\n"
    assert parse_srt(text).utterances == (Utterance("Hello.", "Ana", 1.0, 2.5), Utterance("Bye.", "", 3.0, 4.0))


@pytest.mark.parametrize(
    ("name", "text", "first"),
    [
        (
            "brackets",
            "Meeting Transcript\n\n[00:00] Sarah: Okay.\nLet's start.\n\n[00:15] Mike: Here.\n\n[00:22] Sarah: Good.\n",
            Utterance("Okay. Let's start.", "Sarah", 0.0, 15.0),
        ),
        (
            "Zoom's panel shows the time of day",
            "[Johnny Doe] 11:02:09\nHow are you?\n\n[Janet Dough] 11:02:11\nFine.\n\n[Johnny Doe] 11:02:12\nGood.\n",
            Utterance("How are you?", "Johnny Doe", 0.0, 2.0),
        ),
        (
            "Otter",
            "Emma  0:00  \nIt is important.\n\nKelly  0:34  \nWelcome.\n\nUnknown Speaker  0:35  \nHi.\n",
            Utterance("It is important.", "Emma", 0.0, 34.0),
        ),
        (
            "Google Meet has no times",
            "# Call\n\nHarry Rook: All right.\n\nAnn Lee: Yes: really.\n\nHarry Rook: Fine.\n\nAnn Lee: Bye.\n",
            Utterance("# Call"),
        ),
    ],
)
def test_text_exports_are_recognised(name: str, text: str, first: Utterance) -> None:
    parsed = parse_text(text)
    assert parsed is not None, name
    assert parsed.utterances[0] == first
    assert len({one.speaker for one in parsed.utterances} - {""}) >= 2


def test_a_note_that_quotes_somebody_is_still_prose() -> None:
    assert parse_text("# Harbour Books\n\nPresent: Ana, Tom\n\nTom: too much tax.\n\nDecision: net first.\n") is None


@given(st.text(max_size=400))
def test_no_text_breaks_a_parser(text: str) -> None:
    parse_text(text)
    for parse in (parse_vtt, parse_srt):
        try:
            parsed = parse(text)
        except UnreadableTranscript:
            continue
        assert all(one.text.strip() for one in parsed.utterances)


@pytest.mark.parametrize(("clock", "value"), [("02:03", 123.0), ("1:02:03.5", 3723.5), ("00:00:01,250", 1.25)])
def test_clocks(clock: str, value: float) -> None:
    assert seconds(clock) == value


# --- headings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("3 March 2026", "2026-03-03"),
        ("January 27, 2025", "2025-01-27"),
        ("the 1st of Feb 2026", "2026-02-01"),
        ("Call - 2024/11/21 15:51 GMT", "2024-11-21"),
        ("2026-13-45 and 2026-02-28", "2026-02-28"),
        ("version 1.2.3", ""),
    ],
)
def test_dates_as_people_write_them(text: str, day: str) -> None:
    assert read_date(text) == day


def test_title_date_and_customer_stand_at_the_head() -> None:
    heading = read_heading("# Harbour Books, 3 March 2026\n\nPresent: Ana, Tom (Harbour Books)\n", "note.md")
    assert (heading.title, heading.date, heading.customer) == (
        "Harbour Books, 3 March 2026",
        "2026-03-03",
        "Harbour Books",
    )


def test_front_matter_goes_before_the_heading() -> None:
    heading = read_heading("---\ntitle: Pricing\ndate: 2026-01-05\ncustomer: Kestrel\n---\n# Other, 1 May 2020", "x.md")
    assert (heading.title, heading.date, heading.customer) == ("Pricing", "2026-01-05", "Kestrel")


def test_the_file_name_is_what_is_left() -> None:
    heading = read_heading("words\n", "2026-03-12-how-we-work.md")
    assert (heading.title, heading.date, heading.customer) == ("how we work", "2026-03-12", "")


def test_a_call_names_its_customer() -> None:
    heading = read_heading("", "x.vtt", ["Call with Northwind Logistics, 24 February 2026"])
    assert heading.customer == "Northwind Logistics"


def test_a_role_in_a_name_is_no_customer() -> None:
    assert customer_in_name("Priya (Northwind Logistics)") == "Northwind Logistics"
    assert customer_in_name("Ana (Host)") == ""


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.md", b"  \n", "is empty"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00", "is not text"),
        ("noise.txt", bytes(range(1, 32)) * 40, "is not text"),
        ("big.txt", b"word " * (LARGEST // 5 + 2), "is too large"),
        ("report.pdf", b"%PDF-1.7", "is a .pdf file"),
        ("broken.vtt", b"no header", "is not a readable transcript"),
        ("silence.vtt", b"WEBVTT\n", "holds no words"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_cure(name: str, data: bytes, says: str) -> None:
    with pytest.raises(RefusedFile) as refused:
        read_document(data, name)
    assert refused.value.user_message.startswith(f"{name} {says}")
    assert refused.value.user_message.rstrip(".").rpartition(". ")[2]  # a second sentence: what to do


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_same_words_in_any_encoding_are_the_same_document(encoding: str) -> None:
    text = "# Café Müller\n\nThe invoice is 3 € short, naïvely.\n".replace("€", "EUR")
    assert read_document(text.encode(encoding), "note.md").digest == read_document(text.encode(), "other.md").digest


def test_secrets_are_not_taken_in() -> None:
    data = b"The key is ghp_abcdefghijklmnopqrstuvwxyz0123456789 and hunter2hunter2."
    document = read_document(data, "note.md", secrets=["hunter2hunter2"])
    kept = document.text + document.passages[0].text
    assert "ghp_" not in kept and "hunter2" not in kept and "The key is" in kept
