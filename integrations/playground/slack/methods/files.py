"""files.*: the upload in three steps, and what is known of a file."""

from __future__ import annotations

from collections.abc import Callable

from integrations.playground.slack.arguments import Arguments
from integrations.playground.slack.blocks import Surface, check_blocks, completed
from integrations.playground.slack.files import MAX_BYTES, File, Files
from integrations.playground.slack.messages import Message
from integrations.playground.slack.methods.chat import Chat
from integrations.playground.slack.people import BOT_ID, BOT_USER
from integrations.playground.slack.posting import Posting
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.shapes import file_json
from integrations.playground.slack.store import Json
from integrations.playground.slack.web_api import Method


class FileMethods:
    """Parameters: `url` is the playground's address; `ticket` gives a secret that takes the bytes of one file."""

    def __init__(
        self,
        files: Files,
        posting: Posting,
        chat: Chat,
        url: str,
        ticket: Callable[[str], str],
        clock: Callable[[], float],
    ) -> None:
        self._files = files
        self._posting = posting
        self._chat = chat
        self._url = url
        self._ticket = ticket
        self._clock = clock

    def methods(self) -> dict[str, Method]:
        return {
            "files.getUploadURLExternal": self.upload_url,
            "files.completeUploadExternal": self.complete,
            "files.info": self.info,
        }

    async def upload_url(self, args: Arguments) -> Json:
        name, length = args.needed("filename"), args.number("length", 0)
        if not 0 < length <= MAX_BYTES:
            raise Refused("invalid_arguments", messages=(f"[ERROR] length must be 1 to {MAX_BYTES}",))
        file = self._files.announce(name, length, BOT_USER, self._clock())
        return {"upload_url": f"{self._url}/slack/upload/{self._ticket(file.id)}", "file_id": file.id}

    async def complete(self, args: Arguments) -> Json:
        listed = args.data("files", "invalid_arguments")
        if not isinstance(listed, list) or not listed:
            raise Refused("invalid_arguments", messages=("[ERROR] missing required field: files",))
        found: list[tuple[File, str]] = []
        for entry in listed:
            file = self._files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
            if file is None or not self._files.arrived(file):
                raise Refused("file_not_found")
            found.append((file, str(entry.get("title") or "")))
        wanted = args.text("channel_id") or next(iter(args.names("channels")), "")
        channel = self._chat.writable(Arguments({"channel": wanted})) if wanted else None
        blocks = args.data("blocks", "invalid_blocks_format")
        if blocks:
            check_blocks(blocks, Surface.MESSAGE)
            blocks = completed(blocks)
        shared = [self._files.share(file, title, channel.id if channel else "") for file, title in found]
        if channel is not None:
            self._posting.post(
                Message(
                    channel.id,
                    self._posting.stamps.next(),
                    BOT_USER,
                    args.text("initial_comment"),
                    thread_ts=args.text("thread_ts"),
                    bot_id=BOT_ID,
                    subtype="file_share",
                    blocks=blocks or None,
                    files=tuple(file.id for file in shared),
                )
            )
        return {"files": [file_json(file, self._url) for file in shared]}

    async def info(self, args: Arguments) -> Json:
        file = self._files.get(args.text("file"))
        if file is None or not file.ready:
            raise Refused("file_not_found")
        return {"file": file_json(file, self._url) | {"channels": list(file.channels)}}
