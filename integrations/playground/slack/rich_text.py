"""The `rich_text` block: sections, lists, quotes and preformatted text."""

from __future__ import annotations

from integrations.playground.slack.schema import Rule, anything, by_type, flag, items, number, one_of, record, string

_KIND: dict[str, Rule] = {"type": anything}
_STYLE = record({}, {"bold": flag, "italic": flag, "strike": flag, "code": flag, "underline": flag})
_STYLED: dict[str, Rule] = {"style": _STYLE}
_INLINE = by_type(
    {
        "text": record(_KIND | {"text": string(13_000, 1)}, _STYLED),
        "link": record(_KIND | {"url": string(3000, 1)}, {**_STYLED, "text": string(3000), "unsafe": flag}),
        "user": record(_KIND | {"user_id": string(255, 1)}, _STYLED),
        "channel": record(_KIND | {"channel_id": string(255, 1)}, _STYLED),
        "usergroup": record(_KIND | {"usergroup_id": string(255, 1)}, _STYLED),
        "emoji": record(_KIND | {"name": string(255, 1)}, {**_STYLED, "unicode": string(255), "url": string(3000)}),
        "broadcast": record(_KIND | {"range": one_of("here", "channel", "everyone")}, _STYLED),
        "date": record(
            _KIND | {"timestamp": number, "format": string(255, 1)},
            {**_STYLED, "url": string(3000), "fallback": string(255)},
        ),
        "color": record(_KIND | {"value": string(20, 1)}, _STYLED),
    }
)
_SECTION = record(_KIND | {"elements": items(_INLINE, 1000, 0)})
_PLAIN_INLINE = items(_INLINE, 1000, 0)

RICH_TEXT = record(
    _KIND
    | {
        "elements": items(
            by_type(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_quote": record(_KIND | {"elements": _PLAIN_INLINE}, {"border": number}),
                    "rich_text_preformatted": record(
                        _KIND | {"elements": _PLAIN_INLINE}, {"border": number, "language": string(255)}
                    ),
                    "rich_text_list": record(
                        _KIND | {"style": one_of("bullet", "ordered"), "elements": items(_SECTION, 1000, 0)},
                        {"indent": number, "offset": number, "border": number},
                    ),
                }
            ),
            1000,
        )
    },
    {"block_id": string(255)},
)
