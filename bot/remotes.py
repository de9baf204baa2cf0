"""Where a repository lives and how to log in there. Pure."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from bot.config_schema import Document
from integrations.git import Remote


def web_root(api_url: str) -> str:
    """Where repositories are cloned from, for a GitHub API address."""
    parts = urlsplit(api_url)
    if parts.netloc == "api.github.com" or parts.netloc.endswith(".ghe.com"):  # the latter: api.SUBDOMAIN.ghe.com
        return f"https://{parts.netloc.removeprefix('api.')}"
    return f"{parts.scheme}://{parts.netloc}"


def remote_of(document: Document, slug: str, root: str, token: Callable[[], str] | None) -> Remote:
    """The remote of one repository.

    Parameters:
        root: repositories without a remote of their own are found beneath it.
        token: the credential for `root`; it is given to no other address.
    """
    named = next((one.remote for one in document.repository if one.slug == slug), "")
    url = named or f"{root}/{slug}.git"
    return Remote(slug, url, token if url.startswith(f"{root}/") else None)
