"""The parts of blocks: texts, buttons, menus, inputs. Limits: docs.slack.dev/reference/block-kit."""

from __future__ import annotations

from integrations.playground.slack.schema import (
    Rule,
    anything,
    by_type,
    flag,
    items,
    number,
    one_of,
    record,
    string,
    web_address,
)


def _text(kinds: tuple[str, ...], limit: int) -> Rule:
    return record(
        {"type": one_of(*kinds), "text": string(limit, 1)},
        {"emoji": flag} | ({"verbatim": flag} if "mrkdwn" in kinds else {}),
    )


def plain(limit: int) -> Rule:
    return _text(("plain_text",), limit)


def either(limit: int) -> Rule:
    """plain_text or mrkdwn."""
    return _text(("plain_text", "mrkdwn"), limit)


ID = string(255)
_KIND: dict[str, Rule] = {"type": anything}
_CONFIRM = record(
    {"title": plain(100), "text": either(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
_OPTION = record({"text": plain(75), "value": string(150, 1)}, {"description": plain(75)})
_RICH_OPTION = record({"text": either(75), "value": string(150, 1)}, {"description": either(75)})
_LINK_OPTION = record({"text": plain(75), "value": string(150, 1)}, {"description": plain(75), "url": web_address})
_COMMON: dict[str, Rule] = {"action_id": ID, "confirm": _CONFIRM, "focus_on_load": flag}
_PLACEHOLDER: dict[str, Rule] = {"placeholder": plain(150)}
SLACK_FILE = record({}, {"id": ID, "url": web_address})

IMAGE = record(_KIND | {"alt_text": string(2000)}, {"image_url": web_address, "slack_file": SLACK_FILE})
BUTTON = record(
    _KIND | {"text": plain(75)},
    {
        "action_id": ID,
        "url": web_address,
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "confirm": _CONFIRM,
        "accessibility_label": string(75),
    },
)
_SELECTS: dict[str, Rule] = {
    "static_select": record(
        _KIND,
        {
            **_COMMON,
            **_PLACEHOLDER,
            "options": items(_OPTION, 100),
            "option_groups": items(record({"label": plain(75), "options": items(_OPTION, 100)}), 100),
            "initial_option": _OPTION,
        },
    ),
    "users_select": record(_KIND, {**_COMMON, **_PLACEHOLDER, "initial_user": ID}),
    "channels_select": record(_KIND, {**_COMMON, **_PLACEHOLDER, "initial_channel": ID, "response_url_enabled": flag}),
    "conversations_select": record(
        _KIND,
        {
            **_COMMON,
            **_PLACEHOLDER,
            "initial_conversation": ID,
            "default_to_current_conversation": flag,
            "response_url_enabled": flag,
            "filter": anything,
        },
    ),
    "datepicker": record(_KIND, {**_COMMON, **_PLACEHOLDER, "initial_date": string(10)}),
    "radio_buttons": record(_KIND | {"options": items(_RICH_OPTION, 10)}, {**_COMMON, "initial_option": _RICH_OPTION}),
}
_CHECKBOXES = record(
    _KIND | {"options": items(_RICH_OPTION, 10)}, {**_COMMON, "initial_options": items(_RICH_OPTION, 10)}
)
_OVERFLOW = record(_KIND | {"options": items(_LINK_OPTION, 5)}, {"action_id": ID, "confirm": _CONFIRM})
_TEXT_INPUT = record(
    _KIND,
    {
        "action_id": ID,
        **_PLACEHOLDER,
        "initial_value": string(3000),
        "multiline": flag,
        "min_length": number,
        "max_length": number,
        "dispatch_action_config": anything,
        "focus_on_load": flag,
    },
)
_NUMBER_INPUT = record(
    _KIND | {"is_decimal_allowed": flag},
    {
        "action_id": ID,
        **_PLACEHOLDER,
        "initial_value": string(100),
        "min_value": string(100),
        "max_value": string(100),
        "dispatch_action_config": anything,
        "focus_on_load": flag,
    },
)

INTERACTIVE = by_type({"button": BUTTON, "overflow": _OVERFLOW, **_SELECTS})
ACCESSORY = by_type({"button": BUTTON, "overflow": _OVERFLOW, "image": IMAGE, **_SELECTS})
# Checkboxes stand in forms only: what a click on one in a message sends is not in the contract that this keeps to.
INPUT = by_type({"checkboxes": _CHECKBOXES, "plain_text_input": _TEXT_INPUT, "number_input": _NUMBER_INPUT, **_SELECTS})
CONTEXT = by_type({"image": IMAGE, "plain_text": either(3000), "mrkdwn": either(3000)})
