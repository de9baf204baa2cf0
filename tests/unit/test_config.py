"""Reading waggle.toml: every kind of mistake is named with its line and its cure, and all of them at once."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bot.config import ConfigFile, parse, policy_of
from bot.config_schema import Document
from bot.playground_config import Pace, playground_toml
from bot.problems import ProblemsError
from bot.project_file import parse_project
from bot.services import Services
from scheduler.policy import Policy


def mistakes(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as found:
        parse(text)
    return [str(problem) for problem in found.value.problems]


# Each: the document, the line of its mistake, words of what is wrong, words of the cure.
SINGLE = [
    ("[waggle]\naprove_plans = true", 2, "`aprove_plans` is not known", "Did you mean `approve_plans`?"),
    ("[wagle]\n", 1, "`wagle` is not known", "Did you mean `waggle`?"),
    ("[zzz]\nx = 1", 1, "`zzz` is not known", "Known: `waggle`, `repository`"),
    ('[waggle]\nquestion_deadline = "soon"', 2, "`soon` is not a span of time", '"90s", "10m" or "24h"'),
    ("[waggle]\nquestion_deadline = true", 2, "not a span of time", '"24h"'),
    ("[settle]\nready = -5", 2, "greater than or equal to 0", "Mend the value"),
    ('[waggle]\napprove_plans = "yes"', 2, "true or false is wanted", "without quotes"),
    ('[isolation]\nlevel = "walls"', 2, "not one of the choices", "'bubblewrap'"),
    ('[isolation]\nnetwork = "off"', 2, "holds nothing back", 'level = "bubblewrap"'),
    ('[isolation]\nlevel = "bubblewrap"\nnetwork = "hosts"', 3, "no hosts are listed", "pypi.org"),
    ('[isolation]\nhosts = ["pypi.org"]', 2, "nothing asks for them", 'network = "hosts"'),
    ('[isolation]\nhosts = ["https://pypi.org/"]\nnetwork="hosts"\nlevel="bubblewrap"', 2, "not a host's name", "*."),
    ('[isolation]\nlevel = "docker"', 2, "none is named", 'image = "…"'),
    ('[isolation]\nenvironment = ["GITHUB_TOKEN"]', 2, "never given to an agent", "Waggle itself"),
    ('[isolation]\nread = ["tools"]', 2, "not an absolute path", "from the root"),
    ('[capacity]\nagent_memory = "lots"', 2, "`lots` is not a size", '"3GiB"'),
    ("[retries]\nfailures = 3.5", 2, "whole number is wanted", "without a point"),
    ('[retries]\nfailures = "3"', 2, "whole number is wanted", "without quotes"),
    ("[retries]\nfailures = 99", 2, "less than or equal to 20", "Mend the value"),
    ('[retries]\napprove = "sometimes"', 2, "not one of the choices", "'never', 'after_max' or 'always'"),
    ('[[repository]]\nverify = "make test"', 1, "`slug` is missing", "Add slug"),
    ('[[repository]]\nslug = "ledgerline"', 2, "`ledgerline` is not a repository's name", "owner/name"),
    ('[[repository]]\nslug = "a/b"\nui_paths = "templates"', 3, "a list is wanted", "brackets"),
    ('[[repository]]\nslug = "a/b"\nui_paths = ["ok", 3]', 3, "text is wanted", "quotes"),
    ('[repository]\nslug = "a/b"', 1, "a list is wanted", "brackets"),
    ('[[channel]]\nid = "#product"', 2, "`#product` is not a channel's id", "end of About"),
    ('[[channel]]\nid = "C0PRODUCT"\nmeans = "chat"', 3, "not one of the choices", "'work', 'feedback'"),
    ('[[channel]]\nid = "C0PRODUCT"\nrepository = "a/b"', 3, "there is no repository `a/b`", "[[repository]]"),
    ('[access]\nadmins = ["@ana"]', 2, "`@ana` is not a user's id", "Copy member ID"),
    ('[[agent]]\nname = "devin"', 2, "there is no agent `devin`", 'command = ["'),
    ('[[agent]]\nname = "claude"', 2, "there is no agent `claude`", "Did you mean `claude-code`?"),
    ('[[agent]]\nname = "My agent"\ncommand = ["x"]', 2, "not a name for an agent", "small letters"),
    ('[[agent]]\nname = "codex"\ncommand = ["x"]', 3, "command is for agents of your own", "another name"),
    ('[[agent]]\nname = "codex"\nlive = true', 3, "live has no meaning at `codex`", "`claude-code` only"),
    ('[[agent]]\nname = "opencode"\nmodel = "gpt-5"', 3, "names no provider", '"provider/model"'),
    ('[[agent]]\nname = "codex"\nlogin = "mine"', 3, "not one of the choices", "'auto' or 'own'"),
    ('[[agent]]\nname = "x"\ncommand = "mini -t"', 3, "a list is wanted", "brackets"),
    ('[[agent]]\nname = "x"\ncommand = ["x"]\nargs = ["-v"]', 4, "no meaning beside a command", "into the command"),
    ('[[agent]]\nname = "x"\ncommand = ["x"]\ndone = "("', 4, "not a regular expression", "single quotes"),
    ('[[agent]]\nname = "x"\ncommand = ["x"]\n[agent.errors]\nauth = "["', 5, "not a regular expression", "Mend it"),
    (
        '[[agent]]\nname = "x"\ncommand = ["x"]\nerrors = { ratelimit = "429" }',
        4,
        "`ratelimit` is no name of a failure",
        "Did you mean `rate-limit`?",
    ),
    ('[[agent]]\nname = "x"\ncommand = ["x"]\nresult = { status = "s" }', 4, "`path` is missing", "Add path"),
    ('[[agent]]\nname = "codex"\nenv = ["sk-proj-abcdefghij0123"]', 3, "not the name of an environment", "`.env`"),
    ('[[agent]]\nname = "codex"\nenv = ["GITHUB_TOKEN"]', 3, "never given to an agent", "Waggle itself pushes"),
    ('[routes]\ndefault = [{ agent = "claude" }]', 2, "there is no agent `claude`", "Did you mean `claude-code`?"),
    ('[routes]\nbugs = [{ agent = "claude-code" }]', 2, "`bugs` is no kind of task", "Did you mean `bug`?"),
    ('[[reviewer]]\nname = "x"\nfamily = "gemini"', 3, "not one of the choices", "'anthropic' or 'openai'"),
    ('[discovery.errors]\nevery = "often"', 2, "`often` is not a span of time", '"10m"'),
    ("[discovery.errors]\nevery = 0", 2, "greater than or equal to 1", "Mend the value"),
    ("[discovery.errors]\nmin_event = 3", 2, "`min_event` is not known", "Did you mean `min_events`?"),
    ("[discovery.errors]\nmin_users = 0", 2, "greater than or equal to 1", "Mend the value"),
    ("[discovery.error]\n", 1, "`error` is not known", "Did you mean `errors`?"),
    ('[discovery.errors]\nchannel = "C0PRODUCT"', 2, "C0PRODUCT, which is no channel for work", "[[channel]]"),
    (
        '[[repository]]\nslug = "a/b"\nerror_projects = ["web"]\n[[repository]]\nslug = "a/c"\n'
        'error_projects = [\n  "api",\n  "web",\n]',
        8,
        "the project `web` belongs to a/b already",
        "at one repository",
    ),
    ('[[repository]]\nslug = "a/b"\ninclude = [".env"]', 3, "nothing says where these files", "include_from"),
    ('[[repository]]\nslug = "a/b"\ninclude = ["../.env"]\ninclude_from = "/x"', 3, "no file of a workspace", '".env"'),
    ('[[repository]]\nslug = "a/b"\ninclude = [".git/config"]\ninclude_from = "/x"', 3, "no file of a work", '".env"'),
    ('[capacity]\nports = "80-90"', 2, "`80-90` is no range of ports", '"20000-29999"'),
    ('[capacity]\nports = "30000-20000"', 2, "is no range of ports", '"20000-29999"'),
    ('[models]\njudge = ["sonnet"]', 2, "`sonnet` names no model", '"anthropic:MODEL"'),
    (
        '[[repository]]\nslug = "a/b"\n[routes]\ndefault = [{ agent = "scripted" }]',
        4,
        "playground repositories only",
        '"claude-code"',
    ),
    ("[budget]\nattempt_usd = 50", 2, "more (50) than its whole task (15)", "Raise task_usd"),
    ("[budget]\nattempt_usd = nan", 2, "finite number", "Mend"),
    ('[[repository]]\nslug = "a/b"\n[[repository]]\nslug = "A/B"', 4, "a second time", "Keep one"),
    ('[[channel]]\nid = "C0AAAA"\n[[channel]]\nid = "C0AAAA"', 4, "a second time", "Keep one"),
    (
        '[[reviewer]]\nname = "one"\nfamily = "openai"\n[reviews]\nfamilies = 2',
        5,
        "2 model families must approve, and the reviewers are of 1",
        "another family",
    ),
    ("[waggle]\napprove_plans = yes", 2, "not TOML", "approve_plans = true or approve_plans = false"),
    ("[[repository]]\nslug = acme/app", 2, "not TOML", 'slug = "acme/app"'),
    ("[waggle]\napprove_plans", 2, "not TOML", "key = value"),
    ("[waggle\n", 1, "not TOML", "toml.io"),
]


@pytest.mark.parametrize(("text", "line", "what", "cure"), SINGLE)
def test_a_mistake_is_named_with_its_line_and_its_cure(text: str, line: int, what: str, cure: str) -> None:
    [only] = mistakes(text)
    assert only.startswith(f"waggle.toml:{line}: ")
    assert what in only
    assert cure in only


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = "\n".join(
        [
            "[retries]",
            "failures = 3.5",
            "",
            "[waggle]",
            'question_deadline = "soon"  # and a comment with = signs',
            "",
            "[[repository]]",
            'slug = "acme/one"',
            'verify = """',
            "make test",
            'make lint"""',
            "[[repository]]",
            'slug = "acme/two"',
            "bse_branch = 'main'",
            "[routes]",
            "default = [",
            '  { agent = "claude-code" },',
            '  { agent = "nobody", model = "x" },',
            "]",
        ]
    )
    lines = [int(one.split(":")[1]) for one in mistakes(text)]
    assert lines == [2, 5, 14, 18]


def test_mistakes_of_syntax_do_not_hide_the_others() -> None:
    found = mistakes('[waggle]\nfoo\n[[channel]]\nid = "C0PRODUCT"\nmeanz = 3\nbar = yes\n')
    assert [int(one.split(":")[1]) for one in found] == [2, 5, 6]


def test_the_message_counts_the_mistakes() -> None:
    with pytest.raises(ProblemsError, match="2 mistakes"):
        parse("[a]\n[b]\n")


def test_an_empty_document_is_the_default_policy() -> None:
    policy = policy_of(parse(""))
    assert policy == Policy(agents_families=policy.agents_families, live_agents=("claude-code",))


def test_values_reach_the_policy_in_their_units() -> None:
    policy = policy_of(
        parse(
            """
            [waggle]
            approve_plans = false
            question_deadline = "2h"
            [[repository]]
            slug = "acme/app"
            base_branch = "develop"
            install = "npm ci"
            verify = "npm test"
            ui_paths = ["src/**"]
            ci = false
            [routes]
            default = [{ agent = "claude-code", model = "opus", why = "thorough" }]
            "docs/small" = [{ agent = "claude-code", model = "haiku" }]
            [settle]
            ready = "1.5m"
            [capacity]
            agent_memory = "2GiB"
            max_agents = 3
            [retries]
            failures = 1
            approve = "always"
            """
        )
    )
    repository = policy.repository("acme/app")
    assert repository is not None
    assert (repository.base_branch, repository.verify, repository.has_ci) == ("develop", "npm test", False)
    assert not policy.approve_plans
    assert policy.question_deadline_s == 7200
    assert policy.settle.ready_s == 90
    assert policy.capacity.agent_memory_bytes == 2 * 2**30
    assert policy.capacity.max_agents == 3
    assert (policy.retries.failures, policy.retries.approve) == (1, "always")
    assert policy.routes_for("bug")[0].model == "opus"
    assert dict(policy.routes)["docs/small"][0].model == "haiku"


AGENTS = """
[[agent]]
name = "codex"
model = "gpt-5.2-codex"
[[agent]]
name = "mini"
command = ["mini", "{prompt_file}"]
family = "openai"
[[agent]]
name = "aider-local"
command = ["aider"]
[routes]
default = [{ agent = "codex" }, { agent = "codex", model = "o5" }, { agent = "mini" }]
docs = [{ agent = "opencode", model = "anthropic/claude-sonnet-5" }]
"""


def test_every_agent_may_be_routed_to_with_its_model_and_its_family() -> None:
    policy = policy_of(parse(AGENTS))
    assert [(one.agent, one.model) for one in policy.routes_for("bug")] == [
        ("codex", "gpt-5.2-codex"),
        ("codex", "o5"),
        ("mini", ""),
    ]
    agents = ("claude-code", "codex", "mini", "aider-local", "opencode")
    assert [policy.family_of(one) for one in agents] == ["anthropic", "openai", "openai", "aider-local", "opencode"]
    assert policy.family_of("opencode", "anthropic/claude-sonnet-5") == "anthropic"


def test_the_limit_of_the_environment_goes_before_the_file() -> None:
    document = parse("[capacity]\nmax_agents = 3")
    assert policy_of(document, max_agents=1).capacity.max_agents == 1


@pytest.mark.parametrize("slack", [False, True])
@pytest.mark.parametrize("github", [False, True])
def test_what_waggle_writes_for_the_playground_is_valid(slack: bool, github: bool) -> None:
    services = Services(slack=slack, github=github, anthropic=False, openai=False)
    document = parse(playground_toml(services, Pace(), script="/tmp/o'brien/script.json" if not slack else ""))
    assert bool(document.channel) is not slack
    assert bool(document.repository) is not github


# --- read again ------------------------------------------------------------------------------------------------------


def write(path: Path, text: str, *, later: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(later * 10**9, later * 10**9))


def test_a_changed_file_is_in_force_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "waggle.toml"
    write(path, "[retries]\nfailures = 1", later=1)
    config = ConfigFile(path)
    assert config.refresh() is None
    write(path, "[retries]\nfailures = 2", later=2)
    change = config.refresh()
    assert change is not None and change.ok
    assert config.policy.retries.failures == 2
    assert config.refresh() is None


def test_a_bad_edit_keeps_the_last_good_one_and_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "waggle.toml"
    write(path, "[retries]\nfailures = 1", later=1)
    config = ConfigFile(path)
    write(path, "[retries]\nfailures = 'x'", later=2)
    change = config.refresh()
    assert change is not None and not change.ok
    assert f"{path}:2:" in change.text and "last good version stays in force" in change.text
    assert config.policy.retries.failures == 1
    assert config.refresh() is None


def test_a_file_that_goes_away_is_a_bad_edit(tmp_path: Path) -> None:
    path = tmp_path / "waggle.toml"
    write(path, "[retries]\nfailures = 1", later=1)
    config = ConfigFile(path)
    path.unlink()
    change = config.refresh()
    assert change is not None and not change.ok and "no such file" in change.text
    assert config.policy.retries.failures == 1


def test_an_edit_of_comments_alone_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "waggle.toml"
    write(path, "[retries]\nfailures = 1", later=1)
    config = ConfigFile(path)
    write(path, "# why\n[retries]\nfailures = 1", later=2)
    assert config.refresh() is None


def test_a_missing_or_unreadable_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match=r"there is no such file.*WAGGLE_CONFIG"):
        ConfigFile(tmp_path / "none.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe[\x00")
    with pytest.raises(ProblemsError, match="not UTF-8"):
        ConfigFile(binary)
    with pytest.raises(ProblemsError, match="cannot be read"):
        ConfigFile(tmp_path)


# --- the documentation -----------------------------------------------------------------------------------------------

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_every_example_of_the_documentation_is_valid() -> None:
    own, _, repositorys = DOCUMENTATION.read_text().partition("\n## .waggle.toml")
    for text, read in ((own, parse), (repositorys, parse_project)):
        examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
        assert examples
        for example in examples:
            read(example, "the documentation")


def test_every_key_is_in_the_documentation() -> None:
    text = DOCUMENTATION.read_text()
    missing = [
        f"{table}.{key}"
        for table, field in Document.model_fields.items()
        for key in keys_of(field.annotation)
        if not re.search(rf"\b{key}\b", text)
    ]
    assert missing == []


def keys_of(annotation: Any) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return list(annotation.model_fields)
    return [key for inner in get_args(annotation) for key in keys_of(inner)]


def test_the_error_scan_is_what_the_file_says() -> None:
    text = (
        '[[channel]]\nid = "C0ALERTS"\nmeans = "alerts"\n[[repository]]\nslug = "a/b"\nerror_projects = ["web"]\n'
        '[discovery.errors]\nevery = "90s"\nmin_events = 4\nmax_age = "24h"\nproposals_per_scan = 2\nsnooze = "3d"\n'
        'delicate_paths = ["legal/**"]\nchannel = "C0ALERTS"\nenabled = false\n'
    )
    policy = policy_of(parse(text))
    rules = policy.errors
    assert (rules.every_s, rules.min_events, rules.max_age_s, rules.per_scan) == (90.0, 4, 86_400.0, 2)
    assert (rules.snooze_s, rules.delicate_paths, rules.channel) == (259_200.0, ("legal/**",), "C0ALERTS")
    assert not rules.enabled and policy.repositories[0].error_projects == ("web",)
    assert policy_of(Document()).errors == Policy().errors
