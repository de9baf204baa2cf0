"""The Slack app's manifest asks for exactly what the code uses: nothing is missing, nothing is asked for in vain."""

from __future__ import annotations

import re
from pathlib import Path

from bot.manifest import manifest_text, wanted_scopes

SLACK = Path(__file__).parents[2] / "bot" / "slack"

HISTORY = {"channels:history", "groups:history", "im:history"}
READ = {"channels:read", "groups:read", "im:read"}
#: scopes by Web API method, as docs.slack.dev lists them for the kinds of channels that Waggle works in
OF_METHOD = {
    "auth_test": set(),
    "chat_postMessage": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_update": {"chat:write"},
    "chat_getPermalink": set(),
    "conversations_history": HISTORY,
    "conversations_info": READ,
    "conversations_open": {"im:write"},
    "conversations_replies": HISTORY,
    "files_completeUploadExternal": {"files:write"},
    "files_getUploadURLExternal": {"files:write"},
    "files_info": {"files:read"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_update": set(),
}
#: scopes by event of the manifest
OF_EVENT = {
    "app_mention": {"app_mentions:read"},
    "member_joined_channel": {"channels:read", "groups:read"},
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
    "user_change": {"users:read"},
}


def code() -> str:
    return "\n".join(path.read_text() for path in sorted(SLACK.rglob("*.py")))


def events() -> set[str]:
    block = re.search(r"bot_events:\n((?:\s+- .*\n)+)", manifest_text())
    assert block is not None
    return {line.split("- ")[1].strip() for line in block[1].splitlines()}


def test_the_scopes_are_those_of_the_methods_and_events_that_are_used() -> None:
    text = code()
    methods = set(re.findall(r"client\.((?!is_|connect_)[a-z]+_[a-zA-Z]+)\(", text))
    assert methods, "no call of the Web API was found: the test looks in the wrong place"
    needed = {"commands"}  # the slash command
    for method in methods:
        assert method in OF_METHOD, f"say here which scopes {method} needs"
        needed |= OF_METHOD[method]
    for event in events():
        needed |= OF_EVENT[event]
    if "url_private" in text:
        needed.add("files:read")
    assert wanted_scopes() == needed


def test_every_event_is_listened_to() -> None:
    listened = set(re.findall(r"""\bevent\(\s*["']([a-z_]+)["']""", code()))
    assert {event.split(".")[0] for event in events()} == listened


def test_the_command_is_the_one_that_is_answered() -> None:
    [command] = re.findall(r"- command: (\S+)", manifest_text())
    assert f'"{command}"' in code()


def test_socket_mode_and_buttons_are_on() -> None:
    text = manifest_text()
    assert "socket_mode_enabled: true" in text
    assert re.search(r"interactivity:\n\s+is_enabled: true", text)
    assert "should_escape: true" in text
