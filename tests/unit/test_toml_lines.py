"""Places of keys: whatever TOML allows, each key is found on the line where it is written."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.toml_lines import index_lines, line_of

DOCUMENT = '''\
# a comment with [brackets] and "quotes"
top = 1
dotted.key."quoted # key" = 'x'

[table]
text = "a \\" quote, # no comment"
long = """
two "" lines
"""
after = 1979-05-27 07:32:00
literal = \'\'\'
[[not a table]]
\'\'\'
list = [ # comment
  1, [2,
  3],
  { a = 1, b.c = [4] },
]

[[many]]
one = 1
[many.sub]
x = 1
[[many]]
one = 2
[[many.deep]]
y = 1
[[many.deep]]
y = 2
'''


def test_every_key_of_a_rich_document_has_its_line() -> None:
    tomllib.loads(DOCUMENT)
    lines = index_lines(DOCUMENT)
    rows = DOCUMENT.split("\n")
    assert rows[lines[("top",)] - 1] == "top = 1"
    assert lines[("dotted", "key", "quoted # key")] == 3
    assert rows[lines[("table", "after")] - 1].startswith("after")
    assert rows[lines[("table", "list", 1, 1)] - 1].strip() == "3],"
    assert rows[lines[("table", "list", 2, "b", "c", 0)] - 1].strip().startswith("{ a")
    assert rows[lines[("many", 1, "one")] - 1] == "one = 2"
    assert lines[("many", 0, "sub", "x")] == rows.index("x = 1") + 1
    assert rows[lines[("many", 1, "deep", 1, "y")] - 1] == "y = 2"


def test_what_is_not_written_down_is_found_at_what_is_around_it() -> None:
    lines = index_lines("\n[[many]]\nx = 1\n")
    assert line_of(lines, ("many", 0, "missing")) == 2
    assert line_of(lines, ("nothing",)) == 1


KEYS = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
TEXTS = st.text(alphabet="ab \"'#=[]{},\n\\é", max_size=12)
VALUES = st.recursive(
    st.one_of(st.integers(-9, 9), st.booleans(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)


def written(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"""{escaped}"""' if "\n" in value else f'"{escaped}"'
        case list():
            return "[" + ", ".join(map(written, value)) + "]"
        case _:
            return "{" + ", ".join(f"{key} = {written(inner)}" for key, inner in value.items()) + "}"


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=6))
def test_the_line_of_each_key_holds_that_key(document: dict[str, Any]) -> None:
    text = ""
    expected: dict[str, int] = {}
    for key, value in document.items():
        expected[key] = text.count("\n") + 1
        text += f"{key} = {written(value)}\n"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # an inline table may not span lines
    lines = index_lines(text)
    assert {key: lines[(key,)] for key in document} == expected
