"""Errors that nobody caught go to the tracker named by SENTRY_DSN; without one, nowhere."""

import os
from collections.abc import Callable


def reported(application: Callable) -> Callable:
    """The application, with its errors reported. sentry-sdk is needed only where SENTRY_DSN is set."""
    dsn = os.environ.get("SENTRY_DSN")
    if not dsn:
        return application
    import sentry_sdk
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

    # Without a login, the address is all that tells people apart.
    sentry_sdk.init(dsn=dsn, send_default_pii=True, default_integrations=False)
    return SentryWsgiMiddleware(application)
