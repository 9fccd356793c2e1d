"""The standard as it reads: the whole stream is decoded, cut into lines and interpreted in turn.

It shares no idea with the decoder that it is compared with: characters one by one, the buffers
and the steps of section 9.2.6 by their names there, and the UTF-8 decoder of the Encoding
Standard, section 8.1.1. What this library adds is marked.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import NamedTuple

from eventproto import Event
from eventproto.sse import Comment, RetryChanged, ServerSentEvent

DIGITS = "0123456789"


class Stream(NamedTuple):
    """What a stream leaves behind."""

    events: list[Event]
    last_event_id: str
    retry: int | None


def read(stream: bytes, last_event_id: str = "") -> Stream:
    """Interpret a stream that has ended; a new one goes on with the last event ID of another."""
    events: list[Event] = []
    retry: int | None = None
    data_buffer = ""
    event_type_buffer = ""
    last_event_id_buffer = last_event_id
    flagged = False  # ours
    for line in lines(utf_8_decode(stream)):
        if line == "":
            last_event_id = last_event_id_buffer
            if data_buffer != "":
                if data_buffer[-1] == "\n":
                    data_buffer = data_buffer[:-1]
                data = unpacked(data_buffer) if flagged else data_buffer
                event_type = event_type_buffer if event_type_buffer != "" else "message"
                events.append(ServerSentEvent(data, event_type, last_event_id))
            data_buffer = ""
            event_type_buffer = ""
            flagged = False
            continue
        if ":" in line:
            colon = line.index(":")
            field, value = line[:colon], line[colon + 1 :]
            if value != "" and value[0] == " ":
                value = value[1:]
        else:
            field, value = line, ""
        if field == "":
            events.append(Comment(value))  # ours: others ignore the line
        elif field == "event":
            event_type_buffer = value
        elif field == "data":
            data_buffer += value
            data_buffer += "\n"
        elif field == "id":
            if "\0" not in value:
                last_event_id_buffer = value
        elif field == "retry":
            # Ours: the empty value and what does not fit 64 bits are ignored, too.
            if value != "" and all(each in DIGITS for each in value):
                number = sum(
                    DIGITS.index(each) * 10**place for place, each in enumerate(reversed(value))
                )
                if number < 2**64:
                    retry = number
                    events.append(RetryChanged(number))
        elif field == "data-encoding":
            flagged = value == "base64"  # ours: others ignore the field
    return Stream(events, last_event_id, retry)


def lines(text: str) -> Iterator[str]:
    """Cut at each CRLF, at each other CR and at each other LF; what is not ended is no line."""
    line = ""
    for index, character in enumerate(text):
        if character == "\n" and index > 0 and text[index - 1] == "\r":
            continue
        if character in "\r\n":
            yield line
            line = ""
        else:
            line += character


def utf_8_decode(stream: bytes) -> str:
    """Without one byte-order mark, and with U+FFFD for each error."""
    if stream[:3] == b"\xef\xbb\xbf":
        stream = stream[3:]
    text: list[str] = []
    code_point = bytes_seen = bytes_needed = 0
    lower_boundary, upper_boundary = 0x80, 0xBF
    waiting = list(reversed(stream))
    while waiting:
        byte = waiting.pop()
        if bytes_needed == 0:
            if byte <= 0x7F:
                text.append(chr(byte))
            elif 0xC2 <= byte <= 0xDF:
                bytes_needed, code_point = 1, byte & 0x1F
            elif 0xE0 <= byte <= 0xEF:
                if byte == 0xE0:
                    lower_boundary = 0xA0
                if byte == 0xED:
                    upper_boundary = 0x9F
                bytes_needed, code_point = 2, byte & 0xF
            elif 0xF0 <= byte <= 0xF4:
                if byte == 0xF0:
                    lower_boundary = 0x90
                if byte == 0xF4:
                    upper_boundary = 0x8F
                bytes_needed, code_point = 3, byte & 0x7
            else:
                text.append("\ufffd")
            continue
        if not lower_boundary <= byte <= upper_boundary:
            code_point = bytes_seen = bytes_needed = 0
            lower_boundary, upper_boundary = 0x80, 0xBF
            waiting.append(byte)
            text.append("\ufffd")
            continue
        lower_boundary, upper_boundary = 0x80, 0xBF
        code_point = (code_point << 6) | (byte & 0x3F)
        bytes_seen += 1
        if bytes_seen == bytes_needed:
            text.append(chr(code_point))
            code_point = bytes_seen = bytes_needed = 0
    if bytes_needed != 0:
        text.append("\ufffd")
    return "".join(text)


def unpacked(text: str) -> str | bytes:
    """What this is the base64 of; text that is none stays."""
    try:
        packed = b64decode(text, validate=True)
    except ValueError:
        return text
    return packed
