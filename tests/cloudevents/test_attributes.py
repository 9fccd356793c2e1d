"""The attributes of events: names, values, and the same rules in both directions."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError, Message, RemoteProtocolError
from eventproto.cloudevents import from_http, from_json, to_http, to_json
from eventproto.http import Headers
from eventproto.strategies import cloud_events
from tests.cloudevents.events import ENVELOPE, EVENT, HEADERS, event, refusal

# Which there are


@pytest.mark.parametrize("name", ["id", "source"])
def test_what_has_no_id_or_source_is_no_event(name: str) -> None:
    """The error names what is missing."""
    # CE B1, B3
    attributes: dict[str, Any] = {"id": "1", "source": "/s"}
    del attributes[name]
    with pytest.raises(LocalProtocolError, match=name):
        to_json(Message(data=b"", **attributes))


@pytest.mark.parametrize("name", list(ENVELOPE))
@pytest.mark.parametrize(
    "member", [..., None, "", 1, True, [], "a\x00", "a\x85", "\ufdd0", "\ud800"]
)
def test_required_attributes_are_strings_that_are_not_empty(name: str, member: Any) -> None:
    """Missing and null are the same; control characters and noncharacters are not allowed."""
    # CE A7, A8, A9, B1, B3, B4, B5, C2
    members = {**ENVELOPE, name: member}
    if member is ...:
        del members[name]
    refusal(json.dumps(members).encode())


def test_another_version_is_refused() -> None:
    """It may mean anything."""
    # CE B4
    assert "0.3" in str(refusal(event(specversion="0.3")))
    assert json.loads(to_json(EVENT))["specversion"] == "1.0"


@pytest.mark.parametrize("name", ["X", "a_b", "é", "", "\ud800", "a b", "data_base64x", "²"])
def test_extensions_of_other_names_are_refused(name: str) -> None:
    """Lower-case letters and digits."""
    # CE A2
    refusal(event(**{name: "1"}))


@pytest.mark.parametrize("name", ["x", "1", "a1b2", "x" * 100, "source1", "ce", "correlationid"])
@given(text=st.sampled_from(["", "x", "a b", "é", '"%"', "5", "true"]))
def test_unknown_extensions_go_through(name: str, text: str) -> None:
    """Advice about their names is for those who make them."""
    # CE A3, B15, B16
    message = replace(EVENT, extensions={name: text})
    assert from_json(to_json(message)) == message
    assert from_http(*to_http(message)) == message


# What may stand in a string


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "content_type"])
@pytest.mark.parametrize("text", ["\x00", "\n", "\x7f", "\x9f", "\ufdef", "\uffff", "\U0010fffe"])
def test_our_strings_are_held_to_the_same(name: str, text: str) -> None:
    """Before anything is sent."""
    # CE A7, A8
    attributes = {"id": "1", "source": "/s", name: text}
    with pytest.raises(LocalProtocolError, match="forbid"):
        to_json(Message(data=b"", **attributes))  # type: ignore[arg-type]  # only strings


def test_an_extension_is_held_to_the_same() -> None:
    """It goes through headers, too."""
    # CE A7, B15
    with pytest.raises(LocalProtocolError, match="forbid"):
        to_http(Message(data=b"", id="1", source="/s", extensions={"x": "a\r\nb"}))


def test_a_pair_of_surrogates_is_a_character() -> None:
    """JSON may spell it so."""
    # CE A9
    read = from_json(event()[:-1] + b',"subject":"\\ud83d\\ude00"}')
    assert read.subject == "\N{GRINNING FACE}"


def test_a_subject_is_not_empty() -> None:
    """It is left out, or says something."""
    # CE B12
    refusal(event(subject=""))
    assert from_json(event(subject="s")).subject == "s"


# URIs


REFERENCES = [
    "https://github.com/cloudevents",
    "mailto:cncf-wg-serverless@lists.cncf.io",
    "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
    "cloudevents/spec/pull/123",
    "/sensors/tn-1234567/alerts",
    "1-555-123-4567",
    "ftp://user:pass@host.example:21/a;b?c#d",
    "http://[2001:db8::7]/",
    "http://[::ffff:1.2.3.4]:80",
    "http://[v1.a:b]",
    "http://host:",
    "file:///etc",
    "//host",
    "./a:b",
    "a/b:c",
    "?a=b/c?d",
    "#",
    "%41%ff",
    "a:",
    "A+.-1:x",
    "~!$&'()*+,;=:@".replace(":", ""),
]
NO_REFERENCES = [
    "a b",
    "é",
    "<x>",
    '"',
    "a\\b",
    "^`{|}",
    "%",
    "%4",
    "%zz",
    "1:2",
    ":",
    "a#b#c",
    "/[x]",
    "//a@b@c",
    "//host:8a",
    "http://[::1",
    "http://::1]",
    "http://[1]",
    "http://[:::]",
    "http://[fe80::1%25eth0]",
    "http://[::1]x",
    "http://[vx.a]",
]


@pytest.mark.parametrize("source", REFERENCES)
def test_a_source_is_any_uri_reference(source: str) -> None:
    """The examples of the specification among them."""
    # CE A12, B3
    message = replace(EVENT, source=source)
    assert from_json(to_json(message)) == message


@pytest.mark.parametrize("source", NO_REFERENCES)
def test_a_source_is_nothing_else(source: str) -> None:
    """On neither side."""
    # CE A12, B3
    with pytest.raises(LocalProtocolError, match="source must be a URI reference"):
        to_json(replace(EVENT, source=source))
    refusal(event(source=source))


def test_a_schema_is_a_uri() -> None:
    """A string, not empty, and with a scheme; a fragment may tell which part of a document."""
    # CE A11, B11
    for schema in ("https://shop.example/schema.json#/order", "urn:x"):
        message = replace(EVENT, extensions={"dataschema": schema})
        assert from_json(to_json(message)) == message
    for schema in ("", "/x", "x y", *NO_REFERENCES):
        refusal(event(dataschema=schema))
        with pytest.raises(LocalProtocolError, match="dataschema"):
            to_json(replace(EVENT, extensions={"dataschema": schema}))
    refusal(event(dataschema=1))


@pytest.mark.parametrize("piece", ["//", "a", "/", "%41", ":", "@", "a@:", "a:", "?", "#", "[::1]"])
def test_a_hostile_source_costs_linear_time(piece: str) -> None:
    """Whatever it repeats."""
    # CE C19
    source = piece * 100_000
    for text in (source, source + "^", f"//{source}", f"//{source}^"):
        with suppress(RemoteProtocolError):
            assert from_json(event(source=text)).source == text


# Media types


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "TEXT/Plain; CharSet=utf-8",
        'multipart/form-data;boundary="a b\\"c"; x=y',
        "application/vnd.api+json ;a=b",
        "a/b;",
        "a/b ; ; c=d",
        "*/*",
    ],
)
def test_a_content_type_is_any_media_type(content_type: str) -> None:
    """With any parameters."""
    # CE B7
    message = replace(EVENT, content_type=content_type, data=b"x")
    assert from_json(to_json(message)) == message
    assert from_http(*to_http(message)) == message


@pytest.mark.parametrize(
    "content_type",
    ["json", "a/b/c", "/", "a/", "/b", "a b/c", "text/é", " a/b", "a/b ", "a/b; c", "a/b;c=é",
     'a/b;c="', 'a/b;c="é"', "a/b, c/d", "a/b" + " ;" * 50_000 + "x"],
)  # fmt: skip
def test_a_content_type_is_nothing_else(content_type: str) -> None:
    """On neither side; nor does it take long to say so."""
    # CE B7, C19
    with pytest.raises(LocalProtocolError, match="datacontenttype must be a media type"):
        to_json(replace(EVENT, content_type=content_type))
    refusal(event(datacontenttype=content_type))


# Time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2018-04-05T17:31:00Z", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
        ("2018-04-05t17:31:00.5z", datetime(2018, 4, 5, 17, 31, 0, 500_000, tzinfo=UTC)),
        ("2018-04-05T17:31:00-00:00", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
        ("2018-04-05T17:31:00+05:45", datetime(2018, 4, 5, 11, 46, tzinfo=UTC)),
        ("2018-04-05T17:31:00-23:59", datetime(2018, 4, 6, 17, 30, tzinfo=UTC)),
        ("2018-04-05T17:31:00.1234569Z", datetime(2018, 4, 5, 17, 31, 0, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60.25Z", datetime(2017, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("1990-12-31T15:59:60-08:00", datetime(1991, 1, 1, tzinfo=UTC)),
        (f"2018-04-05T17:31:00.{'0' * 10_000}Z", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_in_rfc_3339(text: str, time: datetime) -> None:
    """Fractions to the microsecond, leap seconds as the second after."""
    # CE A13, A15, B13
    assert from_json(event(time=text)).time == time
    assert from_http(HEADERS + {"ce-time": text}, b"").time == time


@pytest.mark.parametrize(
    "text",
    [
        "2018-04-05T17:31:00",
        "2018-04-05 17:31:00Z",
        "2018-04-05T17:31Z",
        "2018-04-05T17:31:00.Z",
        "2018-04-05T17:31:61Z",
        "2018-04-05T17:31:60Z",
        "2016-12-31T23:59:60+01:00",
        "2018-04-05T24:00:00Z",
        "2018-02-30T17:31:00Z",
        "2018-04-05T17:31:00+24:00",
        "2018-04-05T17:31:00+0100",
        "2018-W14-4T17:31:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-00:01",
        "٢٠١٨-04-05T17:31:00Z",
        "",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    """Those outside of the calendar, too; and seconds 60 that end no month."""
    # CE A13, B13
    refusal(event(time=text))


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (UTC, "2018-04-05T17:31:00Z"),
        (timezone(timedelta(hours=5, minutes=45)), "2018-04-05T17:31:00+05:45"),
        (timezone(timedelta(seconds=1)), "2018-04-05T17:30:59Z"),
    ],
)
def test_times_keep_an_offset_that_can_be_written(zone: timezone, text: str) -> None:
    """One with seconds cannot."""
    # CE A13, A15
    message = replace(EVENT, time=datetime(2018, 4, 5, 17, 31, tzinfo=zone))
    assert json.loads(to_json(message))["time"] == text
    assert to_http(message)[0]["ce-time"] == text


def test_a_time_outside_of_the_calendar_is_refused() -> None:
    """In UTC it is before the year 1."""
    zone = timezone(timedelta(hours=1))
    with pytest.raises(LocalProtocolError, match="calendar"):
        to_json(Message(data=b"", id="1", source="/s", time=datetime.min.replace(tzinfo=zone)))


# Both forms


@given(cloud_events())
def test_both_forms_say_the_same(message: Message) -> None:
    """An event that was read from one is written in the other, and nothing is lost."""
    # CE B16
    once = from_json(to_json(message))
    headers, body = to_http(once, mode="structured")
    assert from_http(Headers.decode(headers.encode()), body) == message
