"""What words mean, by where they were said."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.slack.grammar import parse
from bot.slack.intents import (
    AddContext,
    After,
    Allow,
    Answer,
    Approve,
    Claim,
    Command,
    Deny,
    Edit,
    Extend,
    FreeText,
    GiveBack,
    Help,
    Never,
    New,
    Pause,
    Reject,
    Resume,
    Retry,
    SearchContext,
    SideTalk,
    Snooze,
    Start,
    Status,
    Stop,
    Surface,
    TakeOver,
    Unclear,
    WhoAmI,
)
from bot.slack.markup import mentioned, readable, strip_invisible, without_leading_mention, words

BOT = "U0WAGGLE"
S, M, T, D = Surface.SLASH, Surface.MENTION, Surface.THREAD, Surface.DM


def said(text: str, surface: Surface) -> Command:
    return parse(text, surface, BOT)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("approve", Approve()),
        ("Approve.", Approve()),
        ("approve T-12", Approve(12)),
        ("approve with semicolons, please", Approve(note="semicolons, please")),
        ("lgtm", Approve()),
        ("LGTM!", Approve()),
        ("ok thanks!", Approve()),
        ("go ahead", Approve()),
        ("go for it", Approve()),
        ("👍", Approve()),
        (":+1:", Approve()),
        ("ok with the smaller budget", Approve(note="the smaller budget")),
        ("ok, but use tabs", FreeText("ok, but use tabs")),
        ("go through the schema first", FreeText("go through the schema first")),
        ("lgtm except for the title", FreeText("lgtm except for the title")),
        ("stop", Stop()),
        ("STOP!!!", Stop()),
        ("stop it now", Stop()),
        ("stop, it deletes my files", Stop(reason="it deletes my files")),
        ("cancel", Stop()),
        ("kill it", Stop()),
        ("kill the flaky test as well", FreeText("kill the flaky test as well")),
        ("retry", Retry()),
        ("retry the schema is in app/schema.py", Retry(guidance="the schema is in app/schema.py")),
        ("retry 3 columns are enough", Retry(guidance="3 columns are enough")),
        ("retry T-4 use it", Retry(4, "use it")),
        ("redo the header", Retry(guidance="the header")),
        ("again", Retry()),
        ("extend", Extend()),
        ("extend T-4", Extend(4)),
        ("extend the budget, please", Extend()),
        ("extend the export by a header", FreeText("extend the export by a header")),
        ("again the same failure?", FreeText("again the same failure?")),
        ("answer semicolons", Answer(text="semicolons")),
        ("answer", Unclear("answer", "answer <your answer>")),
        ("edit only paid invoices", Edit(text="only paid invoices")),
        ("reject we have that already", Reject(reason="we have that already")),
        ("pause", Pause()),
        ("pause the video when hidden", FreeText("pause the video when hidden")),
        ("resume", Resume()),
        ("take over", TakeOver()),
        ("takeover", TakeOver()),
        ("start", Start()),
        ("start it, please", Start()),
        ("start with the schema", FreeText("start with the schema")),
        ("snooze", Snooze()),
        ("never", Never()),
        ("never mind", FreeText("never mind")),
        ("never T-4", Never(4)),
        ("give back", GiveBack()),
        ("giveback please", GiveBack()),
        ("status", Status()),
        ("status page is broken", FreeText("status page is broken")),
        ("new idea: sort by date", FreeText("new idea: sort by date")),
        ("please approve", FreeText("please approve")),
        ("I would not approve that", FreeText("I would not approve that")),
        ("// lunch?", SideTalk()),
        ("<@U0BEN> have a look", SideTalk()),
        ("<@U0BEN|ben> have a look", SideTalk()),
        ("", SideTalk()),
        ("<@U0WAGGLE> stop", Stop()),
        ("<@U0WAGGLE|waggle>: approve", Approve()),
        ("<@U0WAGGLE> new sort by date", New("sort by date")),
        ("the column is called “net”", FreeText('the column is called "net"')),
    ],
)
def test_a_reply_in_our_thread(text: str, command: Command) -> None:
    assert said(text, T) == command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("<@U0WAGGLE> customers want CSV export", FreeText("customers want CSV export")),
        ("<@U0WAGGLE> new customers want CSV export", New("customers want CSV export")),
        ("<@U0WAGGLE>", Help()),
        ("<@U0WAGGLE> help", Help()),
        ("<@U0WAGGLE> status", Status()),
        ("<@U0WAGGLE> status mine", Status(scope="mine")),
        ("<@U0WAGGLE> status of an invoice is wrong", FreeText("status of an invoice is wrong")),
        ("<@U0WAGGLE> retry logic is broken", FreeText("retry logic is broken")),
        ("<@U0WAGGLE> edit button is missing", FreeText("edit button is missing")),
        ("<@U0WAGGLE> approve T-3", Approve(3)),
        ("<@U0WAGGLE> approve", Approve()),
        ("<@U0WAGGLE> stop the spinner", Stop(reason="the spinner")),
        ("hey <@U0WAGGLE> do it", FreeText("hey @U0WAGGLE do it")),
    ],
)
def test_a_mention_in_a_channel(text: str, command: Command) -> None:
    assert said(text, M) == command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        ("help", Help()),
        ("new fix the rounding", New("fix the rounding")),
        ("new repo:acme/ledgerline prio:P1 fix it: now", New("fix it: now", "acme/ledgerline", "p1")),
        ("new", Unclear("new", "new <what you want built or fixed>")),
        ("status", Status()),
        ("status 12", Status(12)),
        ("status #12", Status(12)),
        ("approve 12", Approve(12)),
        ("stop T-12", Stop(12)),
        ("retry 12 look at app/db.py", Retry(12, "look at app/db.py")),
        ("answer 12 yes", Answer(12, "yes")),
        ("context search csv export", SearchContext("csv export")),
        ("context add they pay yearly", AddContext("they pay yearly")),
        ("context", Unclear("context", "context search <words>` or `context add <text>")),
        ("claim AB12CD34", Claim("AB12CD34")),
        ("claim", Unclear("claim", "claim <the code from the terminal>")),
        ("allow <@U0BEN|ben>", Allow("U0BEN", "requester")),
        ("allow <@U0BEN> Approver", Allow("U0BEN", "approver")),
        ("allow <@U0BEN> king", Unclear("allow", "allow @person [viewer|requester|approver|admin]")),
        ("allow &lt;@U0BEN&gt;", Unclear("allow", "allow @person [viewer|requester|approver|admin]")),
        ("deny <@U0BEN>", Deny("U0BEN")),
        ("whoami", WhoAmI()),
        ("aprove T-1", FreeText("aprove T-1")),
    ],
)
def test_a_slash_command(text: str, command: Command) -> None:
    assert said(text, S) == command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("customers want CSV", FreeText("customers want CSV")),
        ("approve T-2", Approve(2)),
        ("approve", Approve()),
        ("claim AB12CD34", Claim("AB12CD34")),
        ("whoami", WhoAmI()),
    ],
)
def test_a_direct_message(text: str, command: Command) -> None:
    assert said(text, D) == command


@pytest.mark.parametrize(
    ("wire", "typed"),
    [
        ("see <http://app.py|app.py>", "see app.py"),
        ("see <http://example.com/a?b=1&amp;c=2>", "see http://example.com/a?b=1&c=2"),
        ("<https://example.com|the page>", "the page (https://example.com)"),
        ("<mailto:ana@example.com|ana@example.com>", "ana@example.com"),
        ("in <#C0PRODUCT|product>", "in #product"),
        ("<!here> look", "@here look"),
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("“quoted” ‘too’ and… more", "\"quoted\" 'too' and... more"),
        ("approve\u200b\u202e", "approve"),
        ("two\r\nlines", "two\nlines"),
        ("&lt;@U0ANA&gt;", "@U0ANA"),
    ],
)
def test_what_slack_did_to_the_words_is_undone(wire: str, typed: str) -> None:
    assert words(wire) == typed


def test_mentions_keep_their_ids_and_read_well() -> None:
    text = words("<@U0ANA> and <@W1|w>")
    assert mentioned(text) == ("U0ANA", "W1")
    assert readable(text) == "@U0ANA and @W1"
    assert without_leading_mention("<@U1> <@U1>, hello", "U1") == "hello"


_PIECES = ["stop", "approve", "ok", "T-1", "12", "<@U0WAGGLE>", "<@U0BEN>", "//", "with", "retry", "new"]
_PIECES += ["&lt;", "<http://a|b>", " ", "\n", "context", "add", "allow"]
_texts = st.text(max_size=60) | st.lists(st.sampled_from(_PIECES), max_size=6).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(_texts, st.sampled_from(Surface))
def test_every_text_is_some_command(text: str, surface: Surface) -> None:
    assert isinstance(said(text, surface), Command)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["stop", "Stop", "STOP", "stop!", "stop,"]), st.text(max_size=40), st.sampled_from(Surface))
def test_stop_is_never_anything_else(word: str, rest: str, surface: Surface) -> None:
    assert isinstance(said(f"{word} {rest}", surface), Stop)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=50))
@example("go\u00a0ahead")
def test_nothing_but_a_first_word_approves(text: str) -> None:
    command = said(f"well {text}", T)
    assert isinstance(command, FreeText)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_words_hold_no_invisible_character(text: str) -> None:
    assert not re.search(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\x00-\x08\x7f]", words(text))
    assert strip_invisible(strip_invisible(text)) == strip_invisible(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="&lt;gt@U0ANA<>| ", max_size=40))
def test_typed_characters_never_become_a_mention(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert mentioned(words(escaped)) == ()


@pytest.mark.parametrize(
    ("text", "surface", "command"),
    [
        ("after T-3", Surface.THREAD, After(None, "T-3")),
        ("after:T-3", Surface.THREAD, After(None, "T-3")),
        ("After T-3, T-4.", Surface.THREAD, After(None, "T-3, T-4")),
        ("after T-3 and T-4", Surface.THREAD, After(None, "T-3 and T-4")),
        ("after none", Surface.THREAD, After(None, "none")),
        ("after lunch I look at it", Surface.THREAD, FreeText("after lunch I look at it")),
        ("after T-3 we should talk", Surface.THREAD, FreeText("after T-3 we should talk")),
        ("after T-5 T-3", Surface.SLASH, After(5, "T-3")),
        ("after 5 none", Surface.SLASH, After(5, "none")),
        ("after T-3", Surface.SLASH, Unclear("after", "after T-5 T-3")),
        ("<@U0WAGGLE> after T-5 T-3", Surface.MENTION, After(5, "T-3")),
        ("<@U0WAGGLE> after the export, add totals", Surface.MENTION, FreeText("after the export, add totals")),
    ],
)
def test_after_names_what_is_waited_for(text: str, surface: Surface, command: Command) -> None:
    assert parse(text, surface, "U0WAGGLE") == command
