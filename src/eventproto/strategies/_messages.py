"""Messages: whatever an application may say, tricky content included."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from eventproto import Message

__all__ = ["cloud_events", "messages"]

_PLANES = range(0, 0x110000, 0x10000)
_NONCHARACTERS = [
    *map(chr, range(0xFDD0, 0xFDF0)),
    *(chr(plane + last) for plane in _PLANES for last in (0xFFFE, 0xFFFF)),
]

# JSON that looks as if decoding and encoding it again changed nothing, but does; and text that
# changes on wires that are made of lines.
_TRICKY = [
    b"",
    b"null",
    b"true",
    b'""',
    b'"\\ud800"',
    b'"\\u00e9"',
    b'"\xc3\xa9"',
    b'"\x00"',
    b"\xef\xbb\xbf{}",
    b"1",
    b"1.0",
    b"1e400",
    b"-0",
    b"-0.0",
    b"0.10000000000000001",
    b"12345678901234567890123",
    b"9" * 5000,
    b"NaN",
    b"Infinity",
    b'{"a":1}',
    b'{"a": 1}',
    b'{"a":1,"a":1}',
    b'{"b":1,"a":2}\n',
    b'{"type":"contact.created","data":{}}',
    b"[" * 3000 + b"]" * 3000,
    b"line\nline",
    b"line\r\nline\r",
    b"\n",
    b" \xe2\x80\xa8 \xc2\x85 ",
    b"data: 1\n\nevent: x\n\n",
    b"\x00\xff\xfe",
    b"\xed\xa0\x80",
]

_CONTENT_TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    "Application/Vnd.Api+JSON",
    "text/json",
    "text/plain",
    "text/plain;charset=utf-8",
    "TEXT/Plain; CharSet=UTF-8",
    'text/plain; charset="iso-8859-1"',
    "text/plain; charset=utf-16",
    "application/xml",
    "application/octet-stream",
    "application/jsonish",
    "application/cloudevents+json",
    "image/png",
]


def messages() -> st.SearchStrategy[Message]:
    """Messages of all kinds: all of Unicode in their strings, any bytes as their data."""
    text = st.text(min_size=1)
    return _messages(text, id=st.none() | text, source=st.none() | text, extension=st.text())


def cloud_events() -> st.SearchStrategy[Message]:
    """Messages that are CloudEvents 1.0: what it requires is there, and of the form it wants."""
    allowed = st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters=_NONCHARACTERS
    )
    text = st.text(allowed, min_size=1)
    events = _messages(text, id=text, source=_uri_references(), extension=st.text(allowed))
    return st.builds(_with_schema, events, st.none() | _uris())


def _messages(
    text: st.SearchStrategy[str],
    *,
    id: st.SearchStrategy[str | None],
    source: st.SearchStrategy[str | None],
    extension: st.SearchStrategy[str],
) -> st.SearchStrategy[Message]:
    return st.builds(
        Message,
        data=_data(),
        type=st.just("message") | text,
        id=id,
        source=source,
        subject=st.none() | text,
        time=st.none() | _times(),
        content_type=st.none() | st.sampled_from(_CONTENT_TYPES),
        extensions=st.dictionaries(_extension_names(), extension, max_size=3),
    )


def _with_schema(message: Message, schema: str | None) -> Message:
    extensions = {**message.extensions, "dataschema": schema}
    return replace(message, extensions={n: t for n, t in extensions.items() if t is not None})


def _uris() -> st.SearchStrategy[str]:
    known = st.sampled_from(
        [
            "https://shop.example/orders?page=2#top",
            "HTTPS://user:@[2001:db8::1]:8443",
            "mailto:orders@shop.example",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "a+b-c.1:",
            "file:///",
        ]
    )
    return known | st.builds("urn:example:{}".format, _percent_encoded())


def _uri_references() -> st.SearchStrategy[str]:
    known = st.sampled_from(["1-555-123-4567", "//shop.example", "../a:b", "?q", "#", "~!$&'()*,;"])
    drawn = st.builds("/{}".format, _percent_encoded())
    return known | _uris() | drawn.filter(lambda text: not text.startswith("//"))


def _percent_encoded() -> st.SearchStrategy[str]:
    return st.text().map(lambda text: quote(text, safe="/:@!$&'()*+,;="))


def _data() -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(),
        st.text().map(str.encode),
        st.sampled_from(_TRICKY),
        _json().map(lambda content: Message.of_json(content).data),
    )


def _json() -> st.SearchStrategy[Any]:
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        st.none() | st.booleans() | numbers | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )


def _times() -> st.SearchStrategy[datetime]:
    # A day away from both ends of the calendar, so that every time zone has a name for the time.
    return st.datetimes(
        min_value=datetime(1, 1, 2),  # noqa: DTZ001  # `timezones` adds one
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001  # as above
        timezones=st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
        | st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
    )


def _extension_names() -> st.SearchStrategy[str]:
    drawn = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
    known = st.sampled_from(["dataschema", "traceparent", "partitionkey", "sequence"])
    return known | drawn.filter(lambda name: name not in _ATTRIBUTES)


# What `Message` refuses as the name of an extension.
_ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype"} | {"data"}
)
