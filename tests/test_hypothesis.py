"""Hypothesis finds our strategies by itself."""

from __future__ import annotations

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from eventproto import Message
from eventproto.http import Headers, Request, Response


@given(st.from_type(Message))
def test_messages_are_drawn_by_their_type(message: Message) -> None:
    """Through the entry point: nothing here has registered it."""
    assert message.type


@pytest.mark.parametrize("kind", [Headers, Request, Response])
def test_values_of_http_are_drawn_by_their_type(kind: type[object]) -> None:
    """Guessing from the annotations would make URLs that are none."""
    assert isinstance(find(st.from_type(kind), lambda _: True), kind)
