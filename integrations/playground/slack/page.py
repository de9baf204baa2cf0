"""The page's own API: what it shows, and what a person does there. Every route is behind the page's guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from integrations.playground import guard
from integrations.playground.slack.channels import Channel
from integrations.playground.slack.files import MAX_BYTES
from integrations.playground.slack.messages import Ephemeral
from integrations.playground.slack.people import BOT_USER, COMMAND, TEAM_NAME, USERS
from integrations.playground.slack.pressing import Impossible
from integrations.playground.slack.socket_mode import NotDelivered
from integrations.playground.slack.store import Json
from integrations.playground.slack.world import SlackWorld

_SHOWN = 200  #: messages of a channel that are given at once
_WHISPERED_S = 3600  #: how long an ephemeral message is shown; Slack forgets them when the page is loaded again

Act = Callable[["Said"], Awaitable[Json]]


class Said:
    """The JSON body of one act."""

    def __init__(self, body: object) -> None:
        if not isinstance(body, Mapping):
            raise Impossible("The page sent something unreadable.")
        self._body = body

    def text(self, name: str, default: str = "") -> str:
        value = self._body.get(name, default)
        return value if isinstance(value, str) else default

    def flag(self, name: str, default: bool) -> bool:
        value = self._body.get(name, default)
        return value if isinstance(value, bool) else default

    def mapping(self, name: str) -> Mapping[str, object]:
        value = self._body.get(name)
        return value if isinstance(value, Mapping) else {}

    @property
    def user(self) -> str:
        return self.text("user", "U0ANA")


class Page:
    def __init__(self, world: SlackWorld) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        acts: dict[str, Act] = {
            "say": self._say,
            "slash": self._slash,
            "click": self._click,
            "submit": self._submit,
            "press": self._press,
            "close": self._close,
            "react": self._react,
            "edit": self._edit,
            "delete": self._delete,
            "dismiss": self._dismiss,
            "read": self._read,
            "home": self._home,
            "channel": self._channel,
        }
        for name, act in acts.items():
            app.router.add_post(f"/page/{name}", self._guarded(self._acting(act)))
        app.router.add_post("/page/upload", self._guarded(self._upload))
        app.router.add_get("/page/state", self._guarded(self._state))
        app.router.add_get("/page/messages", self._guarded(self._messages))
        app.router.add_get("/page/thread", self._guarded(self._thread))
        app.router.add_get("/page/whispers", self._guarded(self._whispers))
        app.router.add_get("/page/deliveries", self._guarded(self._deliveries))
        app.router.add_get("/page/events", self._guarded(self._world.live.serve))

    def _guarded(self, handler: guard.Handler) -> guard.Handler:
        return guard.page(self._world.place, handler)

    def _acting(self, act: Act) -> guard.Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            try:
                return web.json_response(await act(Said(await request.json())))
            except Impossible as impossible:
                return web.json_response({"error": str(impossible)}, status=400)
            except NotDelivered as silence:
                return web.json_response({"error": str(silence)}, status=504)
            except ValueError:
                return web.json_response({"error": "The page sent something unreadable."}, status=400)

        return handler

    async def _state(self, request: web.Request) -> web.Response:
        """Everything but messages, for one person."""
        user = request.query.get("user", "U0ANA")
        world = self._world
        home = world.forms.home(user)
        return web.json_response(
            {
                "team": TEAM_NAME,
                "command": COMMAND,
                "bot": BOT_USER,
                "connected": world.sockets.connected > 0,
                "users": [
                    {"id": one.id, "name": one.name, "real_name": one.real_name, "is_bot": one.is_bot}
                    | {"title": one.title, "at_page": one.at_page}
                    for one in USERS.values()
                ],
                "channels": [self._channel_state(channel, user) for channel in self._shown_channels(user)],
                "views": [view.as_json() for view in world.forms.stack(user)],
                "home": home.as_json() if home else None,
                "max_file_bytes": MAX_BYTES,
            }
        )

    def _shown_channels(self, user: str) -> list[Channel]:
        return [
            channel
            for channel in self._world.channels.all()
            if self._world.channels.has(channel.id, user) and channel.with_user in ("", user)
        ]

    def _channel_state(self, channel: Channel, user: str) -> Json:
        channels, messages = self._world.channels, self._world.messages
        since = channels.read_until(channel.id, user)
        return {
            "id": channel.id,
            "name": channel.name,
            "kind": channel.kind,
            "purpose": channel.purpose,
            "archived": channel.archived,
            "has_waggle": channels.has(channel.id, BOT_USER),
            "members": channels.members(channel.id),
            "unread": messages.unread(channel.id, since, user),
            "read_until": since,
        }

    async def _messages(self, request: web.Request) -> web.Response:
        """The newest messages of a channel, oldest first, with what only this person sees."""
        channel, user = self._asked_for(request), request.query.get("user", "U0ANA")
        shown = self._world.reading.history(channel, with_metadata=True)[:_SHOWN]
        since = self._world.clock() - _WHISPERED_S
        known = self._world.messages.whispers(user, channel)
        whispers = [one for one in known if not one.thread_ts and float(one.ts) > since]
        everything = [*shown, *map(_whisper, whispers)]
        return web.json_response({"messages": sorted(everything, key=lambda one: str(one["ts"]))})

    async def _thread(self, request: web.Request) -> web.Response:
        channel, ts = self._asked_for(request), request.query.get("ts", "")
        user = request.query.get("user", "U0ANA")
        thread = self._world.reading.thread(channel, ts, with_metadata=True)
        whispers = [one for one in self._world.messages.whispers(user, channel) if one.thread_ts == ts]
        later = [*thread[1:], *map(_whisper, whispers)]
        return web.json_response({"messages": thread[:1] + sorted(later, key=lambda one: str(one["ts"]))})

    def _asked_for(self, request: web.Request) -> str:
        """The id of a channel that is given by id or name; what is neither has no messages."""
        given = request.query.get("channel", "")
        named = self._world.channels.named(given.removeprefix("#"))
        return named.id if named else given

    async def _whispers(self, request: web.Request) -> web.Response:
        user = request.query.get("user", "U0ANA")
        return web.json_response({"messages": [_whisper(one) for one in self._world.messages.whispers(user)]})

    async def _deliveries(self, _: web.Request) -> web.Response:
        return web.json_response({"deliveries": self._world.sent()})

    async def _say(self, said: Said) -> Json:
        ts = self._world.acting.say(said.user, said.text("channel"), said.text("text"), said.text("thread_ts"))
        return {"ts": ts}

    async def _slash(self, said: Said) -> Json:
        channel, thread_ts = said.text("channel"), said.text("thread_ts")
        return {"text": (await self._world.acting.slash(said.user, channel, said.text("text"), thread_ts)).text}

    async def _click(self, said: Said) -> Json:
        answered = await self._world.acting.press(
            said.user,
            said.text("channel"),
            said.text("ts"),
            said.text("action_id"),
            block_id=said.text("block_id"),
            choice=said.text("choice"),
        )
        return {"text": answered.text}

    async def _submit(self, said: Said) -> Json:
        sent = await self._world.filling.submit(said.user, said.text("view_id"), said.mapping("values"))
        return {"done": sent.done, "errors": sent.errors}

    async def _press(self, said: Said) -> Json:
        filled = said.mapping("values")
        await self._world.filling.press(
            said.user, said.text("view_id"), said.text("action_id"), filled, said.text("choice")
        )
        return {}

    async def _close(self, said: Said) -> Json:
        await self._world.filling.close(said.user, said.text("view_id"))
        return {}

    async def _react(self, said: Said) -> Json:
        name, on = said.text("name"), said.flag("on", True)
        self._world.acting.react(said.user, said.text("channel"), said.text("ts"), name, on=on)
        return {}

    async def _edit(self, said: Said) -> Json:
        self._world.acting.edit(said.user, said.text("channel"), said.text("ts"), said.text("text"))
        return {}

    async def _delete(self, said: Said) -> Json:
        self._world.acting.delete(said.user, said.text("channel"), said.text("ts"))
        return {}

    async def _dismiss(self, said: Said) -> Json:
        self._world.acting.dismiss(said.user, said.text("ts"))
        return {}

    async def _read(self, said: Said) -> Json:
        self._world.channels.mark_read(said.text("channel"), said.user, said.text("ts"))
        return {}

    async def _home(self, said: Said) -> Json:
        self._world.acting.open_home(said.user, said.text("tab", "home"))
        return {}

    async def _channel(self, said: Said) -> Json:
        self._world.acting.arrange(said.user, said.text("channel"), said.text("do"))
        return {}

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """A file with an optional text, as a form."""
        form: Mapping[str, Any] = await request.post()
        file = form.get("file")
        if not isinstance(file, web.FileField):
            return web.json_response({"error": "There is no file."}, status=400)
        try:
            ts = self._world.acting.share(
                str(form.get("user") or "U0ANA"),
                str(form.get("channel") or ""),
                file.filename,
                file.file.read(),
                str(form.get("text") or ""),
                str(form.get("thread_ts") or ""),
            )
        except Impossible as impossible:
            return web.json_response({"error": str(impossible)}, status=400)
        return web.json_response({"ts": ts})


def _whisper(message: Ephemeral) -> Json:
    return {
        "type": "message",
        "subtype": "ephemeral",
        "channel": message.channel,
        "user": BOT_USER,
        "ts": message.ts,
        "thread_ts": message.thread_ts,
        "text": message.text,
        "blocks": message.blocks,
    }
