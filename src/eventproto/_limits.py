"""What the `Limits` of all protocols have in common: every one of them is a positive number."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from eventproto._errors import LocalProtocolError

__all__ = ["check_limits"]


def check_limits(limits: Any) -> None:  # noqa: ANN401  # any dataclass of numbers
    """Raise LocalProtocolError for the first field that is not positive; for `__post_init__`."""
    for each in fields(limits):
        limit = getattr(limits, each.name)
        if not isinstance(limit, int | float) or not limit > 0:
            msg = f"limit {each.name} must be a positive number, got {limit!r}"
            raise LocalProtocolError(msg)
