"""The page: who may open it, and what a person sees and does there in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import browsing_at, complaints, in_browser, tab_to
from tests.integration.playground_slack_world import BEN, CUSTOMERS, PRODUCT, App, Host, hosting, listening, until


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with hosting(tmp_path) as made:
        yield made


@asynccontextmanager
async def browsing(host: Host) -> AsyncIterator[Page]:
    """The page, opened at its address; any error in it fails the test."""
    async with browsing_at(host.place.page_url) as page:
        await page.wait_for_selector(".message")
        yield page


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def card(title: str, *buttons: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "header", "text": plain(title)}, {"type": "actions", "elements": list(buttons)}]


def button(label: str, action_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(label), "action_id": action_id, **more}


FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("Guide T-1"),
    "submit": plain("Send"),
    "blocks": [
        {
            "type": "input",
            "block_id": "words",
            "label": plain("Guidance"),
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
        }
    ],
}


@pytest.mark.parametrize("path", ["/", "/page/state", "/page/messages", "/page/events", "/page/calls?service=slack"])
@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "no token"),
        ({"X-Page-Token": "wrong"}, "another token"),
        ({"X-Page-Token": "page-token", "Host": "evil.example"}, "another host: DNS rebinding"),
        ({"X-Page-Token": "page-token", "Origin": "https://evil.example"}, "another page's request"),
        ({"X-Page-Token": "page-token", "Origin": "null"}, "a sandboxed page's request"),
    ],
)
async def test_the_page_is_for_who_has_its_address(host: Host, path: str, headers: dict[str, str], why: str) -> None:
    async with host.session.get(host.place.url + path, headers=headers) as response:
        assert response.status == 403, why


@pytest.mark.parametrize("act", ["say", "slash", "click", "submit", "react", "fault", "channel", "upload"])
async def test_no_act_without_the_token(host: Host, act: str) -> None:
    async with host.session.post(f"{host.place.url}/page/{act}", json={"channel": PRODUCT, "text": "x"}) as response:
        assert response.status == 403


async def test_the_address_becomes_a_cookie_and_nothing_comes_from_elsewhere(host: Host) -> None:
    async with host.session.get(host.place.page_url) as response:
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self';")
        text = await response.text()
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "<script>" not in text


async def test_what_cannot_be_done_is_said_in_a_sentence(host: Host) -> None:
    async def says(act: str, **body: Any) -> str:
        headers = {"X-Page-Token": "page-token"}
        async with host.session.post(f"{host.place.url}/page/{act}", json=body, headers=headers) as response:
            assert response.status == 400
            return str((await response.json())["error"])

    assert "no channel" in await says("say", channel="C404", text="x")
    assert "nothing to send" in await says("say", channel=PRODUCT, text="  ")
    assert "no person" in await says("say", channel=PRODUCT, text="x", user="U404")
    assert "at most" in await says("say", channel=PRODUCT, text="x" * 12_001)
    ts = await host.visitor.say(PRODUCT, "mine")
    assert "somebody else" in await says("edit", channel=PRODUCT, ts=ts, text="x", user=BEN)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"service": "slack", "spec": {"answer": "maybe", "nxt": 1}}, "unknown: nxt"),
        ({"service": "slack", "spec": {"socket": "burn"}}, "socket is one of"),
        ({"service": "slack", "spec": {"silent_s": -1}}, "silent_s is a number"),
        ({"service": "slack", "spec": "text"}, "dictionary"),
        ({"service": "moon", "spec": {}}, "wanted: service"),
        ({"service": "slack"}, "wanted: service"),
    ],
)
async def test_trouble_that_makes_no_sense_is_refused(host: Host, body: dict[str, Any], says: str) -> None:
    headers = {"X-Page-Token": "page-token"}
    async with host.session.post(f"{host.place.url}/page/fault", json=body, headers=headers) as response:
        assert response.status == 400
        assert says in (await response.json())["error"]


async def test_a_channel_goes_by_its_name_too(host: Host) -> None:
    ts = await host.visitor.say("#product", "hello")
    assert (await host.visitor.messages("product"))[-1]["ts"] == ts
    assert (await host.visitor.thread("#product", ts))[0]["text"] == "hello"
    assert await host.visitor.messages("nowhere") == []


async def test_a_permalink_leads_to_its_message(host: Host) -> None:
    root = await host.visitor.say(PRODUCT, "root")
    reply = await host.post("reply", thread_ts=root)
    link = str((await host.client.chat_getPermalink(channel=PRODUCT, message_ts=reply))["permalink"])
    headers = {"X-Page-Token": "page-token"}
    async with host.session.get(link, headers=headers, allow_redirects=False) as response:
        assert response.headers["Location"] == f"/#/{PRODUCT}/{root}"


@in_browser
async def test_a_newcomer_asks_approves_and_gives_guidance(host: Host) -> None:
    async with listening(host, answering), browsing(host) as page:
        await expect(page.locator("#help")).to_contain_text("From a sentence to a merged pull request")
        await page.click(".suggestion.first")
        await page.keyboard.press("Enter")
        # the answer opens its thread by itself, and the form field keeps the focus
        await expect(page.locator("#replies .b-header")).to_have_text("T-1 Export")
        await page.click("#replies [data-action=approve]")
        await expect(page.locator("#replies .b-header")).to_have_text("T-1 runs")
        await page.click("#replies [data-action=guide]")
        await page.fill("dialog textarea", "use ISO dates")
        await page.click("dialog [type=submit]")
        await expect(page.locator("#form")).not_to_be_visible()
        await expect(page.locator("#replies .message").last).to_contain_text("heard: use ISO dates")
        await expect(page.locator("#messages .thread-summary")).to_contain_text("2 replies")
        await expect(page.locator("#messages .thread-summary .new")).to_have_count(0)


@in_browser
async def test_everything_is_reached_without_a_mouse(host: Host) -> None:
    async with listening(host, answering), browsing(host) as page:
        await tab_to(page, ".suggestion.first")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await tab_to(page, "#replies [data-action=approve]")
        await page.keyboard.press("Enter")
        await tab_to(page, "#replies [data-action=guide]")
        await page.keyboard.press("Enter")
        await expect(page.locator("dialog textarea")).to_be_focused()
        assert await complaints(page) == []
        await page.keyboard.type("use ISO dates")
        await tab_to(page, "dialog [type=submit]")
        await page.keyboard.press("Enter")
        await expect(page.locator("#replies .message").last).to_contain_text("heard: use ISO dates")
        await tab_to(page, "#thread-close")
        await page.keyboard.press("Enter")
        await expect(page.locator("#thread")).not_to_be_visible()


@in_browser
async def test_the_audit_sees_what_it_is_there_for(host: Host) -> None:
    wrong = """<style>body { background: white; color: #999 }</style><p>faint</p>
      <p style="color: #000; opacity: .4">pale</p>
      <button></button><input><img src="data:,"><i id="a"></i><i id="a"></i>"""
    async with browsing_at("about:blank") as page:
        await page.set_content(wrong)
        found = " | ".join(await complaints(page))
    for mistake in (
        *("contrast 2.85", "<p class", "pale", "no name: <button", "no name: <input"),
        *("no text for a picture", "no language", "no heading", "an id twice: a"),
    ):
        assert mistake in found, mistake


@in_browser
async def test_a_confirmed_button_asks_first(host: Host) -> None:
    pressed: list[str] = []
    confirm = {"title": plain("Stop T-1?"), "text": plain("It ends."), "confirm": plain("Stop it"), "deny": plain("No")}
    async with listening(host) as app, browsing(host) as page:

        @app.bolt.action("stop")
        async def stop(ack: Any) -> None:
            pressed.append("stop")
            await ack()

        await host.post("card", blocks=card("T-1", button("Stop", "stop", confirm=confirm)))
        await page.click("[data-action=stop]")
        await page.click("#confirm >> text=No")
        await page.click("[data-action=stop]")
        await page.click("#confirm >> text=Stop it")
        await until(lambda: bool(pressed), "the click")
        assert pressed == ["stop"]


@in_browser
async def test_an_edit_in_place_leaves_the_focus_and_other_messages_alone(host: Host) -> None:
    async with browsing(host) as page:
        ts = await host.post("card", blocks=card("one", button("Go", "go"), button("Stop", "stop")))
        await page.focus("[data-action=stop]")
        await page.evaluate("document.querySelector('.message').dataset.mine = 'kept'")
        await host.client.chat_update(
            channel=PRODUCT, ts=ts, text="card", blocks=card("two", button("Go", "go"), button("Stop", "stop"))
        )
        await expect(page.locator(".b-header")).to_have_text("two")
        assert await page.evaluate("document.activeElement.dataset.action") == "stop"
        assert await page.evaluate("document.querySelector('.message').dataset.mine") == "kept"
        await page.fill("#composer-text", "half a sentence")
        await host.post("something else")
        await expect(page.locator(".message").last).to_contain_text("something else")
        assert await page.evaluate("document.activeElement.id") == "composer-text"
        assert await page.input_value("#composer-text") == "half a sentence"


@in_browser
async def test_two_people_and_what_is_unread(host: Host) -> None:
    async with browsing(host) as page:
        await page.check("#people input[value=U0BEN]", force=True)
        await page.fill("#composer-text", "from @ana's colleague")
        await page.keyboard.press("Enter")
        await expect(page.locator(".message").last).to_contain_text("Ben Adler")
        await host.client.chat_postEphemeral(channel=PRODUCT, user=BEN, text="for ben alone")
        await expect(page.locator(".whisper")).to_contain_text("Only visible to you")
        await host.visitor.say(CUSTOMERS, "a new wish", user="U0SUPPORT")
        await expect(page.locator("#channels .unread .count")).to_have_text("1")
        await page.click("#channels >> text=customers")
        await expect(page.locator("#channels .unread")).to_have_count(0)
        await page.check("#people input[value=U0ANA]", force=True)
        await page.click("#channels >> text=product")
        await expect(page.locator(".whisper")).to_have_count(0)


@in_browser
async def test_a_command_is_offered_and_its_answer_shown(host: Host) -> None:
    async with listening(host) as app, browsing(host) as page:

        @app.bolt.command("/waggle")
        async def answer(ack: Any, body: dict[str, Any]) -> None:
            await ack(f"status of {body['text']}")

        await page.type("#composer-text", "/st")
        await expect(page.locator("#composer-offers")).not_to_be_visible()
        await page.fill("#composer-text", "")
        await page.type("#composer-text", "/waggle st")
        await expect(page.locator("#composer-offers li")).to_have_count(2)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(".whisper")).to_contain_text("status of status")


@in_browser
async def test_nothing_that_was_typed_is_lost_when_waggle_does_not_answer(host: Host) -> None:
    await host.visitor.fault("slack", {"ack_s": 0.1})
    async with browsing(host) as page:
        await expect(page.locator("#offline")).to_contain_text("Waggle is not connected")
        await page.fill("#composer-text", "/waggle new something long")
        await page.keyboard.press("Enter")
        await expect(page.locator(".toast")).to_contain_text("Waggle is not connected")
        assert await page.input_value("#composer-text") == "/waggle new something long"


MRKDWN = [
    ("*bold* _it_ ~no~ `a*b*`", "<p><strong>bold</strong> <em>it</em> <s>no</s> <code>a*b*</code></p>"),
    ("snake_case_name 2*3*4", "<p>snake_case_name 2*3*4</p>"),
    ("*bold _and it_*", "<p><strong>bold <em>and it</em></strong></p>"),
    ("&lt;b&gt; &amp;amp;", "<p>&lt;b&gt; &amp;amp;</p>"),
    ("<script>", "<p><span>script</span></p>"),
    ("&gt;one\n&gt;two\nthree", "<blockquote>one<br>two</blockquote><p>three</p>"),
    ("• one\n- two", "<ul><li>one</li><li>two</li></ul>"),
    ("```x\n*y*```", "<pre>x\n*y*</pre>"),
    ("hi <@U0BEN>", '<p>hi <span class="mention">@ben</span></p>'),
    ("<#C0CUSTOMERS|x>", '<p><a class="mention" href="#/C0CUSTOMERS">#customers</a></p>'),
    ("✅ ok", '<p><span class="emoji good" role="img" aria-label="white check mark">✔</span> ok</p>'),
    ("<!here>", '<p><span class="mention">@here</span></p>'),
    ("<javascript:alert(1)|click>", "<p><span>click</span></p>"),
    (
        "<https://e.x/?a&amp;b|a *b*>",
        '<p><a href="https://e.x/?a&amp;b" target="_blank" rel="noopener noreferrer">a *b*</a></p>',
    ),
    (
        "<!date^1700000000^{date_num}|old>",
        '<p><time datetime="2023-11-14T22:13:20.000Z" title="old">2023-11-14</time></p>',
    ),
]


SHOW = """async ([texts, options]) => {
  const { mrkdwn } = await import("/page/static/mrkdwn.js");
  return texts.map((text) => {
    const box = document.createElement("div");
    box.append(...mrkdwn(text, options));
    return box.innerHTML;
  });
}"""


@in_browser
async def test_mrkdwn_is_shown_as_slack_shows_it(host: Host) -> None:
    async with browsing(host) as page:
        shown = await page.evaluate(SHOW, [[text for text, _ in MRKDWN], {}])
        assert shown == [html for _, html in MRKDWN]
        assert await page.evaluate(SHOW, [["https://e.x"], {"verbatim": True}]) == ["<p>https://e.x</p>"]


def answering(app: App) -> None:
    """A Waggle of a few lines."""

    @app.bolt.event("app_mention")
    async def plan(event: dict[str, Any], client: Any) -> None:
        blocks = card("T-1 Export", button("Approve", "approve", style="primary"))
        await client.chat_postMessage(channel=PRODUCT, thread_ts=event["ts"], text="plan", blocks=blocks)

    @app.bolt.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        blocks = card("T-1 runs", button("Guide…", "guide"))
        await client.chat_update(channel=PRODUCT, ts=body["container"]["message_ts"], text="runs", blocks=blocks)

    @app.bolt.action("guide")
    async def guide(ack: Any, body: dict[str, Any], client: Any) -> None:
        place = body["container"]["thread_ts"]
        await client.views_open(trigger_id=body["trigger_id"], view=FORM | {"private_metadata": place})
        await ack()

    @app.bolt.view("form")
    async def heard(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        words = body["view"]["state"]["values"]["words"]["text"]["value"]
        thread_ts = body["view"]["private_metadata"]
        await client.chat_postMessage(channel=PRODUCT, thread_ts=thread_ts, text=f"heard: {words}")
