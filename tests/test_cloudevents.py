"""CloudEvents: what is written is read back equal, and nothing else is read."""

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
from eventproto.cloudevents import CONTENT_TYPE, from_json, to_http, to_json
from eventproto.strategies._messages import cloud_events, messages

EVENT = Message(data=b"", id="1", source="/s")
ENVELOPE: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/s", "type": "message"}


def event(**members: Any) -> bytes:
    return json.dumps({**ENVELOPE, **members}).encode()


def refusal(data: bytes) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        from_json(data)
    assert caught.value.code == 400
    str(caught.value).encode()  # fit to be the body of an answer
    return caught.value


# There and back


@given(cloud_events())
def test_json_and_back_is_the_same(message: Message) -> None:
    """To the last byte."""
    assert from_json(to_json(message)) == message


@given(cloud_events())
def test_an_event_in_json_is_one_line(message: Message) -> None:
    """So that it fits into the data of a Server-Sent Event."""
    assert b"\n" not in to_json(message)
    assert b"\r" not in to_json(message)


@given(messages())
def test_what_is_no_event_is_refused_as_ours(message: Message) -> None:
    """With the same verdict in all forms."""
    verdicts = set[type[Exception] | None]()
    for write in (to_json, to_http, lambda each: to_http(each, mode="structured")):
        try:
            write(message if message.content_type != CONTENT_TYPE else Message(data=b""))
            verdicts.add(None)
        except LocalProtocolError as error:
            verdicts.add(type(error))
    assert len(verdicts) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
    | st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.text() | st.just("1.0") | st.integers() | st.booleans()
            for name in [*ENVELOPE, "time", "data", "data_base64", "datacontenttype", "x", "X"]
        },
    )
)
def test_no_json_makes_another_exception(content: object) -> None:
    """Whatever it holds."""
    with suppress(RemoteProtocolError):
        from_json(json.dumps(content).encode())


# Data


@pytest.mark.parametrize(
    ("data", "content_type", "member"),
    [
        (b'{"a":[1,"\xc3\xa9",null]}', "application/json", {"data": {"a": [1, "é", None]}}),
        (b'"x"', "application/vnd.api+json; charset=utf-8", {"data": "x"}),
        (b'{"a": 1}', "application/json", {"data_base64": "eyJhIjogMX0="}),
        (b"1e2", "application/json", {"data_base64": "MWUy"}),
        (b"null", "application/json", {"data_base64": "bnVsbA=="}),
        (b"{", "application/json", {"data_base64": "ew=="}),
        (b"{}", None, {"data_base64": "e30="}),
        (b"{}", "text/plain", {"data": "{}"}),
        (b"\r\n\x00", "text/plain; charset=UTF-8", {"data": "\r\n\x00"}),
        (b"\xff", "text/plain", {"data_base64": "/w=="}),
        (b"a\x00", "text/plain; charset=utf-16", {"data_base64": "YQA="}),
        (b"", "application/json", {}),
    ],
)
def test_data_is_as_readable_as_it_can_be(
    data: bytes, content_type: str | None, member: dict[str, Any]
) -> None:
    """JSON as JSON, text as text, if they come back the same; else base64."""
    message = Message(data=data, id="1", source="/s", content_type=content_type)
    written = json.loads(to_json(message))
    assert {name: written[name] for name in ("data", "data_base64") if name in written} == member


@pytest.mark.parametrize(
    ("members", "data", "content_type"),
    [
        ({"data": {"b": 1, "a": [1.5]}}, b'{"b":1,"a":[1.5]}', "application/json"),
        ({"data": "x", "datacontenttype": None}, b'"x"', "application/json"),
        ({"data": "{}", "datacontenttype": "text/json"}, b'"{}"', "text/json"),
        ({"data": None}, b"null", "application/json"),
        ({"data": "é", "datacontenttype": "text/plain"}, "é".encode(), "text/plain"),
        ({"data": "e", "datacontenttype": "a/b;charset=x"}, b"e", "a/b;charset=x"),
        ({"data": "é", "datacontenttype": "none at all"}, "é".encode(), "none at all"),
        ({"data_base64": "/w=="}, b"\xff", None),
        ({"data_base64": None}, b"", None),
        ({"data": 1, "data_base64": None}, b"1", "application/json"),
        ({}, b"", None),
    ],
)
def test_data_is_read_by_its_type(
    members: dict[str, Any], data: bytes, content_type: str | None
) -> None:
    """Sections 3.1.2 and 2.2 of the JSON event format."""
    message = from_json(event(**members))
    assert (message.data, message.content_type) == (data, content_type)


@pytest.mark.parametrize(
    "members",
    [
        {"data": "", "data_base64": ""},
        {"data_base64": 1},
        {"data_base64": "/w"},
        {"data_base64": "_-=="},
        {"data_base64": "é"},
        {"data": 1, "datacontenttype": "text/plain"},
        {"data": None, "datacontenttype": "text/plain"},
        {"data": "é", "datacontenttype": "text/plain; charset=latin-1"},
        {"data": "\ud800", "datacontenttype": "text/plain"},
        {"data": "\ud800"},
        {"data": float("nan")},
        {"data": float("inf")},
    ],
)
def test_data_that_cannot_be_read_is_refused(members: dict[str, Any]) -> None:
    """Nothing is guessed."""
    refusal(event(**members))


# Attributes


@pytest.mark.parametrize("name", ["id", "source"])
def test_what_has_no_id_or_source_is_no_event(name: str) -> None:
    """The error names what is missing."""
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
    members = {**ENVELOPE, name: member}
    if member is ...:
        del members[name]
    refusal(json.dumps(members).encode())


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "content_type"])
@pytest.mark.parametrize("text", ["\x00", "\n", "\x7f", "\x9f", "\ufdef", "\uffff", "\U0010fffe"])
def test_our_strings_are_held_to_the_same(name: str, text: str) -> None:
    """Before anything is sent."""
    attributes = {"id": "1", "source": "/s", name: text}
    with pytest.raises(LocalProtocolError, match="forbid"):
        to_json(Message(data=b"", **attributes))  # type: ignore[arg-type]  # only strings


def test_an_extension_is_held_to_the_same() -> None:
    """It goes through headers, too."""
    with pytest.raises(LocalProtocolError, match="forbid"):
        to_http(Message(data=b"", id="1", source="/s", extensions={"x": "a\r\nb"}))


@pytest.mark.parametrize(
    ("member", "text"),
    [(True, "true"), (False, "false"), (-(2**31), "-2147483648"), (0, "0"), ("", ""), ("é", "é")],
)
def test_extensions_become_their_canonical_string(member: Any, text: str) -> None:
    """Whatever type they had in JSON."""
    assert from_json(event(x=member)).extensions == {"x": text}


@pytest.mark.parametrize("member", [2**31, -(2**31) - 1, 1.0, 1.5, [], {}, "\x1f", 10**400])
def test_extensions_of_no_type_are_refused(member: Any) -> None:
    """Integers have 32 bits; there are no fractions."""
    refusal(event(x=member))


def test_unset_extensions_are_absent() -> None:
    """Null says so."""
    assert from_json(event(x=None, subject=None, time=None)) == EVENT


@pytest.mark.parametrize("name", ["X", "a_b", "é", "", "\ud800", "a b"])
def test_extensions_of_other_names_are_refused(name: str) -> None:
    """Lower-case letters and digits."""
    refusal(event(**{name: "1"}))


def test_the_schema_is_an_extension() -> None:
    """But still a string."""
    assert from_json(event(dataschema="/x")).extensions == {"dataschema": "/x"}
    refusal(event(dataschema=1))
    refusal(event(dataschema=""))
    with pytest.raises(LocalProtocolError, match="empty"):
        to_json(replace(EVENT, extensions={"dataschema": ""}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        event().decode().encode("utf-16"),
        b"\xef\xbb\xbf" + event(),
        b'{"x":' + b"9" * 10_000 + b"}",
        b"[" * 100_000,
        b'{"data":' * 100_000,
    ],
)
def test_what_is_not_an_object_in_utf_8_is_refused(data: bytes) -> None:
    """However deep or long it is."""
    refusal(data)


def test_another_version_is_refused() -> None:
    """It may mean anything."""
    assert "0.3" in str(refusal(event(specversion="0.3")))


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
        (f"2018-04-05T17:31:00.{'0' * 10_000}Z", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_in_rfc_3339(text: str, time: datetime) -> None:
    """Fractions to the microsecond, leap seconds as the second after."""
    assert from_json(event(time=text)).time == time


@pytest.mark.parametrize(
    "text",
    [
        "2018-04-05T17:31:00",
        "2018-04-05 17:31:00Z",
        "2018-04-05T17:31Z",
        "2018-04-05T17:31:00.Z",
        "2018-04-05T17:31:61Z",
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
    """Those outside of the calendar, too."""
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
    message = Message(data=b"", id="1", source="/s", time=datetime(2018, 4, 5, 17, 31, tzinfo=zone))
    assert json.loads(to_json(message))["time"] == text


def test_a_time_outside_of_the_calendar_is_refused() -> None:
    """In UTC it is before the year 1."""
    zone = timezone(timedelta(hours=1))
    with pytest.raises(LocalProtocolError, match="calendar"):
        to_json(Message(data=b"", id="1", source="/s", time=datetime.min.replace(tzinfo=zone)))
