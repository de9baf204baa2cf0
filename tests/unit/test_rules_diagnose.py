"""Diagnosis by rules: the cause says what to change, and what people said goes in word by word."""

from __future__ import annotations

import pytest

from integrations.models.judgements import DiagnoseFacts, PassageFact
from integrations.models.rules.diagnose import diagnose


def facts(cause: str, **more: object) -> DiagnoseFacts:
    base = {"task": "T-1 CSV", "goal": "Export", "acceptance": ("works",), "attempt": 1, "cause": cause}
    return DiagnoseFacts.model_validate({**base, **more})


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("ci", "fix_ci"),
        ("verify", "fix_ci"),
        ("secrets", "redirect"),
        ("person_retry", "inject"),
        ("install", "ask_person"),
        ("review", "address_review"),
        ("people", "address_review"),
        ("conflict", "inject"),
        ("context", "narrow"),
        ("output-cap", "narrow"),
        ("crashed", "resume"),
        ("lost", "resume"),
        ("timeout", "resume"),
        ("max-turns", "resume"),
        ("idle", "resume"),
        ("memory", "resume"),
        ("processes", "resume"),
        ("output", "resume"),
        ("rate-limit", "resume"),
        ("overloaded", "resume"),
        ("refused", "redirect"),
        ("no-change", "redirect"),
        ("something-new", "redirect"),
        ("auth", "ask_person"),
        ("billing", "ask_person"),
        ("budget", "ask_person"),
        ("no-model", "ask_person"),
        ("bad-setup", "ask_person"),
    ],
)
def test_each_cause_has_its_change(cause: str, change: str) -> None:
    answer = diagnose(facts(cause))
    assert answer.change == change and answer.summary


def test_failing_lines_of_ci_go_into_the_instruction() -> None:
    lines = ("FAIL: test_show_groups_thousands (tests.test_money.ShowTest)", "'1250.00' != '1,250.00'", "``` odd")
    answer = diagnose(facts("ci", evidence=lines, files=("tests/test_money.py",)))
    assert all(line in answer.instruction for line in lines)
    assert "````" in answer.instruction, "the fence is longer than any run of backticks inside"
    assert answer.files == ["tests/test_money.py"]
    assert "test_show_groups_thousands" in answer.summary


def test_guidance_comes_first_and_verbatim_and_names_files() -> None:
    said = "the schema is in app/schema.py"
    answer = diagnose(facts("no-change", attempt=4, final_text="I could not find the tables.", guidance=(said,)))
    assert said in answer.instruction.splitlines()[1]
    assert answer.files[0] == "app/schema.py" and answer.change == "inject" and answer.missing == ""


def test_a_missing_fact_is_tried_once_then_asked() -> None:
    text = "I read it. I could not find where the table definitions live. I changed nothing."
    first = diagnose(facts("no-change", final_text=text))
    assert first.change == "inject" and first.missing == "I could not find where the table definitions live."
    second = diagnose(facts("no-change", final_text=text, attempt=2, earlier_changes=("inject: looked again",)))
    assert second.change == "ask_person" and "table definitions" in second.missing
    assert "looked again" in second.instruction


def test_a_passage_that_answers_is_injected() -> None:
    known = PassageFact(
        passage_id="p", source_id="s", text="Table definitions are in app/schema.py.", date="2026-01-02"
    )
    answer = diagnose(
        facts("no-change", final_text="I could not find where the table definitions live.", passages=(known,))
    )
    assert answer.change == "inject" and known.text in answer.instruction and answer.missing == ""


def test_an_agent_that_cannot_do_it_needs_a_person() -> None:
    answer = diagnose(facts("no-change", final_text="I do not know how to do this, so I changed nothing."))
    assert answer.change == "ask_person" and answer.missing


def test_a_context_overflow_is_narrowed_to_few_files() -> None:
    answer = diagnose(facts("context", expected_files=("a.py", "b.py", "c.py", "d.py")))
    assert answer.files == ["a.py", "b.py", "c.py"] and "a.py" in answer.instruction


def test_guidance_does_not_mend_an_account() -> None:
    answer = diagnose(facts("billing", message="no credit", guidance=("try again",)))
    assert answer.change == "ask_person" and answer.missing == "no credit"
