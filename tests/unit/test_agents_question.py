"""The fenced block with which an agent asks a person, however carelessly it is written."""

from __future__ import annotations

import pytest

from integrations.agents.question import AgentQuestion, read_question

BLOCK = '```waggle-question\n{"question": "Which one?", "options": ["a", "b"], "default": "a"}\n```'
ASKED = AgentQuestion("Which one?", ("a", "b"), "a")


@pytest.mark.parametrize(
    "text",
    [BLOCK, f"I looked.\n\n{BLOCK}\n\n", f"{BLOCK}\n\nThank you!", BLOCK.replace("\n", "\r\n"), BLOCK[:-4]],
    ids=["alone", "at the end", "with a greeting behind it", "with other ends of lines", "without its end"],
)
def test_a_question_at_the_end_is_asked(text: str) -> None:
    assert read_question(text) == ASKED


def test_the_last_of_two_questions_is_asked() -> None:
    first = BLOCK.replace("Which one?", "An earlier one?")
    assert read_question(f"{first}\n\nNo, this:\n{BLOCK}") == ASKED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Done.",
        f"{BLOCK}\n\n{'I decided it myself and went on. ' * 20}",
        "```json\n{}\n```",
        "```waggle-question\n```",
    ],
    ids=["nothing", "no block", "work behind it", "another block", "an empty block"],
)
def test_what_is_no_question_is_not_asked(text: str) -> None:
    assert read_question(text) is None


@pytest.mark.parametrize("inside", ["Which one, a or b?", '{"question": ""}', '["a"]', '{"question": "Whi'])
def test_a_block_that_cannot_be_read_is_asked_as_it_is(inside: str) -> None:
    assert read_question(f"```waggle-question\n{inside}\n```") == AgentQuestion(inside)


def test_odd_options_and_defaults_become_text_and_few() -> None:
    odd = '{"question": "How many?", "options": [1, null, {"a": 2}, 3, 4, 5, 6, 7], "default": [1]}'
    asked = read_question(f"```waggle-question\n{odd}\n```")
    assert asked is not None
    assert asked.options == ("1", "None", "{'a': 2}", "3", "4", "5")
    assert asked.default == "[1]"
