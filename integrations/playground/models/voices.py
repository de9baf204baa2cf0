"""What each family says. Two lenses make two opinions: one reads for logic and tests, the other for safety."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from integrations.models.judgements import read_facts
from integrations.models.rules import judge
from integrations.models.rules.review import LOGIC, SAFETY

LENSES = {"anthropic": LOGIC, "openai": SAFETY}
WHAT_IT_IS = (
    "I am the model stand-in of Waggle's playground. I answer by rules, and only questions that carry their facts "
    "in a <facts> fence; this one carries none, so I have nothing to say about it."
)


@dataclass(frozen=True)
class Spoken:
    """An answer's text, and the kind of question it answers (empty when there were no facts)."""

    text: str
    kind: str = ""


def speak(family: str, prompt: str) -> Spoken:
    """The family's answer to a prompt, as the JSON that the question's schema asks for."""
    try:
        found = read_facts(prompt)
        value = judge(prompt, LENSES[family])
    except ValidationError as error:
        return Spoken(f"The facts in this question are not complete: {error.error_count()} mistakes.")
    if found is None or value is None:
        return Spoken(WHAT_IT_IS)
    return Spoken(value.model_dump_json(), found[0].value)
