"""Messages as CloudEvents 1.0, and back: the JSON event format and the HTTP protocol binding.

A `Message` with an `id` and a `source` is a CloudEvent. `to_json` writes it as one JSON object,
which is also all that the WebSocket binding needs; `to_http` spreads it over header fields and
body, or puts the object into the body.

What is written is read back equal, to the last byte of `data`. So only JSON in its canonical
form, which is what `Message.of_json` makes, is embedded as JSON, and only text in UTF-8 as a
string; everything else travels as base64. An event without data is one whose data is empty.
That `source` and `dataschema` are URIs is not checked.

What comes from a peer is held to the specification: `RemoteProtocolError`, with the HTTP status
that answers it, is the only error that any input makes.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, Literal, NoReturn
from urllib.parse import quote, unquote_to_bytes

from eventproto._errors import LocalProtocolError, RemoteProtocolError
from eventproto._event import Message
from eventproto.http import Headers, MediaType

__all__ = [
    "CONTENT_TYPE",
    "WEBSOCKET_SUBPROTOCOL",
    "from_http",
    "from_json",
    "to_http",
    "to_json",
]

CONTENT_TYPE: Final = "application/cloudevents+json"
"""The media type of an event in JSON (JSON event format, section 3)."""

WEBSOCKET_SUBPROTOCOL: Final = "cloudevents.json"
"""What peers agree on when each WebSocket message is to be an event in JSON (WebSocket binding)."""


def to_json(message: Message) -> bytes:
    """Write a message as an event in JSON, in one line of UTF-8.

    Raises:
        LocalProtocolError: The message is no CloudEvent: it has no id or no source, a string with
            control characters or noncharacters, an empty `dataschema`, or a time that is not in
            the calendar in UTC.
    """
    envelope = _canonical(_to_attributes(message))
    if not message.data:
        return envelope
    return envelope[:-1] + b"," + _data_member(message.data, message.content_type) + b"}"


def from_json(data: bytes) -> Message:
    """Read an event in JSON.

    Embedded JSON becomes canonical bytes: UTF-8, compact, members in the order in which they came.
    Where it has no `datacontenttype`, the implied `application/json` is made explicit.

    Raises:
        RemoteProtocolError: It is no event, or not JSON in UTF-8; 400 answers it.
    """
    try:
        event: dict[str, Any] = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        _refuse(f"an event is JSON in UTF-8: {error}")
    if not isinstance(event, dict):
        _refuse(f"an event is a JSON object, got {data!r:.80}")
    attributes = {
        name: _canonical_text(name, member)
        for name, member in event.items()
        if member is not None and name not in {"data", "data_base64"}
    }
    encoded = event.get("data_base64")
    if "data" not in event:
        content = b"" if encoded is None else _from_base64(encoded)
    elif encoded is None:
        content_type = attributes.setdefault("datacontenttype", "application/json")
        content = _from_data_member(event["data"], content_type)
    else:
        _refuse("an event has data or data_base64, not both")
    return _from_attributes(attributes, content)


def to_http(
    message: Message, *, mode: Literal["binary", "structured"] = "binary"
) -> tuple[Headers, bytes]:
    """Write a message as header fields and body.

    Args:
        message: What is sent.
        mode: `"binary"`: attributes as header fields, data as body; `"structured"`: all of it as
            JSON in the body.

    Raises:
        LocalProtocolError: As for `to_json`. In binary mode also a content type that is not
            ASCII, or that would have the body read as an event.
    """
    if mode == "structured":
        return Headers({"Content-Type": CONTENT_TYPE}), to_json(message)
    attributes = _to_attributes(message)
    content_type = attributes.pop("datacontenttype", None)
    headers = Headers((f"ce-{name}", _encode_value(text)) for name, text in attributes.items())
    if content_type is None:
        return headers, message.data
    if _is_event(content_type) or not _is_header_value(content_type):
        msg = f"binary mode cannot carry the content type {content_type!r}; structured mode can"
        raise LocalProtocolError(msg)
    return headers + {"Content-Type": content_type}, message.data


def from_http(headers: Headers, body: bytes) -> Message:
    """Read an event from header fields and body, in the mode that its content type says.

    Raises:
        RemoteProtocolError: It is no event, which 400 answers; or it is a batch or in a format
            other than JSON, which 415 answers.
    """
    content_type = headers.get("Content-Type")
    if len(headers.get_all("Content-Type")) > 1:
        _refuse("an event has one Content-Type, this one has more")
    if content_type is not None and _is_event(content_type):
        media_type = MediaType.parse(content_type)
        if media_type is None or media_type.essence != CONTENT_TYPE:
            msg = f"events are read from {CONTENT_TYPE}, got {content_type!r:.80}"
            raise RemoteProtocolError(msg, code=415)
        return from_json(body)
    attributes = {} if content_type is None else {"datacontenttype": content_type}
    for name, text in headers:
        prefix, attribute = name[:3].lower(), name[3:].lower()
        if prefix == "ce-":
            if attribute in {*attributes, "datacontenttype"}:
                _refuse(f"the header {name} says what another one says")
            attributes[attribute] = _decode_value(text)
    return _from_attributes(attributes, body)


# Attributes


_REQUIRED: Final = ("id", "source", "type")
_CORE: Final = {"specversion", *_REQUIRED, "subject", "time", "datacontenttype", "dataschema"}
# What no string may have: control characters, halves of surrogate pairs, and noncharacters, which
# are a range of their own and the last two characters of each of the 17 planes.
_LAST_TWO: Final = "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_FORBIDDEN: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_LAST_TWO}]").search


def _to_attributes(message: Message) -> dict[str, str]:
    named = {
        "specversion": "1.0",
        "id": message.id,
        "source": message.source,
        "type": message.type,
        "subject": message.subject,
        "time": None if message.time is None else _write_time(message.time),
        "datacontenttype": message.content_type,
        **message.extensions,
    }
    attributes = {name: text for name, text in named.items() if text is not None}
    if complaint := _complaint(attributes):
        raise LocalProtocolError(complaint)
    return attributes


def _from_attributes(attributes: dict[str, str], data: bytes) -> Message:
    if complaint := _complaint(attributes):
        _refuse(complaint)
    if (version := attributes.pop("specversion", None)) != "1.0":
        _refuse(f"specversion must be '1.0', got {version!r}")
    time = attributes.pop("time", None)
    try:
        return Message(
            data=data,
            type=attributes.pop("type"),
            id=attributes.pop("id"),
            source=attributes.pop("source"),
            subject=attributes.pop("subject", None),
            time=None if time is None else _read_time(time),
            content_type=attributes.pop("datacontenttype", None),
            extensions=attributes,
        )
    except LocalProtocolError as error:
        _refuse(str(error))


def _complaint(attributes: dict[str, str]) -> str | None:
    for name in _REQUIRED:
        if name not in attributes:
            return f"a CloudEvent has the attribute {name}, which is missing here"
    for name, text in attributes.items():
        if not text and name in _CORE:
            return f"{name} must not be empty"
        if _FORBIDDEN(text):
            return f"{name!r:.80} has a character that CloudEvents forbid: {text!r:.80}"
    return None


def _refuse(complaint: str) -> NoReturn:
    raise RemoteProtocolError(complaint, code=400)


# Time (RFC 3339)


_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-5][0-9]|60)(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-5][0-9]))"
).fullmatch


def _write_time(time: datetime) -> str:
    try:
        in_utc = time.astimezone(UTC)
    except OverflowError as error:
        msg = f"in UTC this time is not in the calendar: {time!r}"
        raise LocalProtocolError(msg) from error
    offset = time.utcoffset() or timedelta()
    # RFC 3339 has no seconds in offsets.
    written = (in_utc if offset % timedelta(minutes=1) else time).isoformat()
    return f"{written[:-6]}Z" if written.endswith("+00:00") else written


def _read_time(text: str) -> datetime:
    match = _TIME(text)
    if match is None:
        _refuse(f"time must be as in RFC 3339, got {text!r:.80}")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction, sign, hours, minutes = match.groups()[6:]
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        zone = timezone(-ahead if sign == "-" else ahead)
        # Added, because a datetime has no second 60: it is read as the one after second 59.
        time = datetime(year, month, day, hour, minute, tzinfo=zone) + timedelta(seconds=second)
        time += timedelta(microseconds=int(f"{fraction or '':0<6.6}"))
        time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        _refuse(f"there is no such time as {text!r:.80}: {error}")
    return time


# JSON


def _canonical_text(name: str, member: object) -> str:
    """The string that stands for a value of any type (CloudEvents, "Type System")."""
    match member:
        case str():
            return member
        case bool() if name not in _CORE:
            return "true" if member else "false"
        case int() if name not in _CORE and -(2**31) <= member < 2**31:
            return str(member)
        case _:
            _refuse(f"{name!r:.80} has a value that no attribute of this name can have")


def _data_member(data: bytes, content_type: str | None) -> bytes:
    if content_type is not None:
        if _is_json(content_type):
            if _is_canonical(data):
                return b'"data":' + data
        elif _is_utf8(content_type):
            with suppress(UnicodeDecodeError):
                return b'"data":' + _canonical(data.decode())
    return b'"data_base64":"' + b64encode(data) + b'"'


def _from_data_member(content: object, content_type: str) -> bytes:
    if _is_json(content_type):
        try:
            return _canonical(content)
        except LocalProtocolError as error:
            _refuse(f"data is JSON that cannot be represented: {error}")
    if not isinstance(content, str):
        _refuse(f"data must be a string where its type is {content_type!r:.80}")
    if not content.isascii() and not _is_utf8(content_type):
        _refuse(f"data is read as UTF-8 only, not as {content_type!r:.80}")
    try:
        return content.encode()
    except UnicodeEncodeError as error:
        _refuse(f"data has half of a surrogate pair: {error}")


def _from_base64(content: object) -> bytes:
    if not isinstance(content, str):
        _refuse(f"data_base64 must be a string, got {type(content).__name__}")
    try:
        return b64decode(content, validate=True)
    except ValueError as error:
        _refuse(f"data_base64 must be base64: {error}")


def _canonical(content: object) -> bytes:
    return Message.of_json(content).data


def _is_canonical(data: bytes) -> bool:
    try:
        content = json.loads(data.decode())
        # In a list, because in the event it will be one level deeper, too.
        again = _canonical([content])
    except (ValueError, RecursionError, LocalProtocolError):
        return False
    # Many readers take null for no data at all.
    return content is not None and again == b"[" + data + b"]"


# Media types


def _is_json(content_type: str) -> bool:
    media_type = MediaType.parse(content_type)
    return media_type is not None and media_type.essence.endswith(("/json", "+json"))


def _is_utf8(content_type: str) -> bool:
    media_type = MediaType.parse(content_type)
    return media_type is None or media_type.parameters.get("charset", "utf-8").lower() == "utf-8"


def _is_event(content_type: str) -> bool:
    # By this prefix a receiver tells the modes apart (HTTP binding, section 3).
    return content_type.lower().startswith("application/cloudevents")


# Header values (HTTP binding, section 3.1.3.2)


# All printable ASCII goes as it is, but for the space, the double quote and the percent sign.
_SAFE: Final = "!#$&'()*+,-./:;<=>?@[\\]^`{|}"
# A quoted string, other text, or a quote that nothing closes.
_PIECES: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^"]+)|"').finditer
_PERCENT_ENCODED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*").fullmatch


def _is_header_value(text: str) -> bool:
    return text.isascii() and text == text.strip(" ")


def _encode_value(text: str) -> str:
    return quote(text, _SAFE)


def _decode_value(text: str) -> str:
    encoded = "".join(_unquoted(text))
    if not encoded.isascii() or _PERCENT_ENCODED(encoded) is None:
        _refuse(f"a ce- header is percent-encoded ASCII, got {text!r:.80}")
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        _refuse(f"a ce- header is percent-encoded UTF-8, got {text!r:.80}")


def _unquoted(text: str) -> Iterator[str]:
    # Senders by older versions of the binding quote what has spaces.
    for piece in _PIECES(text):
        quoted, other = piece.groups()
        if quoted is not None:
            yield re.sub(r"\\(.)", r"\1", quoted)
        elif other is not None:
            yield other
        else:
            _refuse(f"a ce- header has a quote that nothing closes: {text!r:.80}")
