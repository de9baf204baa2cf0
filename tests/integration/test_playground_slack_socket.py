"""Socket Mode, with Bolt at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrations.playground.visitor import Refused
from tests.integration.playground_slack_world import (
    ANA,
    BEN,
    BOT,
    PRODUCT,
    App,
    Host,
    hosting,
    listening,
    refused,
    until,
)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with hosting(tmp_path) as made:
        yield made


@pytest.fixture
async def app(host: Host) -> AsyncIterator[App]:
    async with listening(host) as made:
        yield made


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


BUTTONS = [
    {
        "type": "actions",
        "block_id": "row",
        "elements": [
            {"type": "button", "text": plain("Go"), "action_id": "go", "value": "v1", "style": "primary"},
            {
                "type": "static_select",
                "action_id": "pick",
                "options": [{"text": plain("One"), "value": "1"}, {"text": plain("Two"), "value": "2"}],
            },
        ],
    }
]
FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("Guide"),
    "submit": plain("Send"),
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": plain("Why"),
            "element": {"type": "plain_text_input", "action_id": "text"},
        },
        {
            "type": "input",
            "block_id": "how",
            "optional": True,
            "label": plain("How"),
            "element": {
                "type": "radio_buttons",
                "action_id": "choice",
                "options": [{"text": plain("Slow"), "value": "slow"}],
            },
        },
    ],
}


async def acked(host: Host) -> None:
    await until(lambda: all(one["state"] == "acked" for one in host.world.sent()), "everything is acknowledged")


async def test_a_mention_arrives_as_a_mention_and_as_a_message(host: Host, app: App) -> None:
    ts = await host.visitor.say(PRODUCT, "@waggle please <b>help</b> & see https://example.com/?a=1&b=2.")
    await until(lambda: len(app.bodies) == 2, "two deliveries")
    (mention,), (message,) = app.events("app_mention"), app.events("message")
    said = "<@U0WAGGLE> please &lt;b&gt;help&lt;/b&gt; &amp; see <https://example.com/?a=1&amp;b=2>."
    assert mention["text"] == message["text"] == said
    assert mention["ts"] == message["ts"] == ts
    assert message["channel_type"] == "channel"
    assert len({body["event_id"] for body in app.bodies}) == 2
    assert app.bodies[0]["authorizations"][0] == {
        "enterprise_id": None,
        "team_id": "T0PLAYGRND",
        "user_id": BOT,
        "is_bot": True,
        "is_enterprise_install": False,
    }


async def test_a_reply_names_its_thread_and_whose_it_is(host: Host, app: App) -> None:
    root = await host.post("card")
    await host.visitor.say(PRODUCT, "approve", root, BEN)
    await until(lambda: len(app.events("message")) == 2, "the card and the reply")
    own, reply = app.events("message")
    assert (own["bot_id"], own["user"]) == ("B0WAGGLE", BOT)
    assert (reply["thread_ts"], reply["parent_user_id"], reply["user"]) == (root, BOT, BEN)


async def test_changes_deletions_and_reactions_are_told(host: Host, app: App) -> None:
    ts = await host.visitor.say(PRODUCT, "first")
    await host.visitor.edit(PRODUCT, ts, "second")
    await host.visitor.react(PRODUCT, ts, "+1", BEN)
    await host.visitor.delete(PRODUCT, ts)
    await until(lambda: len(app.bodies) == 4, "four events")
    by_kind = {body["event"].get("subtype") or body["event"]["type"]: body["event"] for body in app.bodies}
    changed, reaction, deleted = (by_kind[kind] for kind in ("message_changed", "reaction_added", "message_deleted"))
    assert (changed["message"]["text"], changed["previous_message"]["text"]) == ("second", "first")
    assert (reaction["user"], reaction["item"]["ts"], deleted["deleted_ts"]) == (BEN, ts, ts)


async def test_waggle_hears_nothing_of_a_channel_it_is_not_in(host: Host, app: App) -> None:
    await host.visitor.arrange(PRODUCT, "remove_waggle")
    await host.visitor.say(PRODUCT, "@waggle hello?")
    await host.visitor.arrange(PRODUCT, "invite_waggle", BEN)
    await until(lambda: bool(app.events("member_joined_channel")), "the invitation")
    assert {body["event"]["type"] for body in app.bodies} == {"channel_left", "member_joined_channel"}
    assert app.events("member_joined_channel")[0]["inviter"] == BEN


async def test_a_command_is_answered_by_its_acknowledgement(host: Host, app: App) -> None:
    @app.bolt.command("/waggle")
    async def answer(ack: Any, body: dict[str, Any]) -> None:
        await ack(f"you said {body['text']}")

    assert await host.visitor.slash("/waggle status @ben", user=ANA) == "you said status <@U0BEN>"
    assert [one["text"] for one in await host.visitor.ephemerals(ANA)] == ["you said status <@U0BEN>"]


async def test_a_command_in_a_thread_or_unknown_never_reaches_the_app(host: Host, app: App) -> None:
    with pytest.raises(Refused, match="not a valid command"):
        await host.visitor.slash("/other thing")
    root = await host.post("card")
    body = {"channel": PRODUCT, "text": "/waggle status", "thread_ts": root, "user": ANA}
    with pytest.raises(Refused, match="not supported in threads"):
        await host.visitor.page_call("POST", "/page/slash", body)
    await acked(host)
    assert all("command" not in one for one in app.bodies)


async def test_a_command_that_nobody_takes_fails_for_the_person(host: Host) -> None:
    await host.visitor.fault("slack", {"ack_s": 0.1})
    with pytest.raises(Refused, match="not connected") as caught:
        await host.visitor.slash("/waggle status")
    assert caught.value.status == 504
    async with listening(host) as app:  # and is not delivered afterwards
        await host.visitor.say(PRODUCT, "hello")
        await until(lambda: bool(app.bodies), "the message")
        assert app.events("message")


async def test_the_response_address_answers_five_times(host: Host, app: App) -> None:
    @app.bolt.command("/waggle")
    async def taken(ack: Any) -> None:
        await ack()

    await host.visitor.slash("/waggle new")
    address = app.bodies[-1]["response_url"]
    for number in range(5):
        async with host.session.post(address, json={"text": f"answer {number}"}) as response:
            assert (response.status, await response.text()) == (200, "ok")
    async with host.session.post(address, json={"text": "one more"}) as response:
        assert response.status == 404
    assert [one["text"] for one in await host.visitor.ephemerals()] == [f"answer {number}" for number in range(5)]


async def test_a_click_carries_what_was_clicked_and_where(host: Host, app: App) -> None:
    clicked: list[dict[str, Any]] = []

    @app.bolt.action("go")
    async def go(ack: Any, body: dict[str, Any], respond: Any) -> None:
        clicked.append(body)
        await ack()
        await respond("changed", replace_original=True)

    @app.bolt.action("pick")
    async def pick(ack: Any, body: dict[str, Any]) -> None:
        clicked.append(body)
        await ack()

    root = await host.visitor.say(PRODUCT, "root")
    ts = await host.post("card", blocks=BUTTONS, thread_ts=root)
    await host.visitor.click(PRODUCT, ts, "pick", BEN, choice="2")
    await host.visitor.click(PRODUCT, ts, "go", BEN)
    picked, gone = clicked
    assert picked["actions"][0]["selected_option"]["value"] == "2"
    action = gone["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"]) == ("go", "row", "v1")
    assert gone["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": PRODUCT,
        "is_ephemeral": False,
        "thread_ts": root,
    }
    assert (gone["user"]["id"], gone["message"]["ts"]) == (BEN, ts)
    assert (await host.visitor.thread(PRODUCT, root))[1]["text"] == "changed"
    with pytest.raises(Refused, match=r"There is no stop .* there is nothing"):
        await host.visitor.click(PRODUCT, root, "stop")


async def test_a_form_is_opened_filled_corrected_and_sent(host: Host, app: App) -> None:
    sent: list[dict[str, Any]] = []

    @app.bolt.action("go")
    async def go(ack: Any, body: dict[str, Any]) -> None:
        await host.client.views_open(trigger_id=body["trigger_id"], view=FORM)
        await ack()

    @app.bolt.view("form")
    async def form(ack: Any, body: dict[str, Any]) -> None:
        sent.append(body["view"]["state"]["values"])
        if len(sent) == 1:
            await ack(response_action="errors", errors={"why": "Say more."})
        else:
            await ack()

    await host.visitor.click(PRODUCT, await host.post("card", blocks=BUTTONS), "go")
    (view,) = await host.visitor.views()
    assert await host.visitor.submit(view["id"], {}) == {"why": "Please complete this required field."}
    assert await host.visitor.submit(view["id"], {"why": "x", "how": "slow"}) == {"why": "Say more."}
    assert await host.visitor.submit(view["id"], {"why": "better"}) == {}
    assert await host.visitor.views() == []
    assert sent[0]["how"]["choice"]["selected_option"]["value"] == "slow"
    assert sent[1] == {
        "why": {"text": {"type": "plain_text_input", "value": "better"}},
        "how": {"choice": {"type": "radio_buttons", "selected_option": None}},
    }


async def test_what_is_not_acknowledged_comes_again_with_its_number(host: Host, app: App) -> None:
    await host.visitor.fault("slack", {"ack_s": 0.1, "redelivery_s": [0, 0.2, 0.2]})
    app.deaf = True
    await host.visitor.say(PRODUCT, "are you there?")
    await until(lambda: len(app.bodies) == 3, "three deliveries")
    app.deaf = False
    await acked(host)
    assert app.retries == ["0", "1", "2", "3"]
    assert len({body["event_id"] for body in app.bodies}) == 1


async def test_after_three_redeliveries_an_event_is_lost(host: Host, app: App) -> None:
    await host.visitor.fault("slack", {"ack_s": 0.05, "redelivery_s": [0, 0, 0]})
    app.deaf = True
    await host.visitor.say(PRODUCT, "are you there?")
    await until(lambda: host.world.sent()[0]["state"] == "lost", "it is given up")
    assert len(app.bodies) == 4


async def test_events_wait_while_nobody_is_connected(host: Host) -> None:
    await host.visitor.say(PRODUCT, "one")
    await host.visitor.say(PRODUCT, "two")
    async with listening(host) as app:
        await until(lambda: len(app.bodies) == 2, "both")
        assert {event["text"] for event in app.events("message")} == {"one", "two"}
        await acked(host)


async def test_what_waited_survives_a_restart(host: Host) -> None:
    await host.visitor.say(PRODUCT, "before")
    await host.restart()
    async with listening(host) as app:
        await until(lambda: bool(app.events("message")), "the event of before")
        assert app.events("message")[0]["text"] == "before"


@pytest.mark.parametrize("how", ["warning", "refresh_requested", "cut"])
async def test_the_client_comes_back_after_a_disconnect(host: Host, app: App, how: str) -> None:
    def opened() -> int:
        return sum(call["method"] == "apps.connections.open" for call in host.world.calls())

    await host.visitor.fault("slack", {"socket": how})
    await until(lambda: opened() == 2 and host.world.sockets.connected == 1, "a second connection", 20)
    await host.visitor.say(PRODUCT, "still there?")
    await until(lambda: bool(app.events("message")), "an event after it")


async def test_every_event_may_come_three_times(host: Host, app: App) -> None:
    await host.visitor.fault("slack", {"copies": 3})
    await host.visitor.say(PRODUCT, "thrice")
    await until(lambda: len(app.bodies) == 3, "three deliveries")
    assert len({body["event_id"] for body in app.bodies}) == 1


async def test_of_two_connections_one_gets_a_payload(host: Host, app: App) -> None:
    await app.connect()
    await until(lambda: host.world.sockets.connected == 2, "two connections")
    for number in range(10):
        await host.visitor.say(PRODUCT, str(number))
    await until(lambda: len(app.bodies) == 10, "ten events")
    await acked(host)
    assert len(app.bodies) == 10


async def test_a_socket_needs_a_fresh_ticket(host: Host) -> None:
    url = str((await host.client.apps_connections_open(app_token=host.place.slack_app_token))["url"])
    async with host.session.ws_connect(url) as socket:
        hello = await socket.receive_json()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
    async with host.session.get(url.replace("ws", "http", 1)) as response:
        assert response.status == 403
    assert await refused(host.client.apps_connections_open(app_token="xapp-wrong")) == "invalid_auth"


async def test_calls_wait_while_slack_is_silent(host: Host) -> None:
    await host.visitor.fault("slack", {"silent_s": 0.4})
    started = asyncio.get_running_loop().time()
    await host.post("late")
    assert asyncio.get_running_loop().time() - started >= 0.35
