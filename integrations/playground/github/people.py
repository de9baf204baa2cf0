"""Who there is on the stand-in, and what kind of account each one has."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from integrations.playground.place import Place


@dataclass(frozen=True)
class Account:
    login: str
    id: int
    type: str = "User"  #: User | Bot: GitHub tells them apart, and so does whoever asks who merged
    name: str = ""

    @property
    def is_bot(self) -> bool:
        return self.type == "Bot"


BOT = Account("waggle-bot", 9001, "Bot", "Waggle")
ANA = Account("ana", 101, name="Ana")
BEN = Account("ben", 102, name="Ben")
RABBIT = Account("coderabbitai", 136622811, "Bot", "CodeRabbit")  #: a review bot from outside, for whoever plays it
ACCOUNTS = {account.login: account for account in (BOT, ANA, BEN, RABBIT)}
PEOPLE = (ANA, BEN)


def account(login: str) -> Account:
    """The account of a login; a deleted or unknown one is GitHub's `ghost`."""
    return ACCOUNTS.get(login, Account("ghost", 10137))


def association(login: str) -> str:
    """GitHub's `authorAssociation` in the repositories here: everybody who has an account belongs to them."""
    return "MEMBER" if login in ACCOUNTS else "NONE"


def holder(place: Place, token: str) -> Account | None:
    """Whose token this is; None when it is nobody's."""
    if token and hmac.compare_digest(token.encode(), place.github_token.encode()):
        return BOT
    return None
