"""Transcript formats to utterances: who said what, and when. Pure.

Read here: WebVTT and SubRip (webvtt-py), and the text exports of Zoom's panel, Otter, Google Meet and of tools that
write `[12:34] Name: words`. What is none of these is prose, and has utterances without speaker and times.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError


@dataclass(frozen=True)
class Utterance:
    """Something that one person said, or one paragraph of a note.

    Attributes:
        start_s, end_s: seconds from the beginning of the recording; None where the source has no times.
    """

    text: str
    speaker: str = ""
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class Transcript:
    """A parsed transcript.

    Attributes:
        notes: comments of the file, where some tools put the meeting's title.
    """

    utterances: tuple[Utterance, ...]
    notes: tuple[str, ...] = ()


class UnreadableTranscript(Exception):
    """The text is not the format that its name promises; the message says where it fails."""


_TIMING = re.compile(r"(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->")
_CUE_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>")
_TAG = re.compile(r"<[^>]*>")
#: `Mario Havel: words`, as Zoom writes it into a cue. A name is at most five words, of which the first has a capital.
_NAMED = re.compile(r"(?P<who>[^\W\d_][\w.'’()&/-]*(?: [\w.'’()&/-]+){0,4}):\s+(?P<said>\S.*)", re.DOTALL)
_CLOCK = r"\d{1,2}(?::\d{2}){1,2}"
#: `[00:15] Mike: words`, and Zoom's chat, which has no brackets.
_BRACKETED = re.compile(rf"\[?(?P<at>{_CLOCK})\]?\s+(?P<who>[^:\n]{{1,60}}):\s*(?P<said>.*)")
_PANEL = re.compile(rf"\[(?P<who>[^\]\n]{{1,60}})\]\s+(?P<at>{_CLOCK})\s*")
_OTTER = re.compile(rf"(?P<who>[^\W\d_][^\n:\[\]]{{0,60}}?)\s{{2,}}(?P<at>{_CLOCK})\s*")
#: What looks like a speaker at the start of a line of prose, and is not one.
_LABELS = frozenset(
    {"note", "notes", "todo", "action", "actions", "decision", "decisions", "date", "present", "attendees", "summary"}
)


def parse_vtt(text: str) -> Transcript:
    """WebVTT. Cues that are malformed are left out, as browsers do.

    Raises:
        UnreadableTranscript: it is not WebVTT, or no cue of it can be read.
    """
    return _captions(text, "vtt")


def parse_srt(text: str) -> Transcript:
    """SubRip. Raises UnreadableTranscript."""
    return _captions(text, "srt")


def _captions(text: str, kind: str) -> Transcript:
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        parsed = webvtt.WebVTT.from_buffer(io.StringIO(text), format=kind)
    except (MalformedFileError, MalformedCaptionError) as problem:
        raise UnreadableTranscript(str(problem)) from problem
    said: list[Utterance] = []
    for caption in parsed.captions:
        start, end = seconds(caption.start), seconds(caption.end)
        for speaker, words in _voices(caption.raw_text):
            said.append(Utterance(words, speaker, start, end))
    utterances = tuple(_without_rolling(said))
    if not utterances and _TIMING.search(text):
        raise UnreadableTranscript("it has times, but no cue in it can be read")
    notes = [*parsed.header_comments, *([parsed.header_text] if parsed.header_text else [])]
    return Transcript(utterances, tuple(" ".join(note.split()) for note in notes))


def _voices(cue: str) -> Iterator[tuple[str, str]]:
    """The speakers of one cue and their words: `<v Name>` tags first, else a leading `Name:`."""
    parts = _CUE_VOICE.split(cue)
    for speaker, marked in [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]:
        words = " ".join(html.unescape(_TAG.sub("", marked)).split())
        if not words:
            continue
        named = None if speaker else _NAMED.fullmatch(words)
        if named and _is_name(named["who"]):
            yield named["who"], named["said"]
        else:
            yield " ".join(html.unescape(speaker).split()), words


def _without_rolling(said: list[Utterance]) -> Iterator[Utterance]:
    """Live captions repeat the line before at the head of the next cue; each line is kept once."""
    before = ""
    for one in said:
        fresh = one.text
        if before and one.speaker == "" and fresh != before and fresh.startswith(before + " "):
            fresh = fresh[len(before) :].strip()
        elif fresh == before and one.speaker == "":
            fresh = ""
        if fresh:
            yield replace(one, text=fresh)
        before = one.text


def parse_text(text: str) -> Transcript | None:
    """A transcript exported as text or Markdown, or None when the text is prose.

    At least three lines, and at least a third of the paragraphs, must have the form: a note that quotes one sentence
    with a name in front is still a note.
    """
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for read in (_read_bracketed, _read_headed, _read_named):
        utterances = read(lines)
        if utterances is not None:
            return Transcript(tuple(utterances))
    return None


def _read_bracketed(lines: list[str]) -> list[Utterance] | None:
    """`[00:15] Mike: words`, continued on the lines that follow."""
    turns: list[tuple[str, str, list[str]]] = []
    for line in lines:
        head = _BRACKETED.match(line.strip())
        if head:
            turns.append((head["who"].strip(), head["at"], [head["said"]]))
        elif turns and line.strip() and not line.startswith(("```", "---")):
            turns[-1][2].append(line.strip())
    return _timed(turns)


def _read_headed(lines: list[str]) -> list[Utterance] | None:
    """A line with name and time (`[Johnny Doe] 11:02:09`, `Emma  0:00`), the words below it."""
    turns: list[tuple[str, str, list[str]]] = []
    for line in lines:
        head = _PANEL.fullmatch(line) or _OTTER.fullmatch(line)
        if head:
            turns.append((head["who"].strip(), head["at"], []))
        elif turns and line.strip():
            turns[-1][2].append(line.strip())
    return _timed(turns)


def _timed(turns: list[tuple[str, str, list[str]]]) -> list[Utterance] | None:
    if len(turns) < 3:
        return None
    starts = [seconds(at) for _, at, _ in turns]
    # Zoom's panel shows the time of day; what matters is the time since the beginning.
    origin = starts[0] if starts[0] >= 3600 else 0.0
    found = []
    for i, (who, _, said) in enumerate(turns):
        words = " ".join(" ".join(said).split())
        start = starts[i] - origin
        end = max(starts[i + 1] - origin, start) if i + 1 < len(starts) else start + _speaking_time(words)
        if words:
            found.append(Utterance(words, who, start, end))
    return found


def _speaking_time(words: str) -> float:
    return max(1.0, len(words.split()) / 2.5)  # about 150 words a minute


def _read_named(lines: list[str]) -> list[Utterance] | None:
    """`Harry Rook: words`, one paragraph each, without times."""
    paragraphs = [" ".join(block.split()) for block in re.split(r"\n\s*\n", "\n".join(lines)) if block.strip()]
    named = [_NAMED.fullmatch(block) for block in paragraphs]
    turns = [found for found in named if found and _is_name(found["who"])]
    if len(turns) < 3 or len(turns) * 3 < len(paragraphs) or len({found["who"] for found in turns}) * 2 > len(turns):
        return None
    return [
        Utterance(found["said"], found["who"]) if found and _is_name(found["who"]) else Utterance(block)
        for block, found in zip(paragraphs, named, strict=True)
    ]


def _is_name(words: str) -> bool:
    return words[0].isupper() and words.split()[0].lower() not in _LABELS


def seconds(clock: str) -> float:
    """`1:02:03.5` or `02:03` as seconds."""
    total = 0.0
    for part in clock.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return round(total, 3)
