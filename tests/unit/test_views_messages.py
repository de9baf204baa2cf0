"""What is worth a message: what it says, what can be done next, and that others' words stay words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack.buttons import Token
from bot.slack.views import escape, forms, help, messages, status
from bot.slack.views.budget import Message
from bot.slack.views.card import card
from integrations.playground.slack.blocks import Surface, check_blocks, check_view
from scheduler.lifecycle import TaskState
from scheduler.registry import Evidence
from tests.unit import slack_facts as build
from tests.unit.test_views_card import all_text, pressable

#: what our own code writes between angle brackets, and nothing else may stand there
OURS = re.compile(
    r"<(?:@[UW][A-Z0-9]+|#[CG][A-Z0-9]+|!date\^\d+\^\{date_short_pretty\} \{time\}\|[\d: UTC-]+"
    r"|https://(?:x\.test(?:/1)?|github\.test/acme/ledgerline/pull/7)\|[^<>|]*)>"
)


class Hit:
    """A passage that was found."""

    def __init__(self, words: str) -> None:
        self.text = self.date = self.speaker = self.customer = words
        self.url = "https://x.test/1"


def everything(words: str) -> list[Message]:
    """Every message there is, all of them saying `words`."""
    made: list[Message] = []
    for state in TaskState:
        made.append(card(build.facts(state, words)))
    facts = build.facts(TaskState.READY, words)
    help_wanted = build.facts(TaskState.NEEDS_HELP, words)
    made += [
        messages.question(build.facts(TaskState.ASKING, words), build.question(words, about=about))
        for about in ("scope", "agent", "retry")
    ]
    made += [
        messages.question_settled(facts, build.question(words, answer=words, answered_by=words)),
        messages.needs_help(help_wanted),
        messages.help_settled(help_wanted, words, [words]),
        messages.pr_ready(facts),
        messages.ready_withdrawn(facts, words, words),
        messages.merged(facts, words),
        messages.closed(facts, words),
        messages.stopped(facts),
        messages.budget(facts, 80, "$12.00 of $15.00 are spent."),
        messages.note(words),
        messages.alert(words),
        status.tasks([facts.task], [build.pull()], 1, "/waggle"),
        status.passages(words, [Hit(words)]),
        status.passages(words, []),
        status.who(words, words, [words], "/waggle"),
        help.overview("/waggle", words),
        Message(escape.sentence(words, frozenset({"U0BEN"}))),
    ]  # fmt: skip
    return made


ATTACKS = [
    "<!channel>",
    "<!here|here>",
    "<@U0BEN>",
    "<http://evil.test|click>",
    "&lt;!channel&gt;",
    "*<!everyone>*",
    "`<!here>`",
    "```\n<!here>\n```",
    "a|b>c",
    "\u202e<!here>",
    "<\u200b!here>",
    "x" * 2990 + "<!channel>",
]


PIECES = ["<", ">", "&", "!", "@", "here", "|", "http://e.test", "#", "`", "*", "\n", "lt;", " "]


def check_harmless(message: Message, *, ours: Callable[[str], str] = lambda text: OURS.sub("", text)) -> None:
    rest = ours(all_text(message))
    assert "<!" not in rest
    assert "<@" not in rest
    assert "<http" not in rest
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200b]", rest)


@pytest.mark.parametrize("words", ATTACKS)
def test_others_words_make_no_markup(words: str) -> None:
    for message in everything(words):
        if "U0BEN" not in words:
            check_harmless(message)
        check_blocks(list(message.blocks), Surface.MESSAGE)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(["<", ">", "&", "!", "@", "here", "|", "http://e.test", "#", "`", "*", "\n", "lt;", " "]),
        max_size=30,
    )
)
def test_no_mixture_of_pieces_makes_markup(pieces: list[str]) -> None:
    for message in everything("".join(pieces)):
        check_harmless(message)


def test_a_mention_in_a_sentence_is_kept_for_known_people_only() -> None:
    said = "approved by <@U0BEN>, not <@U0EVE>"
    assert escape.sentence(said, frozenset({"U0BEN"})) == "approved by <@U0BEN>, not &lt;@U0EVE&gt;"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://",
        "https://a b",
        "https://a|b",
        "https://a>b",
        "file:///etc/passwd",
        "",
        "https://[x",
        "//a.test",
    ],
)
def test_only_plain_web_addresses_become_links(url: str) -> None:
    assert escape.link(url, "label") == "label"


def test_the_question_offers_its_answers_and_says_how() -> None:
    message = messages.question(build.facts(TaskState.ASKING), build.question(options=["semicolons", "commas"]))
    facts_of_card = [one["text"]["text"] for one in pressable(message)]
    assert facts_of_card[0] == "semicolons"
    assert facts_of_card[-1] == "Answer…"
    text = all_text(message)
    assert "The agent on T-12 asks" in text
    assert "<@U0ANA>" in text
    assert "Press a button, or answer here" in text
    assert "Without an answer by <!date^" in text


def test_a_retry_that_waits_shows_what_would_change() -> None:
    asked = build.question("Try again?", about="retry")
    message = messages.question(build.facts(TaskState.ASKING, "look at app/db.py", question=asked), asked)
    assert [one["text"]["text"] for one in pressable(message)] == ["Approve retry", "Retry with guidance…", "Close"]
    assert "*What changes in the prompt*\n> look at app/db.py" in all_text(message)


def test_needs_help_names_cause_evidence_tries_and_how_to_answer() -> None:
    token = "ghp_" + "a1B2" * 9
    task = build.task(
        TaskState.NEEDS_HELP,
        help_cause="CI is red.",
        help_evidence=[f"token {token}", "hunter2-hunter2"] + [f"line {n}" for n in range(30)],
    )
    text = all_text(messages.needs_help(build.facts(TaskState.NEEDS_HELP, task=task), ("hunter2-hunter2",)))
    assert "<@U0ANA> *T-12 needs your help*\nCI is red. · cause: `ci`" in text
    assert "line 12" in text and "line 13" not in text
    assert token not in text and "hunter2" not in text
    assert "*What was tried*" in text
    assert "retry the schema is in app/schema.py" in text


def test_who_is_asked_for_money_is_told_how_to_give_it() -> None:
    task = build.task(TaskState.NEEDS_HELP, help_cause="Attempt 1 spent its budget of $5.00.", help_class="budget")
    message = messages.needs_help(build.facts(TaskState.NEEDS_HELP, task=task))
    text = all_text(message)
    assert "Reply `extend`" in text and "does the agent have to know" not in text
    assert {"Extend", "Stop"} <= {button["text"]["text"] for button in message.blocks[-2]["elements"]}


def test_pr_ready_has_all_that_a_decision_needs() -> None:
    text = all_text(messages.pr_ready(build.facts(TaskState.READY, "Export invoices as CSV")))
    for piece in (
        "*PR ready: <https://github.test/acme/ledgerline/pull/7|acme/ledgerline #7>*",
        "*Why*\n> “Export invoices as CSV”",
        "<https://x.test/1|source>",
        "*What changed*\n• Done",
        "*Checks* for `01234567`",
        "(anthropic/opus) approves",
        "a stand-in, counts here only",
        "*How to verify*",
        "2 attempts · $3.50, 120 k tokens",
        "from request to green",
        "A person merges, on GitHub.",
    ):
        assert piece in text


def test_ready_says_first_when_one_family_alone_looked_at_it() -> None:
    row = Evidence(pull_request_id=5, head=build.HEAD, check="ai_review", state="human", since=build.NOON,
                   detail="reviewed by one family only (openai)")  # fmt: skip
    text = all_text(messages.pr_ready(build.facts(TaskState.READY, evidence=(row,))))
    assert "⚠️ *Look closely.* AI review: reviewed by one family only (openai)." in text


def test_ready_offers_no_merge_button() -> None:
    shown = pressable(messages.pr_ready(build.facts(TaskState.READY)))
    assert [one["text"]["text"] for one in shown] == ["Open PR", "Request changes…"]


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        (messages.stopped, "`retry`"),
        (lambda facts: messages.closed(facts, "ana"), "`retry`"),
        (lambda facts: messages.ready_withdrawn(facts, build.HEAD, "the head moved"), "says so again"),
        (lambda facts: messages.budget(facts, 80, "$12.00 of $15.00 are spent."), "At 100 %"),
    ],
)
def test_each_message_says_what_follows(message: Callable[[Any], Message], hint: str) -> None:
    assert hint in all_text(message(build.facts()))


@pytest.mark.parametrize("verb", ["edit", "guide", "retry", "answer"])
def test_forms_keep_to_slacks_limits(verb: str) -> None:
    view = forms.form(verb, Token(123456, 3, "card"), "C0PRODUCT", "1700000000.000100")
    assert len(view["title"]["text"]) <= 24
    assert len(view["private_metadata"]) < 3000
    check_view(view, "modal")
    assert verb in forms.typed_instead(verb, "/waggle", 12) or verb == "guide"
