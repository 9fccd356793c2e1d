"""What several fields of HTTP are made of (RFC 9110, 5.6; RFC 3986)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

__all__ = ["TOKEN", "is_token", "is_url", "joined"]

TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  # it is what HTTP calls so
"""A token, as a regular expression: the name of a method, a header, a parameter."""

is_token: Final = re.compile(TOKEN).fullmatch
"""Matches a token."""

is_url: Final = re.compile(r"(?!\Z)[!#-;=@-\[\]^-~]*(?:\?[!#-;=?-~]*)?").fullmatch
"""Matches what has no character that must be percent-encoded before it goes on the wire.

Browsers send some as they are that RFC 3986 does not allow: ^`{|} and, in queries, the backslash.
"""


def joined(base: str, reference: str) -> str:
    """The URL that a reference leads to (RFC 3986, 5).

    Raises:
        ValueError: It cannot be read.
    """
    url = urljoin(base, reference)
    if not urlsplit(reference).path.endswith(";"):
        return url
    # `urljoin` takes it for the beginning of parameters, and drops it because there are none.
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.removesuffix(';')};"))
