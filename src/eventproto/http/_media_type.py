"""Media types, as in `Content-Type` (RFC 9110, section 8.3.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from eventproto._value import EMPTY, value
from eventproto.http._parameters import parse_parameters

__all__ = ["MediaType"]

_ESSENCE: Final = re.compile(
    r"[ \t]*([!#$%&'*+\-.^`|~\w]+/[!#$%&'*+\-.^`|~\w]+)[ \t]*(?=;|\Z)", re.ASCII
).match


@value()
class MediaType:
    """What kind of content something is. To compare two, compare their essences.

    Attributes:
        essence: Type and subtype, lower-case, such as `text/event-stream`.
        parameters: By lower-case name, such as `charset`; the first value where one is repeated.
    """

    essence: str
    parameters: Mapping[str, str] = EMPTY

    @classmethod
    def parse(cls, text: str | None) -> MediaType | None:
        """Read the value of `Content-Type`; None if there is none, or it is no media type.

        Case and the white space around it do not matter; malformed parameters are skipped.
        """
        found = _ESSENCE(text or "")
        if found is None:
            return None
        return cls(found[1].lower(), parse_parameters(found.string, found.end())[0])
