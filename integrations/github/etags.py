"""Reads that are repeated: GitHub is asked whether they changed, and an answer of 304 costs nothing of the quota.

PyGithub knows ETags for single objects only; this stands beneath all of its reads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from github import Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass
from requests.adapters import HTTPAdapter

#: Bytes of one answer, and of all together, that are kept.
LARGEST = 512 * 1024
MOST = 8 * 2**20


@dataclass(frozen=True)
class Kept:
    """One answer, as it was."""

    etag: str
    body: bytes
    headers: Mapping[str, str]
    encoding: str | None


class Answers:
    """The last answer of each address, those read longest ago forgotten first. Thread-safe.

    Parameters:
        most: bytes of all bodies together.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._guard = threading.Lock()

    def find(self, key: tuple[str, str]) -> Kept | None:
        with self._guard:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: tuple[str, str], answer: Kept) -> None:
        with self._guard:
            known = self._kept.pop(key, None)
            self._size += len(answer.body) - (len(known.body) if known else 0)
            self._kept[key] = answer
            while self._size > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._size -= len(oldest.body)


class _AskingWhetherChanged(HTTPAdapter):
    def __init__(self, answers: Answers, **options: Any) -> None:
        super().__init__(**options)
        self._answers = answers

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        if request.method != "GET":
            return super().send(request, *args, **options)
        key = (request.url or "", str(request.headers.get("Accept", "")))
        known = self._answers.find(key)
        if known is not None:
            request.headers["If-None-Match"] = known.etag
        response = super().send(request, *args, **options)
        if response.status_code == 304 and known is not None:
            return _as_it_was(response, known)
        etag = response.headers.get("ETag")
        if response.status_code == 200 and etag and len(response.content) <= LARGEST:
            self._answers.keep(key, Kept(etag, response.content, dict(response.headers), response.encoding))
        return response


def ask_whether_changed(client: Github, answers: Answers) -> None:
    """Let a client's reads go by what it read before.

    PyGithub makes its connection at the first call and names the class for it in a private attribute; its public way,
    `injectConnectionClasses`, would hold for the whole process and open a connection for every call.
    """
    secure = client.requester.scheme == "https"
    connection = HTTPSRequestsConnectionClass if secure else HTTPRequestsConnectionClass

    def connect(*args: Any, **options: Any) -> HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass:
        made = connection(*args, **options)
        adapter = _AskingWhetherChanged(
            answers, max_retries=made.retry, pool_connections=made.pool_size, pool_maxsize=made.pool_size
        )
        made.session.mount(f"{client.requester.scheme}://", adapter)
        return made

    vars(client.requester)["_Requester__connectionClass"] = connect


def _as_it_was(response: requests.Response, known: Kept) -> requests.Response:
    """The kept answer, with what the new one says beside it: quotas, above all."""
    _ = response.content  # read to its end, so that the connection can be used again
    for name, value in known.headers.items():
        response.headers.setdefault(name, value)
    response.status_code, response.reason, response.encoding = 200, "OK", known.encoding
    response._content = known.body
    return response
