"""Event streams for readers that are not ours; `examples/` aims others at wsproto."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from eventproto import Event
from eventproto.sse import ServerSentEvent
from eventproto.strategies import (
    hostile_sse_streams,
    near_valid_sse_streams,
    sse_streams,
)
from tests.sse.reference import read


@pytest.mark.parametrize("strategy", [sse_streams, near_valid_sse_streams, hostile_sse_streams])
def test_event_streams_need_no_extension(strategy: Any) -> None:
    """If they have none, all data is the text that stands there."""

    @given(strategy(binary=False))
    def check(drawn: tuple[bytes, list[Event]]) -> None:
        stream, expected = drawn
        assert all(
            isinstance(each.data, str) for each in expected if isinstance(each, ServerSentEvent)
        )
        assert read(stream).events == expected

    check()
