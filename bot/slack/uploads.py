"""Pictures for a task's thread, uploaded once. An upload has no key and no metadata: its files' names are its mark."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.slack.courier import Courier
from bot.slack.errors import ThreadGone
from bot.slack.outbox_rows import begin
from bot.slack.pace import POST
from scheduler.registry import Outbox


@dataclass(frozen=True)
class Upload:
    """A file to upload.

    Attributes:
        name: as people who download it see it; no other upload of Waggle has it.
    """

    name: str
    title: str
    content: bytes


async def read_uploads(row: Outbox) -> list[Upload]:
    """The row's pictures that still lie on disk."""

    def read() -> list[Upload]:
        found = []
        for number, entry in enumerate(row.payload.get("files", ()), start=1):
            path = Path(str(entry["path"]))
            if path.is_file():
                name = f"t-{row.task_id}-{row.head[:12]}-{number}{path.suffix}"
                found.append(Upload(name, str(entry["title"]), path.read_bytes()))
        return found

    return await asyncio.to_thread(read)


async def upload_once(
    courier: Courier, row: Outbox, channel: str, thread: str, files: Sequence[Upload], text: str
) -> None:
    """Upload the files into the thread, unless an earlier try did.

    Raises:
        SlackError
    """
    if row.state == "sending" and await courier.posting.holds_file(channel, thread, files[0].name, row.created_at):
        return
    await courier.registry.write(partial(begin, row_id=row.id))
    row.state = "sending"
    with courier.paced(POST, channel):
        try:
            await courier.posting.upload(channel, thread, files, text)
        except ThreadGone:
            await courier.posting.upload(channel, "", files, text)
