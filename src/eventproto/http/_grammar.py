"""What several fields of HTTP are made of (RFC 9110, 5.6; RFC 3986)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["TOKEN", "is_token", "is_url"]

TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  # it is what HTTP calls so
"""A token, as a regular expression: the name of a method, a header, a parameter."""

is_token: Final = re.compile(TOKEN).fullmatch
"""Matches a token."""

is_url: Final = re.compile(r"(?!\Z)[!#-;=@-\[\]^-~]*(?:\?[!#-;=?-~]*)?").fullmatch
"""Matches what has no character that must be percent-encoded before it goes on the wire.

Browsers send some as they are that RFC 3986 does not allow: ^`{|} and, in queries, the backslash.
"""
