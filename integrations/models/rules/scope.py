"""A request becomes a task, by keywords. Every answer is drawn from the facts, and quotes are exact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from integrations.models.judgements import CitedPassage, PassageFact, RepositoryFact, ScopeAnswer, ScopeFacts
from integrations.models.rules.words import meaningful, rarity, sentences, shorten, subjects, weight, word_set

TITLE_LENGTH = 70
QUOTE_LENGTH = 300
SHORTEST_QUOTE = 4  #: words; less than that is a heading or a nod
MOST_CITATIONS = 3
MOST_FILES = 6
CUSTOMER_FACTOR = 1.25  #: a customer's own words come before what colleagues say about them
RELEVANT = 0.6  #: of the best passage's score; what says less is not cited

Kind = Literal["backend", "frontend", "design", "bug", "docs", "security", "tests", "refactor"]
Size = Literal["small", "medium", "large"]
Priority = Literal["p0", "p1", "p2", "p3"]

#: First match wins, so what is most telling comes first.
KINDS: tuple[tuple[Kind, str], ...] = (
    ("security", r"security|vulnerab\w*|injection|xss|csrf|password|leak(?:s|ed)?|permission|exploit"),
    (
        "bug",
        r"bugs?|fix(?:es|ed)?|broken|wrong|incorrect\w*|crash\w*|error|exception|fails?|failing|does(?:n't| not)"
        r"|doesn’t|is not|isn't|cannot|can't|off by|case.sensitive|too (?:early|late|high|low)|traceback|\w+Error",
    ),
    ("docs", r"docs?|document(?:s|ed|ation)?|readme|explain(?:s|ed)?|typos?|guide|comment(?:s|ed)?"),
    ("tests", r"tests?|coverage|flaky"),
    ("refactor", r"refactor\w*|clean ?up|rename|restructure|simplify|split up|move"),
    ("design", r"design|colou?rs?|layout|spacing|font|icons?|logo|style|dark mode|look and feel"),
    ("frontend", r"page|button|form|screen|css|html|template|link|menu|table|mobile|accessib\w*"),
)
LARGE = r"rewrite|migrat\w+|redesign|whole|everything|all pages|architecture|replace the|from scratch|multi-?tenant"
SMALL = r"typos?|wording|rename|label|one line|readme|docs?|document"
VERBS = word_set(
    """add allow ask avoid build bring cache calculate call catch change check clean close collect compute
    convert copy count create cut delete describe detect disable display document download drop enable escape
    explain export extend filter find fix format give group handle hide highlight ignore implement import
    improve include install introduce keep let limit link list load log make mark merge migrate move notify
    open order paginate parse prevent print protect raise read redirect reduce refactor reject remind remove
    rename render replace report require reset restore retry return round save say search send set show
    simplify skip sort speed split stop store strip support switch sync test translate trim turn undo update
    upgrade upload use validate verify warn write"""
)
_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>|(?<!\w)@\w+")
_WISH = re.compile(
    r"^(?:(?:hey|hi|hello|so|and|ok|okay|please|also)[,!.]?\s+)*"
    r"(?:(?:the |our |some |many |several |more |most |all |two |three )?[\w-]+(?: [\w-]+)?\s+"
    r"(?:wants?|needs?|asks?(?: us)? for|would like|requests?|wishes for|(?:is|are) asking for)"
    r"|(?:can|could|would) (?:you|we|somebody)|(?:we|you|it) (?:should|must|have to|ought to)|let's|i'd like)"
    r"(?: to be able)?(?: to)?\s+(?:have |get |see )?(?:an? |the |some )?",
    re.IGNORECASE,
)
#: "Northwind wants the search to ignore case": make the search ignore case.
_MADE = re.compile(
    r"\b(?:wants?|needs?|would like) (?P<what>(?:the|our|their) [\w -]+?) to (?P<does>\w+ .+)$", re.IGNORECASE
)
#: A sentence that describes how things are: somebody finds it worth telling, so it is not as it should be.
_STATEMENT = re.compile(
    r"(?<!that )(?<!which )(?<!who )\b(?:is|are|was|were|shows?|gets?|has|have|comes?|appears?)\b", re.IGNORECASE
)
_NEED = re.compile(r"\b(?:needs?|wants?|must|should|please|costs?|has to|have to)\b", re.IGNORECASE)
_NAMED = re.compile(r"^(?P<name>[A-Z][\w&.'-]*(?: [A-Z&][\w&.'-]*){0,3}) \(")
_REQUIREMENT = re.compile(
    r"\b(must|should|columns?|fields?|header|format|amounts?|dates?|commas?|instead|without|only|never|always|not"
    r"|at most|at least|quote|needs?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Cited:
    passage: PassageFact
    quote: str


def scope(facts: ScopeFacts) -> ScopeAnswer:
    """Scope one request. Not clear when nothing says what it is about, or which repository is meant."""
    wish = " ".join([_clean(facts.request), *(_clean(answer) for answer in facts.answers)]).strip()
    question = _unclear(wish)
    repository = _repository(wish, facts.repositories)
    if question is None and repository is None:
        slugs = [one.slug for one in facts.repositories]
        question = ("Which repository should this go to?", slugs) if slugs else ("I know no repository to work on.", [])
    cited = _citations(wish, facts.passages)
    title = _title(wish)
    kind = _kind(wish)
    priority, reason = _priority(wish, kind, cited)
    return ScopeAnswer(
        clear=question is None,
        question=question[0] if question else "",
        options=question[1] if question else [],
        repo=repository.slug if repository else "",
        title=title,
        goal=_goal(facts, title, cited),
        acceptance=_acceptance(title, kind, cited),
        expected_files=_files(kind, repository),
        kind=kind,
        size=_size(wish, kind, repository),
        priority=priority,
        priority_reason=reason,
        citations=[CitedPassage(passage_id=one.passage.passage_id, quote=one.quote) for one in cited],
    )


def _clean(text: str) -> str:
    bare = re.sub(r"^(?:please|pls)[, ]+|[, ]+please\b", "", _MENTION.sub(" ", text).strip(), flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", bare).strip()


def _unclear(wish: str) -> tuple[str, list[str]] | None:
    if not subjects(wish):
        return "What should be changed? Name the page, file or behaviour, and what it should do.", []
    if len(meaningful(wish)) < 2:
        return f"What about “{wish}”: what should it do that it does not do now?", []
    return None


def _repository(wish: str, repositories: tuple[RepositoryFact, ...]) -> RepositoryFact | None:
    """The only one, the one that is named, or the one where the search clearly found most."""
    if len(repositories) == 1:
        return repositories[0]
    named = [one for one in repositories if one.slug.split("/")[-1].lower() in wish.lower()]
    if len(named) == 1:
        return named[0]
    ranked = sorted(repositories, key=lambda one: len(one.files) + len(one.excerpts), reverse=True)
    hits = [len(one.files) + len(one.excerpts) for one in ranked]
    return ranked[0] if len(ranked) > 1 and hits[0] > 2 * hits[1] else None


def _citations(wish: str, passages: tuple[PassageFact, ...]) -> list[_Cited]:
    """Passages that share subjects with the request, best first, each with its best sentence.

    At least one shared subject and something beside it (unless the request has nothing beside), and no passage that
    says much less than the best one says. Words that stand in every passage tell them apart least.
    """
    wanted, about = set(meaningful(wish)), set(subjects(wish))
    least = 1.25 if len(wanted) > 1 else 1.0
    rare = rarity(passage.text for passage in passages)
    scored: list[tuple[float, int, _Cited]] = []
    for place, passage in enumerate(passages):
        shared = wanted & set(meaningful(passage.text))
        if passage.trust == "system" or not shared & about or weight(shared) < least:
            continue
        quote, strength = _quote(wanted, passage.text, rare)
        if quote:
            from_customer = passage.customer or passage.trust == "external"
            score = (weight(shared, rare) + strength) * (CUSTOMER_FACTOR if from_customer else 1.0)
            scored.append((score, -place, _Cited(passage, quote)))
    scored.sort(key=lambda one: one[:2], reverse=True)
    good = [cited for score, _, cited in scored if score >= RELEVANT * scored[0][0]]
    return list({cited.quote: cited for cited in reversed(good)}.values())[::-1][:MOST_CITATIONS]


def _quote(wanted: set[str], text: str, rare: dict[str, float]) -> tuple[str, float]:
    """The sentence that says most, as it stands in the text, and its strength: a stated need beats a question."""
    best, strength = "", 0.0
    for sentence in sentences(text):
        shared = weight(wanted & set(meaningful(sentence)), rare)
        if not shared or len(sentence.split()) < SHORTEST_QUOTE:
            continue
        shared += (0.5 if _NEED.search(sentence) else 0.0) - (0.5 if sentence.endswith("?") else 0.0)
        if shared > strength:
            best, strength = shorten(sentence, QUOTE_LENGTH), shared
    return (best, strength) if best in text else ("", 0.0)


def _title(wish: str) -> str:
    """Imperative: a verb that is there already, else `Fix:` for something broken, else `Add`."""
    first = sentences(wish)[0] if sentences(wish) else wish
    wished = _WISH.search(first)
    rest = _WISH.sub("", first, count=1).strip(" .!?") or first.strip(" .!?")
    if made := _MADE.search(first):
        rest = f"make {made['what']} {made['does'].strip(' .!?')}"
    words = rest.split()
    lead = words[0].lower().strip(",:") if words else ""
    if lead in VERBS:
        title = rest[0].upper() + rest[1:]
    elif not wished and (_kind(rest) == "bug" or _STATEMENT.search(rest)):
        title = f"Fix: {rest}"
    else:
        title = f"Add {rest}"
    return shorten(title, TITLE_LENGTH)


def _kind(wish: str) -> Kind:
    for kind, pattern in KINDS:
        if re.search(rf"\b(?:{pattern})\b", wish, re.IGNORECASE):
            return kind
    return "bug" if _STATEMENT.search(wish) and not _WISH.search(wish) else "backend"


def _size(wish: str, kind: Kind, repository: RepositoryFact | None) -> Size:
    if re.search(rf"\b(?:{LARGE})\b", wish, re.IGNORECASE):
        return "large"
    if kind == "docs" or re.search(rf"\b(?:{SMALL})\b", wish, re.IGNORECASE):
        return "small"
    return "small" if kind == "bug" and repository is not None and 0 < len(repository.files) <= 2 else "medium"


def _priority(wish: str, kind: Kind, cited: list[_Cited]) -> tuple[Priority, str]:
    outside = [one.passage for one in cited if one.passage.customer or one.passage.trust == "external"]
    customers = [name for name in dict.fromkeys(map(_who, outside)) if name != "A note"]
    for level, pattern in (
        ("p0", r"outage|is down|data loss|lost data|breach|leak(?:s|ed)?|emergency"),
        ("p1", r"urgent\w*|blocked|blocking|crash\w*|cannot pay|wrong (?:total|tax|amount)s?|asap"),
    ):
        found = re.search(rf"\b(?:{pattern})\b", wish, re.IGNORECASE)
        if found:
            return ("p0" if level == "p0" else "p1"), f"the request says “{found[0].lower()}”"
    if kind == "security":
        return "p1", "it is about security"
    if len(customers) > 1:
        return "p1", f"{len(customers)} customers ask for it: {', '.join(customers)}"
    if re.search(r"\b(?:nice to have|some ?day|cosmetic|typos?|minor|low priority)\b", wish, re.IGNORECASE):
        return "p3", "the request calls it small"
    if customers:
        return "p2", f"{customers[0]} asks for it"
    return (
        ("p3", "documentation, and no customer waits for it") if kind == "docs" else ("p2", "nothing makes it urgent")
    )


def _goal(facts: ScopeFacts, title: str, cited: list[_Cited]) -> str:
    goal = f"{title}. Asked for: “{_clean(facts.request)}”."
    if facts.answers:
        goal += f" When asked, they said: “{_clean(' '.join(facts.answers))}”."
    if cited:
        goal += f" {_who(cited[0].passage)} said: “{cited[0].quote}”"
    if facts.past_failures:
        goal += f" Know from before: {facts.past_failures[0]}"
    return goal


def _acceptance(title: str, kind: Kind, cited: list[_Cited]) -> list[str]:
    checks = [f"What was asked for can be seen to work: {title}."]
    told: list[str] = []
    for one in cited:
        for sentence in sentences(one.passage.text):
            if _REQUIREMENT.search(sentence) and not sentence.endswith("?") and sentence not in told:
                told.append(sentence)
                checks.append(f"{_who(one.passage)} asks for this, and it holds: “{shorten(sentence, QUOTE_LENGTH)}”")
    checks = checks[:4]
    if kind == "docs":
        return [*checks, "What the text says is what the code does."]
    if kind == "bug":
        return [*checks, "A new test fails without the change and passes with it.", "All tests and the linter pass."]
    return [*checks, "New behaviour has tests.", "All tests and the linter pass."]


def _who(passage: PassageFact) -> str:
    """The customer, else the speaker, else the name that an introduction such as `Acme (Jo, by mail): "…"` gives."""
    introduced = _NAMED.match(passage.text)
    return passage.customer or (introduced["name"] if introduced else "") or passage.speaker or "A note"


def _files(kind: Kind, repository: RepositoryFact | None) -> list[str]:
    if repository is None:
        return []
    files = list(repository.files)
    if kind == "docs":
        files = [path for path in files if path.lower().endswith((".md", ".rst", ".txt"))] or files
    return files[:MOST_FILES]
