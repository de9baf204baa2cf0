"""Both vendors' model APIs on loopback, answered by rules.

service.py  the two doors: key, fault, answer, log
wire.py     Anthropic Messages and OpenAI Responses, as each vendor writes them
voices.py   what each family says: the rules of `integrations.models`, through two different lenses
faults.py   trouble on demand
calls.py    the log of every call
"""

from __future__ import annotations

from integrations.playground.faults import BadFault
from integrations.playground.models.service import ModelServer, add_routes

__all__ = ["BadFault", "ModelServer", "add_routes"]
