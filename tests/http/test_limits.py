"""Limits are validated where they are made."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from eventproto import LocalProtocolError
from eventproto.http import Limits


@pytest.mark.parametrize("name", [each.name for each in fields(Limits)])
@pytest.mark.parametrize("bound", [0, -1, float("nan")])
def test_a_limit_is_positive(name: str, bound: Any) -> None:
    """No limit can be switched off."""
    with pytest.raises(LocalProtocolError, match=name):
        Limits(**{name: bound})
