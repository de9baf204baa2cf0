"""Webhooks: whether a running Waggle hears GitHub, tried with a delivery that nobody signed."""

from __future__ import annotations

from collections.abc import Iterator

import requests

from bot.configuration import read_running
from bot.doctor.check import Check, Surroundings, judged
from bot.github_access import webhook_url
from integrations.github.webhooks import PATH

_S = 3.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what an address means, nothing listens here


def webhooks(seen: Surroundings) -> Iterator[Check]:
    url = webhook_url(seen.settings)
    if not url:
        yield Check("github webhooks", True, "off: GitHub is looked at once a tick, which is enough")
        return
    host, port = seen.settings.github.webhook_address
    near = _EVERYWHERE.get(host, host)
    near = f"http://{f'[{near}]' if ':' in near else near}:{port}{PATH}"
    try:
        said = requests.post(near, data=b"{}", timeout=_S, allow_redirects=False).status_code
    except requests.RequestException:
        runs = read_running(seen.home) is not None
        detail = f"nothing listens at {url}" + ("" if runs else "; `waggle run` does")
        yield judged("github webhooks", not runs, detail, "Stop Waggle and start it again: the settings are newer.")
        return
    # Our own refuses what is not signed with the secret, in just this way.
    heard = said == 401
    fix = "Set GITHUB_WEBHOOK_LISTEN to an address that is free."
    yield judged("github webhooks", heard, f"heard at {url}" if heard else f"something else answers at {url}", fix)
