"""Limits are checked when they are made; the tests of each role reach them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

import pytest

from eventproto import LocalProtocolError
from eventproto.websub import Limits


@pytest.mark.parametrize("name", [each.name for each in fields(cast("Any", Limits))])
def test_limits_are_positive(name: str) -> None:
    """There is no way to say without limit."""
    wrong: dict[str, Any] = {name: 0}
    with pytest.raises(LocalProtocolError, match=name):
        Limits(**wrong)


def test_the_default_lease_lies_between_the_others() -> None:
    """It is what is granted where none is asked for."""
    with pytest.raises(LocalProtocolError, match="lease_default"):
        Limits(lease_minimum=10, lease_default=5)
    with pytest.raises(LocalProtocolError, match="lease_default"):
        Limits(lease_default=10, lease_maximum=5, lease_minimum=1)
