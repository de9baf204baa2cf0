"""auth.*, apps.*, users.*, usergroups.*, team.*, bots.*, and the agent features that this app does not have."""

from __future__ import annotations

from collections.abc import Callable

from integrations.playground.slack.arguments import Arguments
from integrations.playground.slack.people import APP, BOT_ID, BOT_USER, DOMAIN, TEAM, TEAM_NAME, USERS
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.shapes import user_json
from integrations.playground.slack.store import Json
from integrations.playground.slack.web_api import SCOPES, Method

_AGENT_METHODS = (
    "agents.sessions.setStatus",
    "agents.sessions.rename",
    "assistant.threads.setStatus",
    "assistant.threads.setTitle",
    "assistant.threads.setSuggestedPrompts",
)


class Workspace:
    """Parameters: `url` is the playground's address; `ticket` gives a secret that opens one socket."""

    def __init__(self, url: str, ticket: Callable[[], str]) -> None:
        self._url = url
        self._ticket = ticket

    def methods(self) -> dict[str, Method]:
        return {
            "api.test": self.api_test,
            "auth.test": self.auth_test,
            "apps.connections.open": self.open_connection,
            "users.info": self.user,
            "users.list": self.users,
            "usergroups.list": self.groups,
            "usergroups.users.list": self.group_members,
            "team.info": self.team,
            "bots.info": self.bot,
            **dict.fromkeys(_AGENT_METHODS, self.not_an_agent),
        }

    async def api_test(self, args: Arguments) -> Json:
        if error := args.text("error"):
            raise Refused(error)
        return {"args": args.for_log()}

    async def auth_test(self, _: Arguments) -> Json:
        return {
            "url": f"{self._url}/",
            "team": TEAM_NAME,
            "user": "waggle",
            "team_id": TEAM,
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }

    async def open_connection(self, _: Arguments) -> Json:
        base = self._url.replace("http", "ws", 1)
        return {"url": f"{base}/slack/link?ticket={self._ticket()}&app_id={APP}"}

    async def user(self, args: Arguments) -> Json:
        user = USERS.get(args.text("user"))
        if user is None:
            raise Refused("user_not_found")
        return {"user": user_json(user)}

    async def users(self, _: Arguments) -> Json:
        return {
            "members": [user_json(user) for user in USERS.values()],
            "response_metadata": {"next_cursor": ""},
        }

    async def groups(self, _: Arguments) -> Json:
        return {"usergroups": []}

    async def group_members(self, _: Arguments) -> Json:
        raise Refused("no_such_subteam")

    async def team(self, _: Arguments) -> Json:
        return {"team": {"id": TEAM, "name": TEAM_NAME, "domain": DOMAIN, "url": f"{self._url}/"}}

    async def bot(self, args: Arguments) -> Json:
        if args.text("bot", BOT_ID) != BOT_ID:
            raise Refused("bot_not_found")
        return {"bot": {"id": BOT_ID, "deleted": False, "name": "waggle", "app_id": APP, "user_id": BOT_USER}}

    async def not_an_agent(self, _: Arguments) -> Json:
        """Only an app that is declared as an agent has this scope (docs.slack.dev/ai/agent-sessions)."""
        raise Refused("missing_scope", extra={"needed": "assistant:write", "provided": SCOPES})
