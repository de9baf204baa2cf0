"""Secrets leave text, and are found in what an agent wants to publish."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.redact import MARK, find_secrets, redact

LONG = "0123456789abcdefABCDEF0123456789abcdef"
TOKENS = {
    "GitHub token": [f"ghp_{LONG}", f"gho_{LONG}", f"ghs_123456_eyJ0eXAi.{LONG}.{LONG}", f"github_pat_11AAAA_{LONG}"],
    "GitLab token": [f"glpat-{LONG}"],
    "Slack token": [f"xoxb-1234567890-{LONG}", f"xapp-1-A0123-{LONG}", f"xoxe.xoxp-1-{LONG}"],
    "Slack webhook": [f"https://hooks.slack.com/services/T000/B000/{LONG}"],
    "Anthropic key": [f"sk-ant-api03-{LONG}"],
    "OpenAI key": [f"sk-proj-{LONG}", f"sk-{LONG}"],
    "Sentry token": [f"sntryu_{LONG}", f"sntrys_{LONG}"],
    "AWS access key": ["AKIAIOSFODNN7ABCDEFG"],
    "Google key": [f"AIza{LONG[:35]}"],
    "Stripe key": [f"sk_live_{LONG}"],
    "npm token": [f"npm_{LONG}"],
    "JSON web token": [f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{LONG}"],
    "private key": ["-----BEGIN RSA PRIVATE KEY-----"],
}
KNOWN = [(name, token) for name, tokens in TOKENS.items() for token in tokens]


@pytest.mark.parametrize(("name", "token"), KNOWN)
def test_every_known_shape_is_removed_and_found(name: str, token: str) -> None:
    assert token not in redact(f"before {token} after")
    [found] = find_secrets(f"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+key = '{token}'\n")
    assert found.name == name
    assert token not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "the sk-learn package",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "risk-assessment-of-the-whole-thing-and-more",
        "AKIAIOSFODNN7EXAMPLE is Amazon's own example",
        "task-12 desk-4 xoxo",
        "https://example.com/a:b@c",
        "mail ana@example.com",
        "import {ghp} from './ghp_'",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert redact(text) == text
    assert find_secrets(f"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+{text}\n") == ()


def test_a_whole_private_key_goes() -> None:
    key = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{LONG}\n{LONG}\n-----END OPENSSH PRIVATE KEY-----"

    assert redact(f"a\n{key}\nb") == f"a\n{MARK}\nb"
    assert redact(f"a\n{key[:60]}") == f"a\n{MARK}"


def test_credentials_in_addresses_and_headers_go() -> None:
    assert redact("https://x-access-token:abc123@github.com/a/b") == f"https://x-access-token:{MARK}@github.com/a/b"
    assert redact("Authorization: Basic eC1hY2Nlc3M6YWJj") == f"Authorization: Basic {MARK}"
    assert redact("authorization: bearer abc.def") == f"authorization: bearer {MARK}"


def test_this_process_own_values_go_whatever_their_shape() -> None:
    assert redact("it is hunter2hunter2!", ["hunter2hunter2"]) == f"it is {MARK}!"
    assert redact("a longer one: secret-value-and-more", ["secret-value", "secret-value-and-more"]) == (
        f"a longer one: {MARK}"
    )
    assert redact("the word main stays", ["main", ""]) == "the word main stays"
    [found] = find_secrets("--- a/x\n+++ b/x\n@@ -1 +1 @@\n+x = 'hunter2hunter2'\n", ["hunter2hunter2"])
    assert (found.path, found.line, found.shown) == ("x", 1, "hunt…")


DIFF = f"""\
diff --git a/old.py b/old.py
index 1..2 100644
--- a/old.py
+++ b/old.py
@@ -10,4 +20,4 @@ def f():
 context = 1
-removed = "ghp_{LONG}"
+kept = 1
+++ b = "AKIAIOSFODNN7ABCDEFG"
 also_context = "ghp_{LONG}"
diff --git a/new file.env b/new file.env
new file mode 100644
--- /dev/null
+++ b/new file.env
@@ -0,0 +1,2 @@
+A=1
+TOKEN=ghp_{LONG}
\\ No newline at end of file
"""


def test_only_added_lines_count_and_are_located() -> None:
    assert [(found.name, found.path, found.line) for found in find_secrets(DIFF)] == [
        ("AWS access key", "old.py", 22),
        ("GitHub token", "new file.env", 2),
    ]


@given(st.text(max_size=300), st.sampled_from([token for _, token in KNOWN]))
def test_a_token_never_survives_in_any_surroundings(around: str, token: str) -> None:
    assert token not in redact(f"{around} {token} {around}")


@given(st.text(max_size=500))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("unit", ["a.", "eyJ-", "eyJabcdefgh.", "a://b:", "sk-", "-----BEGIN A ", "x", "ghp_"])
def test_hostile_text_takes_no_more_than_its_length(unit: str) -> None:
    started = time.process_time()
    redact(unit * (400_000 // len(unit)))

    assert time.process_time() - started < 5
