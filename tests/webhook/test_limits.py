"""The bounds of senders and receivers; each is reached where it binds."""

from __future__ import annotations

from dataclasses import fields

import pytest

from eventproto import LocalProtocolError
from eventproto.webhook import Limits


@pytest.mark.parametrize("name", [each.name for each in fields(Limits)])
def test_limits_are_positive(name: str) -> None:
    """There is no way to say: no limit."""
    with pytest.raises(LocalProtocolError, match=name):
        Limits(**{name: 0})
