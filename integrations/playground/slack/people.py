"""Who and what there is in the sample workspace."""

from __future__ import annotations

from dataclasses import dataclass

TEAM = "T0PLAYGRND"
TEAM_NAME = "Playground"
DOMAIN = "playground"
APP = "A0WAGGLE"
BOT_USER = "U0WAGGLE"
BOT_ID = "B0WAGGLE"
COMMAND = "/waggle"


@dataclass(frozen=True)
class User:
    id: str
    name: str
    real_name: str
    title: str = ""
    is_bot: bool = False
    is_admin: bool = False
    at_page: bool = True  #: the page can act as this person


USERS: dict[str, User] = {
    user.id: user
    for user in (
        User("U0ANA", "ana", "Ana Ortiz", "Product", is_admin=True),
        User("U0BEN", "ben", "Ben Adler", "Engineering"),
        User("U0SUPPORT", "support", "Support", "Customer support", at_page=False),
        User(BOT_USER, "waggle", "Waggle", is_bot=True, at_page=False),
    )
}
BY_NAME: dict[str, User] = {user.name: user for user in USERS.values()}
