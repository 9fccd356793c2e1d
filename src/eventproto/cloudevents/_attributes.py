"""The attributes of an event: what they are called, and what may stand in each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, NoReturn

from eventproto._errors import LocalProtocolError, RemoteProtocolError
from eventproto._event import Message
from eventproto.cloudevents._uri import is_uri, is_uri_reference
from eventproto.http._grammar import TOKEN

__all__ = ["CORE", "from_attributes", "refuse", "to_attributes"]

_REQUIRED: Final = ("id", "source", "type")
CORE: Final = {"specversion", *_REQUIRED, "subject", "time", "datacontenttype", "dataschema"}
"""The names of those that the specification itself defines; none of them may be empty."""

# What no string may have: control characters, halves of surrogate pairs, and noncharacters, which
# are a range of their own and the last two characters of each of the 17 planes.
_LAST_TWO: Final = "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_FORBIDDEN: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_LAST_TWO}]").search


def to_attributes(message: Message) -> dict[str, str]:
    """The attributes of a message, each as a string.

    Raises:
        LocalProtocolError: It is no CloudEvent.
    """
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


def from_attributes(attributes: dict[str, str], data: bytes) -> Message:
    """The message that has these attributes, which are used up.

    Raises:
        RemoteProtocolError: They are not those of an event.
    """
    if complaint := _complaint(attributes):
        refuse(complaint)
    if (version := attributes.pop("specversion", None)) != "1.0":
        refuse(f"specversion must be '1.0', got {version!r:.80}")
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
        refuse(str(error))


def refuse(complaint: str) -> NoReturn:
    """Say what is wrong with what a peer has sent."""
    raise RemoteProtocolError(complaint, code=400)


def _complaint(attributes: dict[str, str]) -> str | None:
    for name in _REQUIRED:
        if name not in attributes:
            return f"a CloudEvent has the attribute {name}, which is missing here"
    for name, text in attributes.items():
        if not text and name in CORE:
            return f"{name} must not be empty"
        if _FORBIDDEN(text):
            return f"{name!r:.80} has a character that CloudEvents forbid: {text!r:.80}"
    for name, (is_right, wanted) in _FORMS.items():
        if name in attributes and not is_right(attributes[name]):
            return f"{name} must be {wanted}, got {attributes[name]!r:.80}"
    return None


# White space is not given back, or what is spoiled could be taken apart in many ways.
_is_media_type: Final = re.compile(
    rf"""{TOKEN}/{TOKEN}(?:[ ]*+;[ ]*+(?:{TOKEN}=(?:{TOKEN}|"(?:[ !#-\[\]-~]|\\[ -~])*"))?)*"""
).fullmatch

_FORMS: Final[Mapping[str, tuple[Callable[[str], object], str]]] = {
    "source": (is_uri_reference, "a URI reference (RFC 3986)"),
    "dataschema": (is_uri, "a URI with a scheme (RFC 3986)"),
    "datacontenttype": (_is_media_type, "a media type (RFC 2046)"),
}


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
        refuse(f"time must be as in RFC 3339, got {text!r:.80}")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction, sign, hours, minutes = match.groups()[6:]
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        zone = timezone(-ahead if sign == "-" else ahead)
        # Added, because a datetime has no second 60: it is read as the one after second 59.
        time = datetime(year, month, day, hour, minute, tzinfo=zone) + timedelta(seconds=second)
        in_utc = time.astimezone(UTC)
        time += timedelta(microseconds=int(f"{fraction or '':0<6.6}"))
    except (ValueError, OverflowError) as error:
        refuse(f"there is no such time as {text!r:.80}: {error}")
    if second == 60 and (in_utc.day, in_utc.hour, in_utc.minute) != (1, 0, 0):
        refuse(f"a leap second ends a month in UTC, got {text!r:.80}")
    return time
