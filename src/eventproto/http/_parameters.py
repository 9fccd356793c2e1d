"""Parameters as in `; name=value; name="value"`, which several header fields have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from eventproto._value import FrozenMapping

__all__ = ["parse_parameters"]

# Optional parts follow each other without overlap, so that a match never looks back.
_PARAMETER: Final = re.compile(
    r"""[ \t]*;[ \t]*
        (?P<name>[^ \t=;,]*)[ \t]*
        (?:=[ \t]*(?:"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"? | (?P<plain>[^;,]*)))?""",
    re.VERBOSE | re.DOTALL,
).match
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL).sub


def parse_parameters(text: str, at: int) -> tuple[Mapping[str, str], int]:
    """Read parameters from `at` on, in linear time; there may be none, or malformed ones.

    Returns:
        The first value of each name, in lower case; and where the parameters end.
    """
    found: dict[str, str] = {}
    while (parameter := _PARAMETER(text, at)) is not None:
        at = parameter.end()
        name, quoted, plain = parameter["name"].lower(), parameter["quoted"], parameter["plain"]
        if quoted is not None:
            found.setdefault(name, _ESCAPE(r"\1", quoted))
        elif name:
            found.setdefault(name, (plain or "").rstrip(" \t"))
    return FrozenMapping(found), at
