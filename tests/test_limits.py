"""What all limits have in common."""

from __future__ import annotations

import math
from typing import Any

import pytest

from eventproto import LocalProtocolError
from eventproto._limits import check_limits
from eventproto._value import value


@value()
class Limits:
    """Some."""

    size: int = 100
    time: float = 1.0

    def __post_init__(self) -> None:
        check_limits(self)


def test_any_positive_number_will_do() -> None:
    """An infinite time is none at all."""
    assert Limits(1, math.inf).time == math.inf


@pytest.mark.parametrize("wrong", [0, -1, math.nan, -math.inf, None, "5", b"5", [5]])
def test_anything_else_will_not(wrong: Any) -> None:
    """And is named."""
    with pytest.raises(LocalProtocolError, match="limit time must be a positive number"):
        Limits(time=wrong)
