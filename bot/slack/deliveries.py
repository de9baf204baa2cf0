"""What Slack delivered, as values: the payloads of inbox rows. They hold what is needed to act, and no more."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bot.slack.access import Caller
from bot.slack.intents import Surface


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _FromPerson(_Value):
    """A delivery that a person caused.

    Attributes:
        user_team: the team that the user belongs to, when the delivery says.
        channel, thread_ts, ts: where it happened; `ts` is the message itself, or the message with the button.
        response_url: answers there reach the person even in a channel that Waggle is not in (30 min, 5 times).
    """

    user: str
    user_team: str = ""
    is_bot: bool = False
    external: bool = False
    channel: str = ""
    thread_ts: str = ""
    ts: str = ""
    response_url: str = ""

    @property
    def caller(self) -> Caller:
        return Caller(self.user, self.user_team, self.is_bot, self.external)

    @property
    def lane(self) -> str:
        """Deliveries of one lane are handled one after the other."""
        return f"{self.channel}:{self.thread_ts or self.ts or self.user}"


class Said(_FromPerson):
    """Words: a slash command, a mention, a direct message, a reply."""

    kind: Literal["said"] = "said"
    surface: Surface
    text: str
    addressed: bool = False  #: it mentions Waggle, or is a slash command or a direct message


class Pressed(_FromPerson):
    """A button."""

    kind: Literal["pressed"] = "pressed"
    verb: str
    task_id: int
    version: int
    nonce: str = ""
    option: int | None = None


class Submitted(_FromPerson):
    """A form that was opened by a button."""

    kind: Literal["submitted"] = "submitted"
    verb: str
    task_id: int
    version: int = 0
    text: str


class Told(_FromPerson):
    """Something to say to one person, decided when their delivery arrived: a refusal, a hint."""

    kind: Literal["told"] = "told"
    text: str


class SharedFile(_Value):
    """A file that was shared in a message."""

    id: str
    name: str
    url: str
    size: int = 0
    permalink: str = ""


class Noted(_Value):
    """A message in a channel that is taken in as context."""

    kind: Literal["noted"] = "noted"
    channel: str
    ts: str
    user: str = ""
    text: str = ""
    meaning: str
    permalink: str = ""
    files: tuple[SharedFile, ...] = ()
    deleted: bool = False
    edited: bool = False

    @property
    def lane(self) -> str:
        return f"{self.channel}:{self.ts}"


class Joined(_Value):
    """Waggle was invited to a channel."""

    kind: Literal["joined"] = "joined"
    channel: str
    inviter: str = ""

    @property
    def lane(self) -> str:
        return self.channel


Delivery = Said | Pressed | Submitted | Told | Noted | Joined
Personal = Said | Pressed | Submitted | Told

_READER: TypeAdapter[Delivery] = TypeAdapter(Annotated[Delivery, Field(discriminator="kind")])


def payload_of(delivery: Delivery) -> dict[str, Any]:
    """A delivery as it stands in an inbox row, with its lane beside it."""
    return {**delivery.model_dump(mode="json"), "lane": delivery.lane}


def read_delivery(payload: object) -> Delivery:
    """The delivery in an inbox row.

    Raises:
        pydantic.ValidationError: the payload is not one of ours.
    """
    return _READER.validate_python(payload)
