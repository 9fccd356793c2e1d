"""The HTTP protocol binding: an event as header fields and body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import quote, unquote_to_bytes

from eventproto._errors import LocalProtocolError, RemoteProtocolError
from eventproto._event import Message
from eventproto.cloudevents._attributes import from_attributes, refuse, to_attributes
from eventproto.cloudevents._json import CONTENT_TYPE, from_json, to_json
from eventproto.http import Headers, MediaType

__all__ = ["from_http", "to_http"]


def to_http(
    message: Message, *, mode: Literal["binary", "structured"] = "binary"
) -> tuple[Headers, bytes]:
    """Write a message as header fields and body.

    Args:
        message: What is sent.
        mode: `"binary"`: attributes as header fields, data as body; `"structured"`: all of it as
            JSON in the body.

    Raises:
        LocalProtocolError: As for `to_json`. In binary mode also a content type that would have
            the body read as an event. There is no such mode.
    """
    if mode == "structured":
        return Headers({"Content-Type": CONTENT_TYPE}), to_json(message)
    if mode != "binary":
        msg = f"mode is 'binary' or 'structured', got {mode!r}"
        raise LocalProtocolError(msg)
    attributes = to_attributes(message)
    content_type = attributes.pop("datacontenttype", None)
    headers = Headers((f"ce-{name}", _encode_value(text)) for name, text in attributes.items())
    if content_type is None:
        return headers, message.data
    if _is_event(content_type):
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
        refuse("an event has one Content-Type, this one has more")
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
            if attribute in attributes or attribute == "datacontenttype":
                refuse(f"the header {name!r:.80} says what another one says")
            attributes[attribute] = _decode_value(text)
    return from_attributes(attributes, body)


def _is_event(content_type: str) -> bool:
    # By this prefix a receiver tells the modes apart (HTTP binding, section 3).
    return content_type.lower().startswith("application/cloudevents")


# Header values (HTTP binding, section 3.1.3.2)


# All printable ASCII goes as it is, but for the space, the double quote and the percent sign.
_SAFE: Final = "!#$&'()*+,-./:;<=>?@[\\]^`{|}"
# A quoted string, other text, or a quote that nothing closes.
_PIECES: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^"]+)|"').finditer
_PERCENT_ENCODED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*").fullmatch


def _encode_value(text: str) -> str:
    return quote(text, _SAFE)


def _decode_value(text: str) -> str:
    encoded = "".join(_unquoted(text))
    if not encoded.isascii() or _PERCENT_ENCODED(encoded) is None:
        refuse(f"a ce- header is percent-encoded ASCII, got {text!r:.80}")
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        refuse(f"a ce- header is percent-encoded UTF-8, got {text!r:.80}")


def _unquoted(text: str) -> Iterator[str]:
    # Senders by older versions of the binding quote what has spaces.
    for piece in _PIECES(text):
        quoted, other = piece.groups()
        if quoted is not None:
            yield re.sub(r"\\(.)", r"\1", quoted)
        elif other is not None:
            yield other
        else:
            refuse(f"a ce- header has a quote that nothing closes: {text!r:.80}")
