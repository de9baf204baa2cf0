"""The log: one JSON object a line in the home, without secrets. The terminal shows what people need to see."""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Sequence
from pathlib import Path

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from integrations.redact import redact

_LARGEST = 10 * 2**20
_KEPT = 3


def start_logging(path: Path, level: str, secrets: Sequence[str]) -> None:
    """Send every log line of this process, the libraries' too, to `path`.

    Parameters:
        secrets: literal values that must not stand in it.
    """

    def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: _clean(value, secrets) for key, value in event.items()}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                without_secrets,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for chatty in (
        "httpx",
        "httpcore",
        "urllib3",
        "apscheduler",
        "asyncio",
        "slack_sdk",
        "slack_bolt",
        "aiohttp.access",
    ):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _clean(value: object, secrets: Sequence[str]) -> object:
    if isinstance(value, str):
        return redact(value, secrets)
    return value if isinstance(value, (int, float, bool, type(None))) else redact(str(value), secrets)
