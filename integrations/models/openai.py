"""OpenAI Responses through the official SDK.

`responses.create` with a strict JSON schema and our own validation, because `responses.parse` raises pydantic's
error for a cut answer and loses the token counts with it (seen with openai 3.54).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import openai
from openai.types.responses import Response
from pydantic import ValidationError

from integrations.models import Answer, Ask, T
from integrations.models.address import is_loopback
from integrations.models.errors import (
    InvalidAnswer,
    ModelError,
    Overloaded,
    Refused,
    Truncated,
    Unreachable,
    Usage,
    from_status,
)

FAMILY = "openai"
DEFAULT_BASE_URL = "https://api.openai.com/v1"
TIMEOUT_SECONDS = 60.0


def _now() -> datetime:
    return datetime.now(UTC)


class OpenAIModel:
    """One model of OpenAI.

    Parameters:
        api_key: never empty; nothing is read from the environment.
        base_url: with `/v1`.
        name: such as `gpt-5`.
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
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or DEFAULT_BASE_URL,
            timeout=timeout,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if is_loopback(base_url) else None,
        )
        self._client.organization = None  # the SDK fills both from the environment
        self._client.project = None

    async def answer(self, ask: Ask, schema: type[T]) -> Answer[T]:
        """Raises ModelError."""
        try:
            response = await self._client.responses.create(
                model=self.name,
                instructions=ask.system,
                input=ask.prompt,
                max_output_tokens=ask.max_output_tokens,
                text={
                    "format": {
                        "type": "json_schema",
                        "name": schema.__name__,
                        "schema": schema.model_json_schema(),
                        "strict": True,
                    }
                },
                store=False,
            )
        except openai.APIStatusError as error:
            raise self._refusal(error) from error
        except openai.APIConnectionError as error:
            raise Unreachable(FAMILY, str(error)) from error
        except openai.APIResponseValidationError as error:
            raise InvalidAnswer(FAMILY, str(error)) from error
        return self._read(response, schema)

    async def close(self) -> None:
        await self._client.close()

    def _read(self, response: Response, schema: type[T]) -> Answer[T]:
        used = response.usage
        usage = (
            Usage(used.input_tokens, used.input_tokens_details.cached_tokens, used.output_tokens) if used else Usage()
        )
        match response.status:
            case "completed":
                pass
            case "incomplete":
                reason = (response.incomplete_details and response.incomplete_details.reason) or "unknown"
                if reason == "content_filter":
                    raise Refused(FAMILY, "the vendor's filter stopped the answer", usage=usage)
                raise Truncated(FAMILY, f"the answer was cut ({reason})", usage=usage)
            case "failed":
                why = response.error.message if response.error else "no reason given"
                raise Overloaded(FAMILY, why, usage=usage)
            case other:
                raise InvalidAnswer(FAMILY, f"the answer ended with {other}", usage=usage)
        parts = [part for item in response.output if item.type == "message" for part in item.content]
        if any(part.type == "refusal" for part in parts):
            raise Refused(FAMILY, "the model declined", usage=usage)
        try:
            value = schema.model_validate_json("".join(part.text for part in parts if part.type == "output_text"))
        except ValidationError as error:
            raise InvalidAnswer(
                FAMILY, f"not a {schema.__name__}: {error.error_count()} mistakes", usage=usage
            ) from error
        return Answer(value, FAMILY, response.model, usage)

    def _refusal(self, error: openai.APIStatusError) -> ModelError:
        return from_status(
            FAMILY,
            error.status_code,
            error.code or error.type or "",
            error.message,
            retry_after=error.response.headers.get("retry-after"),
            now=self._clock(),
        )
