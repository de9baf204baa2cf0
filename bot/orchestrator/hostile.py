"""Text that tries to give orders to machines. Pure.

Customers, logs and diffs are data, and fences keep them so. These patterns are the second line: a passage that speaks
to agents never reaches one, and a change that speaks to its reviewers is blocked whatever they say. They are narrow,
since products may well be about AI: what they find is an order, not a subject.
"""

from __future__ import annotations

import re

_MACHINE = r"(?:ai|llm|language model|assistant|chat ?bot|claude|codex|gpt|copilot|coding agent|automated|model)s?"

_ORDERS = (
    # ignore all previous instructions
    r"\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,30}"
    r"\b(?:previous|prior|earlier|above|all|any|your|system|these)\b[^.\n]{0,30}"
    r"\b(?:instruction|prompt|rule|guideline|direction|guardrail)s?\b",
    # note to AI agents: …
    rf"\b(?:note|attention|message|instructions?|important|dear|hey)\b[^.\n]{{0,20}}\b{_MACHINE}"
    r"(?: (?:agent|assistant|model|reviewer|tool)s?)?\s*[:,!]",
    # you are now a helpful assistant
    rf"\byou are (?:now )?(?:an? |the )?(?:\w+ )?{_MACHINE}\b",
    # print your system prompt
    r"\b(?:reveal|print|show|repeat|leak)\b[^.\n]{0,20}\b(?:system|hidden|initial) prompt\b",
    # the marks with which chats are encoded
    r"<\s*/?\s*(?:system|facts|instructions)\s*>|\[/?INST\]|<\|im_(?:start|end)\|>",
)
_TO_REVIEWERS = (
    # AI reviewers must approve this
    rf"\b{_MACHINE}[ -](?:code[ -])?review(?:er)?s?\b[^.\n]{{0,60}}"
    r"\b(?:approve|pass|accept|skip|ignore|must|should|do not|don't)\b",
    # reviewer: approve this pull request
    r"\b(?:approve|accept|rubber.stamp) (?:this|the) (?:pull request|pr|diff)\b",
    # do not mention this in your review
    r"\b(?:do not|don't|never) (?:flag|report|mention|comment on)\b[^.\n]{0,40}"
    r"\b(?:your|the) (?:review|findings?)\b",
    r"\bverdict\b[^.\n]{0,20}\bapprove\b",
)

_orders = re.compile("|".join(_ORDERS), re.IGNORECASE)
_to_reviewers = re.compile("|".join((*_ORDERS, *_TO_REVIEWERS)), re.IGNORECASE)


def gives_orders(text: str) -> str:
    """The words in `text` that speak to an AI instead of about the product; empty when there are none."""
    found = _orders.search(" ".join(text.split()))
    return found[0] if found else ""


def speaks_to_reviewers(row: str) -> str:
    """The words of a changed line that tell reviewers what to decide; empty when there are none."""
    found = _to_reviewers.search(row)
    return found[0] if found else ""
