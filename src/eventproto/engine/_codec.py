"""Messages as the bytes that stores keep: attributes as one line of JSON, then the data."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto.engine._errors import StoreCorrupted

__all__ = ["from_bytes", "to_bytes"]

_TEXTS = ("id", "source", "subject", "content_type")


def to_bytes(message: Message) -> bytes:
    """Write a message; whatever it holds is read back equal."""
    attributes: dict[str, Any] = {"type": message.type}
    for name in _TEXTS:
        if (text := getattr(message, name)) is not None:
            attributes[name] = text
    if message.time is not None:
        attributes["time"] = message.time.isoformat()
    if message.extensions:
        attributes["extensions"] = dict(message.extensions)
    line = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
    return line.encode() + b"\n" + message.data


def from_bytes(stored: bytes) -> Message:
    """Read a message.

    Raises:
        StoreCorrupted: No message was written as this.
    """
    line, _, data = stored.partition(b"\n")
    try:
        attributes = json.loads(line)
        if "time" in attributes:
            attributes["time"] = datetime.fromisoformat(attributes["time"])
        return Message(data=data, **attributes)
    except (ValueError, TypeError, LocalProtocolError) as error:
        msg = f"there should be a message, not {stored!r:.80}"
        raise StoreCorrupted(msg) from error
