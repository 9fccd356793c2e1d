"""URLs as WebSub writes them: absolute, http or https, without a user and a fragment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode, urlsplit

from eventproto._errors import LocalProtocolError
from eventproto.http import Request
from eventproto.http._redirects import target_url

__all__ = ["appended", "checked_url", "is_usable", "normalized", "resolved"]

# What a document may name in more than this is an attack on whoever joins it with a base.
_LONGEST: Final = 4096
_WHITE_SPACE: Final = " \t\n\f\r"
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}").sub
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9\-._~]").fullmatch


def is_usable(url: str) -> bool:
    """Whether this is a URL that can be called and compared."""
    try:
        request = Request("GET", url)
    except LocalProtocolError:
        return False
    # A user is there to hide where a URL leads (RFC 9110, 4.2.4), and would not be told it.
    return (
        request.scheme in {"http", "https"} and "#" not in url and "@" not in urlsplit(url).netloc
    )


def checked_url(url: str, name: str) -> str:
    """The same URL; `name` is what to call it in an error.

    Raises:
        LocalProtocolError: It is not usable.
    """
    if not is_usable(url):
        msg = f"{name} must be an absolute http or https URL, no user, no fragment; got {url!r}"
        raise LocalProtocolError(msg)
    return url


def resolved(base: str, reference: str) -> str | None:
    """What a reference in a document leads to; None if that is nothing to call."""
    reference = reference.strip(_WHITE_SPACE)
    with suppress(ValueError):
        if len(reference) <= _LONGEST and is_usable(url := target_url(base, reference)):
            return url
    return None


def normalized(url: str) -> str:
    """A URL to compare others with: what need not be percent-encoded is not.

    "Hubs MUST always decode non-reserved characters for these URL parameters" (5.1.1).
    """
    return _ENCODED(_decoded, url)


def appended(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """A URL with more parameters, behind those that it has and that stay as they are (5.1.1)."""
    separator = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{separator}{urlencode(tuple(parameters))}"


def _decoded(match: re.Match[str]) -> str:
    character = chr(int(match[0][1:], 16))
    return character if _UNRESERVED(character) else match[0].upper()
