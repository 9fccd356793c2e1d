"""The JSON event format: an event as one JSON object."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn, cast

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto._value import value
from eventproto.cloudevents._attributes import CORE, from_attributes, refuse, to_attributes
from eventproto.http import MediaType

__all__ = ["CONTENT_TYPE", "WEBSOCKET_SUBPROTOCOL", "from_json", "to_json"]

CONTENT_TYPE: Final = "application/cloudevents+json"
"""The media type of an event in JSON (JSON event format, section 3)."""

WEBSOCKET_SUBPROTOCOL: Final = "cloudevents.json"
"""What peers agree on when each WebSocket message is to be an event in JSON (WebSocket binding)."""

# The strictest readers that are common give up behind 64, of which the event itself is one.
_NESTING: Final = 60


def to_json(message: Message) -> bytes:
    """Write a message as an event in JSON, in one line of UTF-8.

    Raises:
        LocalProtocolError: The message is no CloudEvent: it has no id or no source, a string with
            control characters or noncharacters, a source that is no URI reference, a `dataschema`
            that is no URI, a content type that is no media type, or a time that is not in the
            calendar in UTC.
    """
    envelope = _canonical(to_attributes(message))
    if not message.data:
        return envelope
    return envelope[:-1] + b"," + _data_member(message.data, message.content_type) + b"}"


def from_json(data: bytes) -> Message:
    """Read an event in JSON.

    Embedded JSON comes out as it was written, to the byte. Where it has no `datacontenttype`, the
    implied `application/json` is made explicit.

    Raises:
        RemoteProtocolError: It is no event, or not JSON in UTF-8; 400 answers it.
    """
    try:
        members = _members(str(data, "utf-8"))
    except (ValueError, RecursionError) as error:
        refuse(f"an event is JSON in UTF-8: {error}")
    attributes = {
        name: _canonical_text(name, member)
        for name, (member, _) in members.items()
        if member is not None and name not in {"data", "data_base64"}
    }
    encoded, _ = members.get("data_base64", (None, ""))
    if "data" not in members:
        content = b"" if encoded is None else _from_base64(encoded)
    elif encoded is None:
        content_type = attributes.setdefault("datacontenttype", "application/json")
        content = _from_data_member(*members["data"], content_type)
    else:
        refuse("an event has data or data_base64, not both")
    return from_attributes(attributes, content)


# Writing


def _data_member(data: bytes, content_type: str | None) -> bytes:
    media_type = MediaType.parse(content_type)
    if media_type is not None:
        if _is_json(media_type):
            if _is_canonical(data):
                return b'"data":' + data
        elif _is_text(media_type):
            with suppress(UnicodeDecodeError):
                return b'"data":' + _canonical(data.decode())
    return b'"data_base64":"' + b64encode(data) + b'"'


def _canonical(content: object) -> bytes:
    return Message.of_json(content).data


def _is_canonical(data: bytes) -> bool:
    try:
        content = json.loads(data.decode())
        again = _canonical(content)
    except (ValueError, RecursionError, LocalProtocolError):
        return False
    # Many readers take null for no data at all.
    return content is not None and again == data and _is_flat(content)


def _is_flat(content: object) -> bool:
    level: list[Any] = [[content]]
    for _ in range(_NESTING + 1):
        level = [
            inner
            for each in level
            for inner in (each.values() if each.__class__ is dict else each)
            if inner.__class__ in {dict, list}
        ]
        if not level:
            return True
    return False


# Reading


@value()
class _Integer:
    """A whole number as it was written, because to convert a long one takes long."""

    text: str


def _no_number(name: str) -> NoReturn:
    msg = f"{name} is no number"
    raise ValueError(msg)


_VALUE: Final = json.JSONDecoder(parse_int=_Integer, parse_constant=_no_number).raw_decode
# It matches anything.
_MARK: Final = cast(
    "Callable[[str, int], re.Match[str]]",
    re.compile(r"[ \t\n\r]*+(.?)[ \t\n\r]*+", re.DOTALL).match,
)


def _members(text: str) -> dict[str, tuple[Any, str]]:
    """The members of the object that a text is: the value of each, and how it was written."""
    members: dict[str, tuple[Any, str]] = {}
    mark, at = _mark(text, 0)
    if mark != "{":
        refuse(f"an event is a JSON object, got {text[:80]!r:.80}")
    mark = ","
    if text.startswith("}", at):
        mark, at = _mark(text, at)
    while mark == ",":
        name, at = _VALUE(text, at)
        mark, at = _mark(text, at)
        if not isinstance(name, str) or mark != ":":
            raise _no_object(text, at)
        member, end = _VALUE(text, at)
        if name in members:
            refuse(f"an event has each member once, this one has {name!r:.80} twice")
        members[name] = member, text[at:end]
        mark, at = _mark(text, end)
    if mark != "}" or at < len(text):
        raise _no_object(text, at)
    return members


def _no_object(text: str, at: int) -> ValueError:
    return ValueError(f"not an object near character {at}: {text[max(0, at - 20) : at + 20]!r}")


def _mark(text: str, at: int) -> tuple[str, int]:
    """The next character that is no white space, and where the one after that is."""
    found = _MARK(text, at)
    return found[1], found.end()


def _canonical_text(name: str, member: object) -> str:
    """The string that stands for a value of any type (CloudEvents, "Type System")."""
    match member:
        case str():
            return member
        case bool() if name not in CORE:
            return "true" if member else "false"
        case _Integer(text) if name not in CORE and _is_32_bit(text):
            return str(int(text))
        case _:
            return refuse(f"{name!r:.80} has a value that no attribute of this name can have")


def _is_32_bit(text: str) -> bool:
    return len(text) < 12 and -(2**31) <= int(text) < 2**31


def _from_data_member(content: object, written: str, content_type: str) -> bytes:
    media_type = MediaType.parse(content_type)
    if media_type is not None and _is_json(media_type):
        return written.encode()
    if media_type is None or not isinstance(content, str):
        refuse(f"data must be a string where its type is {content_type!r:.80}")
    if not content.isascii() and not _is_utf8(media_type):
        refuse(f"data is read as UTF-8 only, not as {content_type!r:.80}")
    try:
        return content.encode()
    except UnicodeEncodeError as error:
        refuse(f"data has half of a surrogate pair: {error}")


def _from_base64(content: object) -> bytes:
    if not isinstance(content, str):
        refuse("data_base64 must be a string")
    try:
        return b64decode(content, validate=True)
    except ValueError as error:
        refuse(f"data_base64 must be base64: {error}")


# Media types


def _is_json(media_type: MediaType) -> bool:
    return media_type.essence.endswith(("/json", "+json"))


def _is_text(media_type: MediaType) -> bool:
    textual = media_type.essence.startswith("text/") or media_type.essence.endswith(_XML)
    return textual and _is_utf8(media_type)


def _is_utf8(media_type: MediaType) -> bool:
    return media_type.parameters.get("charset", "utf-8").lower() in _UTF_8


_XML: Final = ("/xml", "+xml")
_UTF_8: Final = {"utf-8", "utf8", "us-ascii"}
