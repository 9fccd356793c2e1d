"""An event that tests change in one place each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventproto import Message, RemoteProtocolError
from eventproto.cloudevents import from_json
from eventproto.http import Headers

__all__ = ["ENVELOPE", "EVENT", "HEADERS", "event", "refusal"]

EVENT = Message(data=b"", id="1", source="/s")
ENVELOPE: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/s", "type": "message"}
HEADERS = Headers({f"ce-{name}": text for name, text in ENVELOPE.items()})


def event(**members: Any) -> bytes:
    """It in JSON, with these members."""
    return json.dumps({**ENVELOPE, **members}).encode()


def refusal(data: bytes) -> RemoteProtocolError:
    """Why this is no event."""
    with pytest.raises(RemoteProtocolError) as caught:
        from_json(data)
    assert caught.value.code == 400
    str(caught.value).encode()  # fit to be the body of an answer
    return caught.value
