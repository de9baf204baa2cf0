"""The Web API, called by slack_sdk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.integration.playground_slack_world import (
    ANA,
    BEN,
    BOT,
    CUSTOMERS,
    PRODUCT,
    Host,
    hosting,
    listening,
    refused,
)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with hosting(tmp_path) as made:
        yield made


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **more}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def modal(**more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain("Form"), "blocks": [section("hello")], **more}


async def test_auth_test_names_the_bot_and_its_scopes(host: Host) -> None:
    answer = await host.client.auth_test()
    assert (answer["user_id"], answer["team_id"], answer["bot_id"]) == (BOT, "T0PLAYGRND", "B0WAGGLE")
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


@pytest.mark.parametrize(
    ("token", "error"), [("", "not_authed"), ("xoxb-wrong", "invalid_auth"), ("xapp-test", "not_allowed_token_type")]
)
async def test_a_missing_wrong_or_unfitting_token_is_refused(host: Host, token: str, error: str) -> None:
    client = AsyncWebClient(token=token, base_url=host.place.slack_api_url, session=host.session)
    assert await refused(client.chat_postMessage(channel=PRODUCT, text="hi")) == error


async def test_an_unknown_method_is_named(host: Host) -> None:
    assert await refused(host.client.api_call("chat.postMesage")) == "unknown_method"


async def test_a_message_is_posted_changed_and_deleted(host: Host) -> None:
    ts = await host.post("first", blocks=[section("first")])
    await host.client.chat_update(channel=PRODUCT, ts=ts, text="second", blocks=[section("second")])
    (seen,) = [one for one in await host.visitor.messages(PRODUCT) if one["ts"] == ts]
    assert (seen["text"], seen["blocks"][0]["text"]["text"], seen.get("edited")) == ("second", "second", None)
    await host.client.chat_delete(channel=PRODUCT, ts=ts)
    assert await refused(host.client.chat_update(channel=PRODUCT, ts=ts, text="third")) == "message_not_found"


async def test_an_update_without_blocks_keeps_them(host: Host) -> None:
    ts = await host.post("text", blocks=[section("kept")])
    await host.client.chat_update(channel=PRODUCT, ts=ts, text="other")
    seen = (await host.visitor.messages(PRODUCT))[-1]
    assert seen["blocks"][0]["text"]["text"] == "kept"


async def test_somebody_elses_message_cannot_be_changed(host: Host) -> None:
    ts = await host.visitor.say(PRODUCT, "mine")
    assert await refused(host.client.chat_update(channel=PRODUCT, ts=ts, text="x")) == "cant_update_message"
    assert await refused(host.client.chat_delete(channel=PRODUCT, ts=ts)) == "cant_delete_message"


async def test_where_waggle_may_not_post(host: Host) -> None:
    assert await refused(host.client.chat_postMessage(channel="C404", text="x")) == "channel_not_found"
    await host.visitor.arrange(PRODUCT, "remove_waggle")
    assert await refused(host.client.chat_postMessage(channel=PRODUCT, text="x")) == "not_in_channel"
    assert await refused(host.client.conversations_history(channel=PRODUCT)) == "not_in_channel"
    await host.client.conversations_join(channel=PRODUCT)
    await host.visitor.arrange(PRODUCT, "archive")
    assert await refused(host.client.chat_postMessage(channel=PRODUCT, text="x")) == "is_archived"
    assert (
        await refused(host.client.chat_postMessage(channel=CUSTOMERS, text="x", thread_ts="1.000001"))
        == "thread_not_found"
    )


async def test_timestamps_are_unique_strings_in_order(host: Host) -> None:
    stamps = [await host.post(str(number)) for number in range(30)]
    assert stamps == sorted(set(stamps))
    assert all(len(ts.split(".")[1]) == 6 for ts in stamps)


async def test_replies_stand_below_their_root(host: Host) -> None:
    root = await host.visitor.say(PRODUCT, "root")
    first = await host.post("one", thread_ts=root)
    second = await host.visitor.say(PRODUCT, "two", root, BEN)
    thread = (await host.client.conversations_replies(channel=PRODUCT, ts=root))["messages"]
    assert [one["ts"] for one in thread] == [root, first, second]
    assert thread[0]["reply_count"] == 2
    assert thread[0]["latest_reply"] == second
    assert thread[0]["reply_users"] == [BOT, BEN]
    assert thread[1]["parent_user_id"] == ANA
    history = (await host.client.conversations_history(channel=PRODUCT))["messages"]
    assert {first, second}.isdisjoint(one["ts"] for one in history)
    assert await refused(host.client.conversations_replies(channel=PRODUCT, ts="1.000001")) == "thread_not_found"


async def test_a_deleted_root_leaves_a_tombstone_above_its_replies(host: Host) -> None:
    root = await host.visitor.say(PRODUCT, "root")
    await host.post("one", thread_ts=root)
    await host.visitor.delete(PRODUCT, root)
    await host.post("two", thread_ts=root)
    thread = (await host.client.conversations_replies(channel=PRODUCT, ts=root))["messages"]
    assert [one.get("subtype", "") for one in thread] == ["tombstone", "", ""]


async def test_history_is_paged_newest_first(host: Host) -> None:
    stamps = [await host.post(str(number)) for number in range(5)]
    first = await host.client.conversations_history(channel=PRODUCT, limit=2, oldest=stamps[0])
    assert [one["ts"] for one in first["messages"]] == [stamps[4], stamps[3]]
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    second = await host.client.conversations_history(channel=PRODUCT, limit=2, oldest=stamps[0], cursor=cursor)
    assert [one["ts"] for one in second["messages"]] == [stamps[2], stamps[1]]
    assert not second["has_more"]
    whole = await host.client.conversations_history(channel=PRODUCT, oldest=stamps[0], latest=stamps[1], inclusive=True)
    assert [one["ts"] for one in whole["messages"]] == [stamps[1], stamps[0]]


async def test_metadata_is_kept_and_given_only_when_asked_for(host: Host) -> None:
    metadata = {"event_type": "outbox", "event_payload": {"id": 7}}
    root = await host.visitor.say(PRODUCT, "root")
    await host.post("card", thread_ts=root, metadata=metadata)
    read = host.client.conversations_replies
    assert "metadata" not in (await read(channel=PRODUCT, ts=root))["messages"][1]
    assert (await read(channel=PRODUCT, ts=root, include_all_metadata=True))["messages"][1]["metadata"] == metadata
    wrong = host.client.chat_postMessage(channel=PRODUCT, text="x", metadata={"event_type": "outbox"})
    assert await refused(wrong) == "invalid_metadata_format"


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters"),
        ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151"),
        ([{"type": "divider"}] * 51, "no more than 50 items allowed"),
        ([{"type": "actions", "elements": [button(action_id=f"a{n}") for n in range(26)]}], "no more than 25"),
        ([{"type": "actions", "elements": [button(text=plain("x" * 76))]}], "must be less than 76"),
        ([{"type": "actions", "elements": [button(value="x" * 2001)]}], "must be less than 2001"),
        ([{"type": "actions", "elements": [button(style="green")]}], "unsupported value: green"),
        ([{"type": "actions", "elements": [button(), button()]}], "`action_id` go already exists"),
        ([{"type": "actions", "elements": []}], "no fewer than 1"),
        ([{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}], "no more than 10"),
        ([{"type": "plan", "title": "x"}], "unsupported type: plan"),
        ([{"type": "section"}], "must define either `text` or `fields`"),
        ([{"type": "section", "text": {"type": "mrkdwn", "txt": "x"}}], "invalid additional property: txt"),
        ([section("x") | {"block_id": "same"}, section("y") | {"block_id": "same"}], "`block_id` same already exists"),
        ([{"type": "rich_text", "elements": [{"type": "rich_text_table", "elements": []}]}], "unsupported type"),
        (["text"], "missing required field: type"),
    ],
)
async def test_blocks_that_slack_refuses_are_refused_with_their_place(host: Host, blocks: list[Any], says: str) -> None:
    with pytest.raises(SlackApiError) as caught:
        await host.client.chat_postMessage(channel=PRODUCT, text="x", blocks=blocks)
    assert caught.value.response["error"] == "invalid_blocks"
    assert any(says in message for message in caught.value.response["errors"])
    assert all(one.get("text") != "x" for one in await host.visitor.messages(PRODUCT))


async def test_what_slack_takes_is_taken(host: Host) -> None:
    rich = {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "a", "style": {"bold": True}}]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "b"}]},
            {"type": "rich_text_quote", "elements": [{"type": "user", "user_id": ANA}]},
        ],
    }
    confirm = {"title": plain("Sure?"), "text": plain("Really?"), "confirm": plain("Yes"), "deny": plain("No")}
    blocks = [
        {"type": "header", "text": plain("x" * 150)},
        section("x" * 3000) | {"accessory": button()},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "a"}, plain("b")]},
        {"type": "actions", "elements": [button(value="x" * 2000, style="danger", confirm=confirm)]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "x", "verbatim": True}]},
        rich,
    ]
    ts = await host.post("x", blocks=blocks)
    seen = next(one for one in await host.visitor.messages(PRODUCT) if one["ts"] == ts)
    assert [one["type"] for one in seen["blocks"]] == [one["type"] for one in blocks]
    assert all(one["block_id"] for one in seen["blocks"])


async def test_messages_have_a_length(host: Host) -> None:
    assert await refused(host.client.chat_postMessage(channel=PRODUCT, text="x" * 40_001)) == "msg_too_long"
    assert await refused(host.client.chat_postMessage(channel=PRODUCT, text="")) == "no_text"
    ts = await host.post()
    assert await refused(host.client.chat_update(channel=PRODUCT, ts=ts, text="x" * 4001)) == "msg_too_long"
    many = [section("x" * 3000) for _ in range(5)]
    assert await refused(host.client.chat_postMessage(channel=PRODUCT, text="x", blocks=many)) == "msg_blocks_too_long"


async def test_reactions(host: Host) -> None:
    ts = await host.visitor.say(PRODUCT, "hello")
    await host.client.reactions_add(channel=PRODUCT, timestamp=ts, name="eyes")
    assert await refused(host.client.reactions_add(channel=PRODUCT, timestamp=ts, name="eyes")) == "already_reacted"
    assert await refused(host.client.reactions_add(channel=PRODUCT, timestamp=ts, name="a b")) == "invalid_name"
    assert (
        await refused(host.client.reactions_add(channel=PRODUCT, timestamp="1.0", name="eyes")) == "message_not_found"
    )
    await host.visitor.react(PRODUCT, ts, "eyes", BEN)
    seen = (await host.client.reactions_get(channel=PRODUCT, timestamp=ts))["message"]["reactions"]
    assert seen == [{"name": "eyes", "users": [BOT, BEN], "count": 2}]
    await host.client.reactions_remove(channel=PRODUCT, timestamp=ts, name="eyes")
    assert await refused(host.client.reactions_remove(channel=PRODUCT, timestamp=ts, name="eyes")) == "no_reaction"


async def test_people_and_places(host: Host) -> None:
    assert (await host.client.users_info(user=ANA))["user"]["name"] == "ana"
    assert await refused(host.client.users_info(user="U404")) == "user_not_found"
    assert {one["id"] for one in (await host.client.users_list())["members"]} >= {ANA, BEN, BOT}
    listed = (await host.client.conversations_list())["channels"]
    assert {one["name"] for one in listed} == {"product", "customers", "notes"}
    assert (await host.client.conversations_info(channel=PRODUCT))["channel"]["is_member"]
    assert BOT in (await host.client.conversations_members(channel=PRODUCT))["members"]
    direct = (await host.client.conversations_open(users=[ANA]))["channel"]["id"]
    assert (await host.client.chat_postMessage(channel=ANA, text="psst"))["channel"] == direct
    assert (await host.client.usergroups_list())["usergroups"] == []
    assert await refused(host.client.usergroups_users_list(usergroup="S1")) == "no_such_subteam"


async def test_an_ephemeral_message_is_seen_by_one_person(host: Host) -> None:
    await host.client.chat_postEphemeral(channel=PRODUCT, user=BEN, text="only you")
    assert [one["text"] for one in await host.visitor.ephemerals(BEN)] == ["only you"]
    assert await host.visitor.ephemerals(ANA) == []
    assert all(
        one["text"] != "only you" for one in (await host.client.conversations_history(channel=PRODUCT))["messages"]
    )
    wrong = host.client.chat_postEphemeral(channel=PRODUCT, user="U404", text="x")
    assert await refused(wrong) == "user_not_in_channel"


async def test_a_file_goes_up_in_three_steps_and_comes_down_with_the_token_only(host: Host) -> None:
    root = await host.visitor.say(PRODUCT, "root")
    answer = await host.client.files_upload_v2(
        channel=PRODUCT, content="log line", filename="ci.log", title="CI log", thread_ts=root, initial_comment="here"
    )
    file = (await host.client.files_info(file=answer["files"][0]["id"]))["file"]
    assert (file["title"], file["size"]) == ("CI log", 8)
    reply = (await host.client.conversations_replies(channel=PRODUCT, ts=root))["messages"][1]
    assert (reply["text"], reply["files"][0]["id"]) == ("here", file["id"])
    token = {"Authorization": f"Bearer {host.place.slack_bot_token}"}
    async with host.session.get(file["url_private_download"], headers=token) as response:
        assert await response.text() == "log line"
    async with host.session.get(file["url_private_download"]) as response:
        assert response.content_type == "text/html"
        assert "log line" not in await response.text()


async def test_a_persons_file_is_known_to_the_app(host: Host) -> None:
    ts = await host.visitor.upload(PRODUCT, "call.vtt", b"WEBVTT\n", "notes")
    message = (await host.client.conversations_history(channel=PRODUCT, latest=ts, inclusive=True))["messages"][0]
    assert message["subtype"] == "file_share"
    assert message["files"][0]["mimetype"] == "text/vtt"


async def test_a_form_opens_once_for_what_a_person_did(host: Host) -> None:
    async with listening(host) as app:

        @app.bolt.command("/waggle")
        async def taken(ack: Any) -> None:
            await ack()

        await host.visitor.slash("/waggle new")
        trigger = app.bodies[-1]["trigger_id"]
    opened = (await host.client.views_open(trigger_id=trigger, view=modal(callback_id="cb")))["view"]
    assert [view["id"] for view in await host.visitor.views()] == [opened["id"]]
    assert await refused(host.client.views_open(trigger_id=trigger, view=modal())) == "exchanged_trigger_id"
    assert await refused(host.client.views_open(trigger_id="1.2.3", view=modal())) == "invalid_trigger_id"
    changed = await host.client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal(title=plain("New")))
    assert changed["view"]["hash"] != opened["hash"]
    stale = host.client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal())
    assert await refused(stale) == "hash_conflict"
    await host.visitor.close_view(opened["id"])
    assert await refused(host.client.views_update(view_id=opened["id"], view=modal())) == "not_found"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"title": plain("x" * 25)}, "must be less than 25 characters"),
        ({"private_metadata": "x" * 3001}, "must be less than 3001"),
        ({"blocks": [{"type": "divider"}] * 101}, "no more than 100 items"),
        (
            {"blocks": [{"type": "input", "label": plain("L"), "element": {"type": "plain_text_input"}}]},
            "`submit` is required",
        ),
    ],
)
async def test_a_form_that_slack_refuses(host: Host, more: dict[str, Any], says: str) -> None:
    with pytest.raises(SlackApiError) as caught:
        await host.client.views_open(trigger_id="any", view=modal(**more))
    assert caught.value.response["error"] == "invalid_arguments"
    assert any(says in message for message in caught.value.response["errors"])


async def test_the_home_tab_is_published_for_a_person(host: Host) -> None:
    view = {"type": "home", "blocks": [section("Needs you")]}
    published = (await host.client.views_publish(user_id=ANA, view=view))["view"]
    assert (await host.visitor.state(ANA))["home"]["blocks"][0]["text"]["text"] == "Needs you"
    assert (await host.visitor.state(BEN))["home"] is None
    await host.client.views_publish(user_id=ANA, view=view, hash=published["hash"])
    assert await refused(host.client.views_publish(user_id=ANA, view=view, hash=published["hash"])) == "hash_conflict"


async def test_agent_features_are_missing_as_for_an_app_that_is_no_agent(host: Host) -> None:
    for call in (
        host.client.agents_sessions_setStatus(channel_id=PRODUCT, status="processing"),
        host.client.assistant_threads_setStatus(channel_id=PRODUCT, thread_ts="1.0", status="x"),
    ):
        assert await refused(call) == "missing_scope"


async def test_a_rate_limit_is_a_429_with_the_seconds_to_wait(host: Host) -> None:
    await host.visitor.fault("slack", {"answer": "ratelimited", "next": 2, "method": "chat.update", "retry_after": 7})
    ts = await host.post()
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await host.client.chat_update(channel=PRODUCT, ts=ts, text="x")
        assert caught.value.response.status_code == 429
        assert caught.value.response["error"] == "ratelimited"
        assert caught.value.response.headers["Retry-After"] == "7"
    await host.client.chat_update(channel=PRODUCT, ts=ts, text="x")


async def test_strict_limits_hold_slacks_tiers(host: Host) -> None:
    await host.visitor.fault("slack", {"limits": "strict"})
    ts = await host.post()
    for number in range(50):  # tier 3
        await host.client.chat_update(channel=PRODUCT, ts=ts, text=str(number))
    with pytest.raises(SlackApiError) as caught:
        await host.client.chat_update(channel=PRODUCT, ts=ts, text="one too many")
    assert 1 <= int(caught.value.response.headers["Retry-After"]) <= 60


async def test_a_dropped_answer_leaves_the_message_behind(host: Host) -> None:
    await host.visitor.fault("slack", {"answer": "drop", "method": "chat.postMessage"})
    with pytest.raises(Exception, match=r"(?i)disconnected|reset"):
        await host.post("said all the same")
    assert (await host.visitor.messages(PRODUCT))[-1]["text"] == "said all the same"
    (call,) = [one for one in await host.visitor.calls("slack") if one["method"] == "chat.postMessage"]
    assert (call["performed"], call["status"]) == (True, 0)


async def test_any_error_can_be_asked_for(host: Host) -> None:
    await host.visitor.fault("slack", {"answer": "restricted_action", "method": "chat."})
    assert await refused(host.client.chat_postMessage(channel=PRODUCT, text="x")) == "restricted_action"
    with pytest.raises(Exception, match="unknown: mehtod"):
        await host.visitor.fault("slack", {"answer": 500, "mehtod": "x"})


async def test_the_call_log_has_everything_but_tokens(host: Host) -> None:
    await host.post("logged", blocks=[section("block")])
    (call,) = [one for one in await host.visitor.calls("slack") if one["method"] == "chat.postMessage"]
    assert call["args"]["blocks"] == [section("block")]
    assert (call["ok"], call["result"]["channel"]) == (True, PRODUCT)
    assert host.place.slack_bot_token not in str(call)
