"""Slack: both tokens, and the scopes of the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp

from bot.doctor.check import Check, Surroundings, judged
from bot.manifest import wanted_scopes

_TIMEOUT_S = 15.0


def slack(seen: Surroundings) -> Iterator[Check]:
    settings = seen.settings.slack
    if not seen.services.slack:
        fix = "For your workspace set SLACK_BOT_TOKEN and SLACK_APP_TOKEN (waggle manifest)."
        yield Check("slack", True, "playground", fix)
        return
    bot, app = settings.bot_token, settings.app_token
    assert bot is not None and app is not None, "the settings take both or none"
    for name, method, token, fix in (
        ("slack bot token", "auth.test", bot, "Install the app again and copy the Bot User OAuth Token."),
        ("slack app token", "apps.connections.open", app, "Make an app-level token with connections:write."),
    ):
        ok, detail, scopes = asyncio.run(_ask(settings.api_url, method, token.get_secret_value()))
        yield judged(name, ok, detail, fix)
        if method == "auth.test" and ok:
            yield _scopes(scopes)


async def _ask(api_url: str, method: str, token: str) -> tuple[bool, str, frozenset[str]]:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session,
            session.post(f"{api_url}{method}", headers={"Authorization": f"Bearer {token}"}) as response,
        ):
            answer = await response.json()
            scopes = frozenset(
                one.strip() for one in response.headers.get("x-oauth-scopes", "").split(",") if one.strip()
            )
    except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
        return False, f"Slack does not answer ({type(problem).__name__})", frozenset()
    if not answer.get("ok"):
        return False, f"Slack says {answer.get('error', 'no')}", scopes
    who = f"{answer['user']} in {answer['team']}" if method == "auth.test" else "connections can be opened"
    return True, who, scopes


def _scopes(given: frozenset[str]) -> Check:
    missing = sorted(wanted_scopes() - given)
    detail = f"missing: {', '.join(missing)}" if missing else f"{len(given)} scopes"
    fix = "Update the app from `waggle manifest` and install it again."
    return judged("slack scopes", not missing, detail, fix)
