"""The JSON event format: what is written is read back equal, and nothing else is read."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventproto import LocalProtocolError, Message, RemoteProtocolError
from eventproto.cloudevents import CONTENT_TYPE, from_json, to_http, to_json
from eventproto.strategies import cloud_events, messages
from tests.cloudevents.events import ENVELOPE, EVENT, event, refusal

# There and back


@given(cloud_events())
def test_json_and_back_is_the_same(message: Message) -> None:
    """To the last byte."""
    # CE B17, B20, C5
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        name: st.none() | st.text() | st.just("1.0") | st.integers() | st.booleans()
        for name in [*ENVELOPE, "time", "data", "data_base64", "datacontenttype", "x", "X"]
    },
)


@given(JSON | MEMBERS)
def test_no_json_makes_another_exception(content: object) -> None:
    """Whatever it holds."""
    # CE C19
    refused_or_read(json.dumps(content).encode())


PIECES = [b"{", b"}", b"[", b"]", b",", b":", b" ", b"\n", b"\x0b", b'"', b'"x"', b'"data"', b"1",
          b"-", b"null", b"NaN", b"\\u", b"\xff", b"\xef\xbb\xbf"]  # fmt: skip


CUTS = [0, 1, len(event()) - 1, len(event())]


@given(st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join), st.sampled_from(CUTS))
@example(b',"x"', CUTS[2])
def test_no_bytes_make_another_exception(piece: bytes, cut: int) -> None:
    """An event is read where the standard library reads an object, and nowhere else."""
    # CE C17
    data = event()[:cut] + piece + event()[cut:]
    if refused_or_read(data) is not None:
        assert isinstance(json.loads(data.decode()), dict)


def refused_or_read(data: bytes) -> Message | None:
    with suppress(RemoteProtocolError):
        return from_json(data)
    return None


# Data


@pytest.mark.parametrize(
    ("data", "content_type", "member"),
    [
        (b'{"a":[1,"\xc3\xa9",null]}', "application/json", {"data": {"a": [1, "é", None]}}),
        (b'"x"', "application/vnd.api+json; charset=utf-8", {"data": "x"}),  # CE C8
        (b'{"a": 1}', "application/json", {"data_base64": "eyJhIjogMX0="}),
        (b"1e2", "application/json", {"data_base64": "MWUy"}),
        (b"null", "application/json", {"data_base64": "bnVsbA=="}),
        (b"{", "application/json", {"data_base64": "ew=="}),
        (b"{}", None, {"data_base64": "e30="}),  # CE C7
        (b"{}", "text/plain", {"data": "{}"}),
        (b"<e/>", "Application/Atom+XML", {"data": "<e/>"}),
        (b"a", "text/plain; charset=us-ascii", {"data": "a"}),
        (b"{}", "image/png", {"data_base64": "e30="}),  # CE C6
        (b"{}", "application/octet-stream", {"data_base64": "e30="}),
        (b"\r\n\x00", "text/plain; charset=UTF-8", {"data": "\r\n\x00"}),
        (b"\xff", "text/plain", {"data_base64": "/w=="}),
        (b"a\x00", "text/plain; charset=utf-16", {"data_base64": "YQA="}),
        (b"", "application/json", {}),  # CE B10
    ],
)
def test_data_is_as_readable_as_it_can_be(
    data: bytes, content_type: str | None, member: dict[str, Any]
) -> None:
    """JSON as JSON, text as text, if they come back the same; else base64."""
    # CE C6, C9, C10, C11
    message = Message(data=data, id="1", source="/s", content_type=content_type)
    written = json.loads(to_json(message))
    assert {name: written[name] for name in ("data", "data_base64") if name in written} == member
    assert written.get("datacontenttype") == content_type


@pytest.mark.parametrize(("levels", "member"), [(60, "data"), (61, "data_base64")])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_that_many_could_not_read_is_base64(
    levels: int, member: str, opening: bytes, closing: bytes
) -> None:
    """Readers bound how deep it is nested, our own by how deep they themselves are called."""
    # CE C9, C19
    inner = b"[]" if opening == b"[" else b"{}"
    data = opening * (levels - 1) + inner + closing * (levels - 1)
    message = Message(data=data, id="1", source="/s", content_type="application/json")
    assert member in json.loads(to_json(message))
    assert from_json(to_json(message)) == message


@pytest.mark.parametrize(
    ("members", "data", "content_type"),
    [
        ({"data": {"b": 1, "a": [1.5]}}, b'{"b": 1, "a": [1.5]}', "application/json"),
        ({"data": "x", "datacontenttype": None}, b'"x"', "application/json"),  # CE C16
        ({"data": "{}", "datacontenttype": "text/json"}, b'"{}"', "text/json"),  # CE C14
        ({"data": "{}", "datacontenttype": "A/B+Json;a=b"}, b'"{}"', "A/B+Json;a=b"),  # CE B8, C8
        ({"data": None}, b"null", "application/json"),  # CE C12
        ({"data": "é", "datacontenttype": "text/plain"}, "é".encode(), "text/plain"),  # CE C15
        ({"data": "e", "datacontenttype": "a/b;charset=x"}, b"e", "a/b;charset=x"),
        ({"data": "é", "datacontenttype": "a/b;CharSet=UTF8"}, "é".encode(), "a/b;CharSet=UTF8"),
        ({"data": "", "datacontenttype": "text/plain"}, b"", "text/plain"),
        ({"data_base64": "/w=="}, b"\xff", None),  # CE C13
        ({"data_base64": "e30="}, b"{}", None),  # CE C7
        ({"data_base64": None}, b"", None),
        ({"data": 1, "data_base64": None}, b"1", "application/json"),
        ({"datacontenttype": "a/b"}, b"", "a/b"),  # CE B10
        ({}, b"", None),
    ],
)
def test_data_is_read_by_its_type(
    members: dict[str, Any], data: bytes, content_type: str | None
) -> None:
    """Section 3.1.2 of the JSON event format."""
    # CE B9, C13, C14, C15, C16
    message = from_json(event(**members))
    assert (message.data, message.content_type) == (data, content_type)


@pytest.mark.parametrize(
    "data",
    [b'{"a": 1,\n "a" :2}', b"1e400", b"0.10000000000000001", b"-0", b"9" * 5000, b'"\\ud800"',
     b'"\\u00e9"', b"[ ]", b'"\xc3\xa9"', b'"}"', b'"\\""'],
)  # fmt: skip
def test_embedded_json_comes_out_as_it_was_written(data: bytes) -> None:
    """Whatever a reader of its own would have made of it."""
    # CE C12
    message = from_json(event()[:-1] + b', "data" : ' + data + b" \t\r\n} ")
    assert (message.data, message.content_type) == (data, "application/json")
    assert from_json(to_json(message)) == message


@pytest.mark.parametrize(
    "members",
    [
        {"data": "", "data_base64": ""},  # CE C11
        {"data_base64": 1},
        {"data_base64": "/w"},
        {"data_base64": "_-=="},
        {"data_base64": "é"},
        {"data": 1, "datacontenttype": "text/plain"},
        {"data": None, "datacontenttype": "text/plain"},
        {"data": "x", "datacontenttype": "none at all"},
        {"data": "é", "datacontenttype": "text/plain; charset=latin-1"},
        {"data": "\ud800", "datacontenttype": "text/plain"},
        {"data": float("nan")},
        {"data": [{"a": float("-inf")}]},
    ],
)
def test_data_that_cannot_be_read_is_refused(members: dict[str, Any]) -> None:
    """Nothing is guessed."""
    # CE C11, C13, C15, C17
    refusal(event(**members))


# Members


@pytest.mark.parametrize(
    "member", [b'"id":"1"', b'"\\u0069d":"1"', b'"x":null,"x":null', b'"data":1,"data":1']
)
def test_a_member_that_comes_twice_is_refused(member: bytes) -> None:
    """Readers would not agree on which of them counts."""
    # CE A1, C18
    assert "twice" in str(refusal(event()[:-1] + b"," + member + b"}"))


def test_extensions_are_members_like_all_others() -> None:
    """Under their own names, at the top."""
    # CE C3, C5
    message = Message(data=b"", id="1", source="/s", extensions={"x1": "é", "dataschema": "a:b"})
    assert json.loads(to_json(message)) == ENVELOPE | {"x1": "é", "dataschema": "a:b"}


@pytest.mark.parametrize(
    ("member", "text"),
    [
        (True, "true"),  # CE A5
        (False, "false"),
        (-(2**31), "-2147483648"),  # CE A6
        (2**31 - 1, "2147483647"),
        (0, "0"),
        ("", ""),
        ("é", "é"),
        ("/w==", "/w=="),  # CE A10
    ],
)
def test_extensions_become_their_canonical_string(member: Any, text: str) -> None:
    """Whatever type they had in JSON."""
    # CE A5, A6, A10, A15, C1
    assert from_json(event(x=member)).extensions == {"x": text}


@pytest.mark.parametrize("member", [2**31, -(2**31) - 1, 1.0, 1e3, 1.5, [], {}, "\x1f", 10**400])
def test_extensions_of_no_type_are_refused(member: Any) -> None:
    """Integers have 32 bits; there are no fractions."""
    # CE A6, A14, C1
    refusal(event(x=member))


def test_unset_extensions_are_absent() -> None:
    """Null says so."""
    # CE C2
    assert from_json(event(x=None, subject=None, time=None)) == EVENT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"[]",
        b"[" + event() + b"]",  # CE C20
        b'"x"',
        b"{",
        b"\xff",
        event()[:-1] + b",1:2}",
        event()[:-1] + b",null:2}",
        event()[:-1] + b',"x"}',
        event()[:-1] + b",1}",
        event()[:-1] + b',"x" "1"}',
        event()[:-1] + b',"x":"1" "y":"1"}',
        event()[:-1] + b',"x":}',
        event()[:-1] + b",:1}",
        event()[:-1],
        b'{"x":1' + event()[1:],
        event() + b"{}",
        event()[:-1] + b",}",
        event()[:-1] + b"]",
        event().decode().encode("utf-16"),
        b"\xef\xbb\xbf" + event(),
        event()[:-1] + b',"x":"\xed\xa0\x80"}',
        event()[:-1] + b',"x":"\n"}',
        b'{"x":' + b"9" * 10_000 + b"}",
        b"[" * 100_000,
        b'{"data":' * 100_000,
    ],
)
def test_what_is_not_an_object_in_utf_8_is_refused(data: bytes) -> None:
    """However deep or long it is."""
    # CE C17, C19, C20
    refusal(data)


def test_complaints_are_short() -> None:
    """They go into the body of an answer: nobody gets back ten times what was sent."""
    # CE B19
    for data in (event(**{"\U0010fffd" * 99_999: "x"}), event(x="\x00" * 99_999), b"x" * 99_999):
        assert len(str(refusal(data))) < 400


def test_long_numbers_take_no_longer_than_other_text() -> None:
    """To convert a number of 4300 digits takes a hundred times as long as to read past it."""
    # CE C19
    many = b",".join([b"9" * 4300] * 2000)
    assert from_json(event()[:-1] + b',"data":[' + many + b"]}").data == b"[" + many + b"]"


def test_text_is_no_bytes() -> None:
    """The caller's mistake, said as Python says it."""
    with pytest.raises(TypeError):
        from_json("{}")  # type: ignore[arg-type]  # that is the point
