"""The algorithm of section 9.2.6 as it reads: the whole stream, decoded first, line by line."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import NamedTuple

from eventproto import Event
from eventproto.sse import Comment, RetryChanged, ServerSentEvent


class Stream(NamedTuple):
    events: list[Event]
    last_event_id: str
    retry: int | None


def read(stream: bytes, last_event_id: str = "") -> Stream:
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, _unfinished = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    events: list[Event] = []
    retry: int | None = None
    data, event_type, event_id, binary = "", "", last_event_id, False
    for line in lines:
        if line == "":
            last_event_id = event_id
            if data != "":
                said = data[:-1]
                events.append(
                    ServerSentEvent(
                        _unpacked(said) if binary else said, event_type or "message", event_id
                    )
                )
            data, event_type, binary = "", "", False
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "":
            events.append(Comment(value))
        elif field == "event":
            event_type = value
        elif field == "data":
            data += value + "\n"
        elif field == "id":
            if "\0" not in value:
                event_id = value
        elif field == "retry":
            if re.fullmatch("0*[0-9]{1,20}", value) and int(value.lstrip("0") or "0") < 2**64:
                retry = int(value.lstrip("0") or "0")
                events.append(RetryChanged(retry))
        elif field == "data-encoding":
            binary = value == "base64"
    return Stream(events, last_event_id, retry)


def _unpacked(text: str) -> str | bytes:
    try:
        packed = b64decode(text, validate=True)
    except ValueError:
        return text
    return packed
