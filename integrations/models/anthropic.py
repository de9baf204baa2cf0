"""Anthropic Messages through the official SDK.

`messages.create` with a JSON schema and our own validation, because `messages.parse` raises pydantic's error
for a cut or refused answer and loses the token counts with it (seen with anthropic 2.12).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import anthropic
from anthropic.types import Message
from pydantic import ValidationError

from integrations.models import Answer, Ask, T
from integrations.models.address import is_loopback
from integrations.models.errors import InvalidAnswer, ModelError, Refused, Truncated, Unreachable, Usage, from_status

FAMILY = "anthropic"
DEFAULT_BASE_URL = "https://api.anthropic.com"
TIMEOUT_SECONDS = 60.0


def _now() -> datetime:
    return datetime.now(UTC)


class AnthropicModel:
    """One model of Anthropic.

    Parameters:
        api_key: never empty; nothing is read from the environment.
        base_url: without `/v1`.
        name: such as `claude-sonnet-5`.
        clock: the present (UTC), from which `Retry-After` counts.
        timeout: seconds for one question. There are no silent retries: whoever asks decides.
    """

    family = FAMILY

    def __init__(
        self,
        api_key: str,
        base_url: str,
        name: str,
        *,
        clock: Callable[[], datetime] = _now,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.name = name
        self._clock = clock
        self._client = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url or DEFAULT_BASE_URL,
            timeout=timeout,
            max_retries=0,
            http_client=anthropic.DefaultAsyncHttpxClient(trust_env=False) if is_loopback(base_url) else None,
        )

    async def answer(self, ask: Ask, schema: type[T]) -> Answer[T]:
        """Raises ModelError."""
        try:
            message = await self._client.messages.create(
                model=self.name,
                max_tokens=ask.max_output_tokens,
                system=ask.system,
                messages=[{"role": "user", "content": ask.prompt}],
                output_config={"format": {"type": "json_schema", "schema": anthropic.transform_schema(schema)}},
            )
        except anthropic.APIStatusError as error:
            raise self._refusal(error) from error
        except anthropic.APIConnectionError as error:
            raise Unreachable(FAMILY, str(error)) from error
        except anthropic.APIResponseValidationError as error:
            raise InvalidAnswer(FAMILY, str(error)) from error
        return self._read(message, schema)

    async def close(self) -> None:
        await self._client.close()

    def _read(self, message: Message, schema: type[T]) -> Answer[T]:
        used = message.usage
        cached = used.cache_read_input_tokens or 0
        usage = Usage(used.input_tokens + (used.cache_creation_input_tokens or 0) + cached, cached, used.output_tokens)
        match message.stop_reason:
            case "end_turn" | "stop_sequence":
                pass
            case "refusal":
                raise Refused(FAMILY, "the model declined", usage=usage)
            case "max_tokens" | "model_context_window_exceeded":
                raise Truncated(FAMILY, f"the answer was cut ({message.stop_reason})", usage=usage)
            case other:  # None is what a broken answer leaves behind
                raise InvalidAnswer(FAMILY, f"the answer ended with {other}", usage=usage)
        text = "".join(block.text for block in message.content if block.type == "text")
        try:
            value = schema.model_validate_json(text)
        except ValidationError as error:
            raise InvalidAnswer(
                FAMILY, f"not a {schema.__name__}: {error.error_count()} mistakes", usage=usage
            ) from error
        return Answer(value, FAMILY, message.model, usage)

    def _refusal(self, error: anthropic.APIStatusError) -> ModelError:
        return from_status(
            FAMILY,
            error.status_code,
            error.type or "",
            error.api_message or error.message,
            retry_after=error.response.headers.get("retry-after"),
            now=self._clock(),
        )
