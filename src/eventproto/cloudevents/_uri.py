"""What a URI is made of (RFC 3986, appendix A)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

__all__ = ["is_uri", "is_uri_reference"]

_ENCODED: Final = "%[0-9A-Fa-f]{2}"
_NAME: Final = r"A-Za-z0-9\-._~!$&'()*+,;="  # unreserved and sub-delims
_CHARACTER: Final = f"(?:[{_NAME}:@]|{_ENCODED})"

# What ends a part cannot stand in it; only a user is read once more, as a host, if no @ follows.
_URI_REFERENCE: Final = re.compile(
    rf"""
    (?: (?P<scheme> [A-Za-z][A-Za-z0-9+\-.]* ) : | (?! [^/?\#]* : ))
    (?: //
        (?: (?:[{_NAME}:]|{_ENCODED})* @ )?
        (?: \[ (?: (?P<ipv6> [0-9A-Fa-f:.]+ ) | v[0-9A-Fa-f]+\.[{_NAME}:]+ ) \]
          | (?:[{_NAME}]|{_ENCODED})* )
        (?: : [0-9]* )?
        (?= [/?\#] | \Z )
      | (?! // ))
    (?: {_CHARACTER} | / )*
    (?: \? (?: {_CHARACTER} | [/?] )* )?
    (?: \# (?: {_CHARACTER} | [/?] )* )?
    """,
    re.VERBOSE,
).fullmatch


def is_uri_reference(text: str) -> bool:
    """Whether this is a URI, or a reference that is relative to one."""
    return _parsed(text) is not None


def is_uri(text: str) -> bool:
    """Whether this is a URI: it has a scheme, and maybe a fragment."""
    found = _parsed(text)
    return found is not None and found["scheme"] is not None


def _parsed(text: str) -> re.Match[str] | None:
    found = _URI_REFERENCE(text)
    if found is not None and found["ipv6"] is not None:
        try:
            IPv6Address(found["ipv6"])
        except AddressValueError:
            return None
    return found
