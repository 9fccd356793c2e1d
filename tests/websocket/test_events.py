"""What events say as messages."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import LocalProtocolError, Message
from eventproto.websocket import Binary, Text


def test_messages_have_what_the_wire_has() -> None:
    """The payload, and which of the two kinds it is."""
    assert Text("\N{SNOWMAN}").message() == Message.of_text("\N{SNOWMAN}")
    content_type = "application/octet-stream"
    assert Binary(b"\xff").message() == Message(data=b"\xff", content_type=content_type)


def test_half_of_a_surrogate_pair_is_no_message() -> None:
    with pytest.raises(LocalProtocolError, match="surrogate"):
        Text("a\ud800").message()


@pytest.mark.parametrize("data", [bytearray(b"x"), memoryview(b"x"), "x", None])
def test_a_message_has_bytes(data: Any) -> None:
    """Whatever an event was made with."""
    with pytest.raises(LocalProtocolError, match="data must be bytes"):
        Binary(data).message()
