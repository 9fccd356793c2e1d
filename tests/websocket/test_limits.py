"""The bounds; each is reached where it binds, in the tests of frames, connections and openings."""

from __future__ import annotations

from dataclasses import fields

import pytest

from eventproto import LocalProtocolError
from eventproto.websocket import Limits


@pytest.mark.parametrize("name", [each.name for each in fields(Limits)])
def test_limits_are_positive(name: str) -> None:
    """There is no way to say: no limit."""
    with pytest.raises(LocalProtocolError, match=name):
        Limits(**{name: 0})
