"""What is worth a message of its own: a person is needed, or it is over. Each says what can be done next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.slack.buttons import Token
from bot.slack.views import blocks, checklist, escape
from bot.slack.views.blocks import Button
from bot.slack.views.budget import Block, Message, clip, fit
from bot.slack.views.card import answers, buttons, citations
from bot.slack.views.facts import TaskFacts
from bot.slack.views.words import duration, money, tokens
from integrations.redact import redact
from scheduler.names import task_label
from scheduler.registry import Question

_EVIDENCE = 15
_LINE = 300
_SENTENCE = 700

_WHAT_TO_KNOW = (
    "*What does the agent have to know?* Reply `retry …` with it, for example "
    "`retry the schema is in app/schema.py`. It goes into the next prompt word for word."
)
_MORE_MONEY = (
    "*May it go on?* Reply `extend` for one more attempt with a budget of its own, `retry …` to tell it something as "
    "well, or `stop`."
)


def question(facts: TaskFacts, asked: Question) -> Message:
    """An agent, the scoping or a retry needs a person's word."""
    label, task = task_label(facts.task.id), facts.task
    heading = {
        "scope": f"❓ *{label} needs one answer before it can be planned*",
        "retry": f"❓ *{label} wants to try again; may it?*",
        "push": f"✋ *Somebody pushed to the branch of {label}*",
    }.get(asked.about, f"❓ *The agent on {label} asks*")
    parts: list[Block] = [blocks.section(f"{escape.person(task.requester)} {heading}\n{escape.quoted(asked.text)}")]
    if asked.about == "retry" and task.next_change:
        parts.append(blocks.section(f"*What changes in the prompt*\n{escape.quoted(task.next_change)}"))
    offered = answers(replace(facts, question=asked))
    parts += blocks.actions(offered, Token(task.id or 0, task.version, f"q{asked.id}"))
    how = "Press a button, or reply `retry …` with what it should know." if asked.about == "retry" else _how(asked)
    parts.append(blocks.context(how))
    return fit(f"{label} asks: {escape.line(asked.text)}", parts)


def _how(asked: Question) -> str:
    said = "Press a button, or answer here in your own words."
    if asked.deadline is None:
        return said
    if asked.default:
        default = escape.line(asked.default)
        return f"{said} Without an answer by {escape.moment(asked.deadline)} it goes on with “{default}”."
    return f"{said} It waits until {escape.moment(asked.deadline)}."


def question_settled(facts: TaskFacts, asked: Question) -> Message:
    """The same message once nobody has to answer any more."""
    label = task_label(facts.task.id)
    parts = [blocks.section(f"❓ {label} asked\n{escape.quoted(asked.text)}")]
    if asked.answer:
        parts.append(blocks.context(f"{escape.person(asked.answered_by)}: {escape.line(asked.answer[:_SENTENCE])}"))
    else:
        parts.append(blocks.context("No longer open."))
    return fit(f"{label} asked: {escape.line(asked.text)}", parts)


def needs_help(facts: TaskFacts, secrets: tuple[str, ...] = ()) -> Message:
    """Why only a person can go on, what was seen and tried, and the one thing to say."""
    task, label = facts.task, task_label(facts.task.id)
    cause = task.help_cause or "It cannot go on by itself."
    kind = f" · cause: {escape.code(task.help_class)}" if task.help_class else ""
    parts: list[Block] = [
        blocks.section(
            f"✋ {escape.person(task.requester)} *{label} needs your help*\n{escape.text(cause[:_SENTENCE])}{kind}"
        )
    ]
    evidence = [redact(one, secrets)[:_LINE] for one in task.help_evidence[:_EVIDENCE]]
    if evidence:
        parts.append(blocks.section("*What was seen*\n" + escape.fenced("\n".join(evidence))))
    if facts.attempts:
        parts.append(blocks.section("*What was tried*\n" + checklist.attempts(facts)))
    missing = next((one for one in reversed(facts.diagnoses) if one.summary), None)
    if missing is not None:
        parts.append(blocks.section(f"*What it looks like*\n{escape.quoted(missing.summary[:_SENTENCE])}"))
    parts.append(blocks.section(_MORE_MONEY if task.help_class == "budget" else _WHAT_TO_KNOW))
    parts += blocks.actions(buttons(facts), Token(task.id or 0, task.version, "help"))
    if task.branch:
        parts.append(blocks.context(f"Its work is on the branch {escape.code(task.branch)}."))
    return fit(f"{label} needs your help: {escape.line(cause)}", parts)


def help_settled(facts: TaskFacts, cause: str, evidence: Sequence[str], secrets: tuple[str, ...] = ()) -> Message:
    """The same message once nobody has to help any more: what was wrong stays, the buttons go.

    Parameters:
        cause, evidence: as they were when help was called for; the task has forgotten them.
    """
    label = task_label(facts.task.id)
    parts: list[Block] = [blocks.section(f"✋ *{label} needed help*\n{escape.text(clip(cause, _SENTENCE))}")]
    seen = [redact(one, secrets)[:_LINE] for one in evidence[:_EVIDENCE]]
    if seen:
        parts.append(blocks.section("*What was seen*\n" + escape.fenced("\n".join(seen))))
    parts.append(blocks.context("No longer waiting for you; the card shows how it goes on."))
    return fit(f"{label} needed help: {escape.line(cause)}", parts)


def pictures(facts: TaskFacts, url: str) -> Message:
    """What stands above the screenshots of a change."""
    assert facts.pull is not None, "pictures are of a pull request"
    where = f" · {escape.link(url, 'side by side')}" if url else ""
    return Message(f"🖼️ {task_label(facts.task.id)}: what changes on the screen, at {facts.pull.head_sha[:8]}{where}")


def pr_ready(facts: TaskFacts) -> Message:
    """Everything somebody needs who decides whether to merge."""
    task, label, pull = facts.task, task_label(facts.task.id), facts.pull
    assert pull is not None, "a pull request is ready"
    link = escape.link(pull.url, f"{task.repo} #{pull.number}")
    parts: list[Block] = [
        blocks.section(
            f"✅ {escape.person(task.requester)} *PR ready: {link}*\n{escape.bold(f'{label} · {task.title}')}"
        )
    ]
    why = citations(task, 1)
    asked = facts.request.text if facts.request else task.goal
    parts.append(blocks.section("*Why*\n" + (why[0] if why else escape.quoted(asked[:_SENTENCE]))))
    changed = _changed(facts)
    if changed:
        parts.append(blocks.section("*What changed*\n" + changed))
    lines = [checklist.checks(facts.evidence), checklist.reviews(facts.reviews), checklist.bots(facts.bots)]
    parts.append(blocks.section(f"*Checks* for {escape.code(pull.head_sha[:8])}\n" + "\n".join(x for x in lines if x)))
    doubt = next((one for one in facts.evidence if one.check == "ai_review" and one.state == "human"), None)
    if doubt is not None:
        parts.append(blocks.section(f"⚠️ *Look closely.* AI review: {escape.text(doubt.detail)}."))
    if task.acceptance:
        verify = "\n".join(f"• {escape.line(one[:_LINE])}" for one in task.acceptance[:8])
        checkout = escape.code(f"git fetch && git switch {task.branch}")
        parts.append(blocks.section(f"*How to verify* ({checkout} gives you the branch)\n{verify}"))
    parts.append(blocks.context(_spent(facts)))
    parts += blocks.actions(
        [Button("Open PR", style="primary", url=pull.url), Button("Request changes…", "retry")],
        Token(task.id or 0, task.version, "ready"),
    )
    parts.append(blocks.context("A person merges, on GitHub. Waggle never does."))
    return fit(f"PR ready: {label} · {escape.line(task.title)}", parts)


def _changed(facts: TaskFacts) -> str:
    final = next((one.final_text for one in reversed(facts.attempts) if one.final_text), "")
    lines = [one.strip(" -*•#") for one in final.split("\n") if one.strip(" -*•#`")]
    return "\n".join(f"• {escape.line(one[:_LINE])}" for one in lines[:3])


def _spent(facts: TaskFacts) -> str:
    task, pull = facts.task, facts.pull
    count = len(facts.attempts)
    said = [f"{count} attempt{'' if count == 1 else 's'}"]
    if facts.spent_usd or facts.spent_tokens:
        said.append(f"{money(facts.spent_usd)}, {tokens(facts.spent_tokens)}")
    if pull is not None:
        until = pull.checks_since or pull.head_since
        said.append(f"{duration((until - task.created_at).total_seconds())} from request to green")
    if any(not one.real for one in facts.reviews):
        said.append("reviews by stand-ins count in the playground only")
    return " · ".join(said)


def ready_withdrawn(facts: TaskFacts, head: str, why: str) -> Message:
    """What "PR ready" becomes when it is not true any more."""
    label = task_label(facts.task.id)
    because = f": {escape.line(why)}" if why else ""
    link = escape.link(facts.pull.url, f"#{facts.pull.number}") if facts.pull else ""
    said = f"⏳ {label} was ready at {escape.code(head[:8])} and is not any more{because}. {link}"
    return fit(f"{label} is not ready any more", [blocks.section(f"{said}\nWaggle says so again when it is.")])


def merged(facts: TaskFacts, by: str) -> Message:
    pull = facts.pull
    link = escape.link(pull.url, f"#{pull.number}") if pull else ""
    who = f" by {escape.line(by)}" if by else ""
    text = f"🎉 {task_label(facts.task.id)} is merged{who} {link}. Its workspace and branch are removed."
    return Message(f"{text} It cost {facts.cost.sentence}." if facts.cost.sentence else text)


def closed(facts: TaskFacts, by: str) -> Message:
    """A person closed the pull request without merging it: what is kept, and what they are asked."""
    pull = facts.pull
    link = escape.link(pull.url, f"#{pull.number}") if pull else ""
    who = f" by {escape.line(by)}" if by else ""
    label = task_label(facts.task.id)
    return Message(
        f"🗑️ The pull request {link} of {label} was closed{who} and not merged, so {label} is dropped. "
        "Its branch, its work and the agent's session are kept. What was wrong with it? Reply `retry` with what "
        "should be different, or reopen the pull request, and I go on from there."
    )


def stopped(facts: TaskFacts) -> Message:
    label = task_label(facts.task.id)
    return Message(f"🛑 {label} is stopped. Its work is kept; reply `retry` to go on with it.")


def budget(facts: TaskFacts, percent: int, spent: str) -> Message:
    """A good part of the money or the tokens is gone; `spent` says of which limit."""
    task, label = facts.task, task_label(facts.task.id)
    text = f"💰 {escape.person(task.requester)} {label} has used {percent} % of its budget: {escape.line(spent)}"
    parts: list[Block] = [blocks.section(f"{text} At 100 % its agent is stopped and you are asked.")]
    parts += blocks.actions([Button("Stop", "stop", "danger")], Token(task.id or 0, task.version, "budget"))
    return fit(text, parts)


def shared_budget(facts: TaskFacts, percent: int, sentence: str, until: datetime) -> Message:
    """A good part of the money that tasks share is gone, or all of it.

    Parameters:
        sentence: which money, what of it is spent.
        until: when it begins anew.
    """
    task, label = facts.task, task_label(facts.task.id)
    begins = f"It begins anew {escape.moment(until)}."
    if percent < 100:
        text = f"💰 {percent} % of a budget that tasks share is gone. {escape.line(sentence)} {begins}"
        return fit(text, [blocks.section(f"{text} At 100 % agents are stopped and you are asked.")])
    text = f"💰 {escape.person(task.requester)} {escape.line(sentence)}"
    parts: list[Block] = [
        blocks.section(f"{text} {label} waits with its work kept, and goes on by itself when there is money. {begins}")
    ]
    offered = [Button("Extend", "extend", "primary"), Button("Stop", "stop", "danger")]
    parts += blocks.actions(offered, Token(task.id or 0, task.version, "budget"))
    parts.append(blocks.context("*Extend*, or `extend` here, adds a quarter of that budget for all who share it."))
    return fit(text, parts)


def note(text: str) -> Message:
    """One line in the task's thread."""
    return Message(escape.text(text[:_SENTENCE]))


def alert(text: str) -> Message:
    """Something that the admins must know and that belongs to no task."""
    return Message(f"⚠️ {escape.text(text[:2500])}")


def without_blocks(message: Message) -> Message:
    """The same in plain words, for the case that Slack refuses the blocks."""
    return Message(message.text)
