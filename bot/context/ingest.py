"""A file's bytes to a document that can be stored, or a refusal that names the cure. Pure."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from bot.context.heading import read_heading
from bot.context.passages import PassageDraft, cut, paragraphs
from bot.context.transcripts import Transcript, UnreadableTranscript, parse_srt, parse_text, parse_vtt
from integrations.fault import IntegrationError
from integrations.redact import redact

LARGEST = 10 * 2**20  #: bytes; a whole day's transcript has less than 2 MB
SUFFIXES = (".md", ".markdown", ".txt", ".vtt", ".srt")

_CURES = {
    ".docx": "Save it as text (.txt) or Markdown (.md) and add that.",
    ".doc": "Save it as text (.txt) or Markdown (.md) and add that.",
    ".pdf": "Copy its text into a .txt or .md file and add that.",
    ".mp3": "Add the transcript (.vtt or .txt) of the recording.",
    ".mp4": "Add the transcript (.vtt or .txt) of the recording.",
    ".m4a": "Add the transcript (.vtt or .txt) of the recording.",
}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class RefusedFile(IntegrationError):
    """A file cannot be taken in. `user_message` says which, why, and what to do."""

    def __init__(self, name: str, why: str, cure: str) -> None:
        super().__init__(f"{name}: {why}", user_message=f"{name} {why}. {cure}")
        self.name = name


@dataclass(frozen=True)
class Document:
    """A file as it will be stored.

    Attributes:
        kind: `note` or `transcript`.
        text: the readable whole, without time stamps and markup of the transcript format.
        digest: equal for equal content, whatever the file was called and however it was encoded.
    """

    kind: str
    title: str
    date: str
    customer: str
    text: str
    digest: str
    passages: tuple[PassageDraft, ...]


def read_document(data: bytes, name: str, secrets: Iterable[str] = ()) -> Document:
    """Parse a file.

    Parameters:
        name: its name; the suffix says what to expect.
        secrets: literal values that must not be stored, whatever they look like.

    Raises:
        RefusedFile: it is empty, too large, binary, of a kind that is not read, or a broken transcript.
    """
    suffix = PurePath(name).suffix.lower()
    text = redact(_decode(data, name, suffix), secrets)
    transcript = _transcript(text, name, suffix)
    kind, whole = ("note", text.strip()) if transcript is None else ("transcript", _read_aloud(transcript))
    passages = tuple(cut(paragraphs(text) if transcript is None else transcript.utterances))
    if not passages:
        raise RefusedFile(name, "holds no words", "Add a file with text in it.")
    heading = read_heading(
        text if suffix not in {".vtt", ".srt"} else "", PurePath(name).name, transcript.notes if transcript else ()
    )
    customers = {one.customer for one in passages if one.customer}
    customer = heading.customer or (customers.pop() if len(customers) == 1 else "")
    digest = hashlib.sha256(text.strip().encode()).hexdigest()
    return Document(kind, heading.title, heading.date, customer, whole, digest, passages)


def _read_aloud(transcript: Transcript) -> str:
    return "\n".join(f"{one.speaker}: {one.text}" if one.speaker else one.text for one in transcript.utterances)


def _transcript(text: str, name: str, suffix: str) -> Transcript | None:
    try:
        if suffix == ".vtt" or text.startswith("WEBVTT"):
            return parse_vtt(text)
        if suffix == ".srt":
            return parse_srt(text)
    except UnreadableTranscript as problem:
        cure = "Export it again, or rename it to .txt to take it in as plain text."
        raise RefusedFile(name, f"is not a readable transcript ({problem})", cure) from problem
    return parse_text(text)


def _decode(data: bytes, name: str, suffix: str) -> str:
    if suffix in _CURES:
        raise RefusedFile(name, f"is a {suffix} file, which Waggle does not read", _CURES[suffix])
    if len(data) > LARGEST:
        megabytes = len(data) / 2**20
        raise RefusedFile(
            name, f"is too large ({megabytes:.0f} MB, at most {LARGEST >> 20} MB)", "Split it, or add its summary."
        )
    if not data.strip():
        raise RefusedFile(name, "is empty", "Add a file with text in it.")
    text = _text_of(data)
    if text is None:
        raise RefusedFile(name, "is not text", f"Waggle reads {', '.join(SUFFIXES)}.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _text_of(data: bytes) -> str | None:
    """The text of a file in UTF-8, UTF-16 with its mark, or Latin-1; None when it is binary."""
    if data.startswith(_UTF16):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            return None
    # Control characters are what tells a picture or an archive from text in whatever encoding.
    if b"\0" in data or sum(byte < 32 and byte not in b"\t\n\r\f\v\x1b" for byte in data) * 100 > len(data):
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # old Windows tools
