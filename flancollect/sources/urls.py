"""URLs as messages may show them, and the host that a circuit breaker counts by."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_of(url: str) -> str:
    """Host and port, without credentials; of an hf:// URL those of the Hub that it leads to."""
    if url.lower().startswith("hf://"):
        from huggingface_hub import constants  # noqa: PLC0415 (slow to import)

        url = constants.ENDPOINT
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.scheme


def redact(location: str) -> str:
    """A location for messages: without credentials, and without the values of a query (signatures, keys).

    For example `https://me:secret@host/x?sig=secret` is shown as `https://host/x?...`.
    """
    if "://" not in location:
        return location
    scheme, _, rest = location.partition("://")
    rest, query_mark, _ = rest.partition("?")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{'?...' if query_mark else ''}"
