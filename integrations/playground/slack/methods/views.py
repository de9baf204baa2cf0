"""views.*: forms and Home tabs."""

from __future__ import annotations

from integrations.playground.slack.arguments import Arguments
from integrations.playground.slack.blocks import check_view
from integrations.playground.slack.forms import STACK, Forms, View
from integrations.playground.slack.live import Live
from integrations.playground.slack.people import BOT_USER, USERS
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.store import Json
from integrations.playground.slack.triggers import Triggers
from integrations.playground.slack.web_api import Method


class Views:
    def __init__(self, forms: Forms, triggers: Triggers, live: Live) -> None:
        self._forms = forms
        self._triggers = triggers
        self._live = live

    def methods(self) -> dict[str, Method]:
        return {
            "views.open": self.open,
            "views.push": self.push,
            "views.update": self.update,
            "views.publish": self.publish,
        }

    async def open(self, args: Arguments) -> Json:
        body = _body(args, "modal")
        user = self._triggers.take(args.needed("trigger_id"))
        for stale in self._forms.stack(user):  # one form at a time: the page shows the newest
            self._forms.close(stale)
        return self._shown(self._forms.open(user, body))

    async def push(self, args: Arguments) -> Json:
        body = _body(args, "modal")
        user = self._triggers.take(args.needed("trigger_id"))
        stack = self._forms.stack(user)
        if not stack:
            raise Refused("not_found")
        if len(stack) >= STACK:
            raise Refused("push_limit_reached")
        return self._shown(self._forms.open(user, body, stack[-1]))

    async def update(self, args: Arguments) -> Json:
        if args.given("view_id"):
            view = self._forms.get(args.text("view_id"))
        else:
            view = self._forms.known_as(args.needed("external_id"))
        if view is None:
            raise Refused("not_found")
        body = _body(args, view.kind)
        self._check_hash(args, view)
        return self._shown(self._forms.change(view, body))

    async def publish(self, args: Arguments) -> Json:
        user = args.needed("user_id")
        if user not in USERS or user == BOT_USER:
            raise Refused("user_not_found")
        body = _body(args, "home")
        known = self._forms.home(user)
        if known is not None:
            self._check_hash(args, known)
        return self._shown(self._forms.publish(user, body))

    def _shown(self, view: View) -> Json:
        self._live.tell({"type": "view", "user": view.user, "kind": view.kind})
        return {"view": view.as_json()}

    def _check_hash(self, args: Arguments, view: View) -> None:
        if args.given("hash") and args.text("hash") != view.hash:
            raise Refused("hash_conflict")


def _body(args: Arguments, kind: str) -> Json:
    body = args.data("view", "invalid_arguments")
    check_view(body, kind)
    return dict(body)
