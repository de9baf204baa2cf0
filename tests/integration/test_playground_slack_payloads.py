"""No payload has a field that Slack's does not have. `slack_keys.json` holds the names of Slack's fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playground_slack_world import BEN, PRODUCT, hosting
from tests.integration.test_playground_slack_socket import BUTTONS, FORM

KEYS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "slack_keys.json").read_text())
#: what the app itself made, or fields named by its ids
OPEN = {"blocks", "attachments", "state", "event_payload"}


def unknown(value: Any, known: Any, path: str = "") -> list[str]:
    """The paths in a payload that Slack does not have."""
    if isinstance(value, list):
        return [found for one in value for found in unknown(one, known, path)]
    if not isinstance(value, dict):
        return []
    if known == 0:
        return [f"{path} is an object"]
    found = []
    for name, inner in value.items():
        here = f"{path}.{name}"
        if name not in known:
            found.append(here)
        elif name not in OPEN:
            found += unknown(inner, known[name], here)
    return found


def name_of(payload: dict[str, Any]) -> str:
    """Which of Slack's payloads this is."""
    if "command" in payload:
        return "SlashCommand"
    if "event" not in payload:
        return {"block_actions": "BlockAction", "view_submission": "ViewSubmission", "view_closed": "ViewClosed"}[
            payload["type"]
        ]
    event = payload["event"]
    if event["type"] == "message":
        kinds = {
            "message_changed": "MessageChanged",
            "message_deleted": "MessageDeleted",
            "file_share": "MessageFileShare",
            "thread_broadcast": "MessageThreadBroadcast",
        }
        return kinds.get(event.get("subtype", ""), "Message")
    return "".join(word.capitalize() for word in event["type"].split("_"))


async def test_every_payload_keeps_to_slacks_fields(tmp_path: Path) -> None:
    async with hosting(tmp_path) as host:
        visitor, client, acting = host.visitor, host.client, host.world.acting
        await visitor.fault("slack", {"ack_s": 0.01})
        root = await visitor.say(PRODUCT, "@waggle hello #customers")
        await visitor.say(PRODUCT, "a reply", root, BEN)
        card = await host.post(
            "card", blocks=BUTTONS, thread_ts=root, metadata={"event_type": "x", "event_payload": {}}
        )
        await client.chat_update(channel=PRODUCT, ts=card, text="card 2", blocks=BUTTONS)
        await client.chat_postMessage(channel=PRODUCT, text="loud", thread_ts=root, reply_broadcast=True)
        await client.files_upload_v2(channel=PRODUCT, content="x", filename="a.log", thread_ts=root)
        await visitor.upload(PRODUCT, "notes.md", b"# Notes", "notes")
        await visitor.edit(PRODUCT, root, "changed")
        await client.chat_delete(channel=PRODUCT, ts=await host.post("gone"))
        await visitor.react(PRODUCT, root, "+1")
        await visitor.react(PRODUCT, root, "+1", on=False)
        await visitor.open_home()
        for what in ("remove_waggle", "invite_waggle", "archive", "unarchive"):
            await visitor.arrange(PRODUCT, what)
        whisper = await client.chat_postEphemeral(channel=PRODUCT, user=BEN, text="x", blocks=BUTTONS)
        forms = host.world.forms
        view = forms.open(BEN, FORM | {"notify_on_close": True, "blocks": [*FORM["blocks"], *BUTTONS]})  # type: ignore[misc]  # a dict of different things
        for nobody in (
            acting.slash(BEN, PRODUCT, "/waggle status"),
            acting.press(BEN, PRODUCT, card, "go"),
            acting.press(BEN, PRODUCT, card, "pick", choice="1"),
            acting.press(BEN, PRODUCT, str(whisper["message_ts"]), "go"),
            host.world.filling.press(BEN, view.id, "go", {}),
            host.world.filling.submit(BEN, view.id, {"why": "x"}),
            host.world.filling.close(BEN, view.id),
        ):
            with pytest.raises(Exception, match="Waggle"):
                await nobody
        payloads = [one["payload"] for one in host.world.sent()]
        assert {name_of(payload) for payload in payloads} == KEYS.keys()
        for payload in payloads:
            name = name_of(payload)
            assert unknown(payload, KEYS[name]) == [], name
