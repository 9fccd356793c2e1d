"""CloudEvents over HTTP: binary and structured mode."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError, Message, RemoteProtocolError
from eventproto.cloudevents import CONTENT_TYPE, from_http, from_json, to_http, to_json
from eventproto.http import Headers
from eventproto.strategies import cloud_events
from tests.cloudevents.events import EVENT, HEADERS, event


@given(cloud_events(), st.sampled_from(["binary", "structured"]))
def test_http_and_back_is_the_same(message: Message, mode: Literal["binary", "structured"]) -> None:
    """In both modes, which the receiver tells apart by itself."""
    # CE D1, D2, D8, D9
    if mode == "binary" and message.content_type == CONTENT_TYPE:
        return
    headers, body = to_http(message, mode=mode)
    assert from_http(Headers.decode(headers.encode()), body) == message


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*HEADERS.encode(), (b"content-type", b"")]).map(lambda pair: pair[0])
            | st.sampled_from([b"ce-time", b"ce-x", b"ce-", b"ce-\x5f", b"ce-datacontenttype"]),
            st.binary().filter(lambda text: not set(text) & {*range(9), *range(10, 32), 127})
            | st.sampled_from([b"1.0", b"%", b'"', b"%c3%a9", b"text/plain"]),
        )
    ),
    st.binary(),
)
def test_no_http_makes_another_exception(fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Whatever it holds."""
    # CE C19
    with suppress(RemoteProtocolError):
        from_http(Headers.decode(fields), body)


def test_binary_mode_is_the_example_of_the_specification() -> None:
    """Space, quote, percent sign and all that is not ASCII are encoded, nothing else."""
    # CE D6, D7, D8, D9, D11, D13
    message = Message(
        data=b"x",
        id='"1%"',
        source="/s?a=b&c=~(d)#e",
        subject="Euro € 😀",
        content_type="text/plain",
    )
    headers, body = to_http(message)
    assert headers == Headers(
        {
            "ce-specversion": "1.0",
            "ce-id": "%221%25%22",
            "ce-source": "/s?a=b&c=~(d)#e",
            "ce-type": "message",
            "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80",
            "Content-Type": "text/plain",
        }
    )
    assert body == b"x"


@given(st.characters(codec="utf-8"))
def test_each_character_is_encoded_if_it_must_be(character: str) -> None:
    """By its bytes in UTF-8, in upper case; what the specification forbids never gets there."""
    # CE D11, D12, D13, D20
    message = replace(EVENT, subject=character)
    try:
        headers, body = to_http(message)
    except LocalProtocolError:
        assert _is_forbidden(character)
        return
    written = headers["ce-subject"]
    if "!" <= character <= "~" and character not in '"%':
        assert written == character
    else:
        assert written == "".join(f"%{byte:02X}" for byte in character.encode())
    assert from_http(Headers.decode(headers.encode()), body) == message


def _is_forbidden(character: str) -> bool:
    code = ord(character)
    return code < 32 or 127 <= code < 160 or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def test_a_value_is_encoded_once() -> None:
    """What looks encoded is text like any other."""
    # CE D14, D16
    message = replace(EVENT, subject="%41%2541")
    headers, body = to_http(message)
    assert headers["ce-subject"] == "%2541%252541"
    assert from_http(headers, body) == message


@pytest.mark.parametrize(
    ("members", "content_type", "body"),
    [
        ({"datacontenttype": "application/xml", "data": "<a/>"}, "application/xml", b"<a/>"),
        ({"datacontenttype": "application/json", "data": 1.5}, "application/json", b"1.5"),
        ({"data": "I'm just a string"}, "application/json", b'"I\'m just a string"'),
        ({"data_base64": "eyAieHl6IjogMTIzIH0="}, None, b'{ "xyz": 123 }'),
        ({"datacontenttype": "a/thrift", "data_base64": "/w=="}, "a/thrift", b"\xff"),
    ],
)
def test_an_event_in_json_goes_on_in_binary_mode(
    members: dict[str, Any], content_type: str | None, body: bytes
) -> None:
    """The examples of the JSON event format, with an extension of each type."""
    # CE B9, C7, C14, D6
    read = from_json(event(**members, text="value", number=5, yes=True, unset=None))
    headers, written = to_http(read)
    extensions = {"ce-text": "value", "ce-number": "5", "ce-yes": "true"}
    carried = {} if content_type is None else {"Content-Type": content_type}
    assert sorted(headers) == sorted(HEADERS + extensions + carried)
    assert written == body
    assert from_http(headers, written) == read


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("Euro%20%e2%82%ac", "Euro €"),
        ("%41bc", "Abc"),
        ('"a b"', "a b"),
        (r'"a \"b\" \\"', r'a "b" \\'.replace(r"\\", "\\")),
        ('a "b c" d', "a b c d"),
        ('"a%20b"', "a b"),
        ("a b", "a b"),
        (r"a\b", r"a\b"),
        ("%2541", "%41"),
    ],
)
def test_header_values_are_decoded_once(field: str, text: str) -> None:
    """Quoted strings first, then percent-encoding, in any case and where it was not needed."""
    # CE D15, D16, D17, D18
    assert from_http(HEADERS + {"CE-Subject": field}, b"").subject == text


@pytest.mark.parametrize(
    "field", ["%", "%4", "%zz", "%c0%a0", "%ff", "é", "\udcff", '"a', 'a"', '"\\"', "%00", ""]
)
def test_header_values_that_cannot_be_decoded_are_refused(field: str) -> None:
    """As the binding demands of what is not UTF-8."""
    # CE D19, D23
    with pytest.raises(RemoteProtocolError) as caught:
        from_http(HEADERS + {"ce-subject": field}, b"")
    assert caught.value.code == 400


def test_a_hostile_header_value_costs_linear_time() -> None:
    """Quotes that nothing closes were quadratic in the first draft: minutes for this one."""
    with pytest.raises(RemoteProtocolError, match="nothing closes"):
        from_http(HEADERS + {"ce-subject": '"\\' * 200_000}, b"")


@pytest.mark.parametrize(
    "fields",
    [
        [("ce-id", "2")],
        [("ce-datacontenttype", "text/plain")],
        [("Content-Type", "text/plain"), ("Content-Type", "text/plain")],
        [("ce-data", "x")],
        [("ce-a_b", "x")],
        [("ce-", "x")],
    ],
)
def test_headers_that_are_no_attribute_are_refused(fields: list[tuple[str, str]]) -> None:
    """And those that come twice."""
    # CE A1, A2, A4, D7
    with pytest.raises(RemoteProtocolError) as caught:
        from_http(HEADERS + fields, b"")
    assert caught.value.code == 400


def test_other_headers_are_none_of_its_business() -> None:
    """A request has many."""
    # CE D10
    assert from_http(HEADERS + {"Cec": "x", "Host": "example"}, b"") == EVENT


def test_structured_mode_is_one_header_and_the_event_in_json() -> None:
    """All attributes are in the body, and none beside it."""
    # CE C4, D21, D22
    headers, body = to_http(replace(EVENT, content_type=CONTENT_TYPE), mode="structured")
    assert headers == Headers({"Content-Type": "application/cloudevents+json"})
    assert from_json(body) == replace(EVENT, content_type=CONTENT_TYPE)


@pytest.mark.parametrize("mode", ["Structured", "batched", "", None])
def test_there_are_two_modes(mode: Any) -> None:
    """A word that is neither of them is not taken for one."""
    # CE D3
    with pytest.raises(LocalProtocolError, match="mode is 'binary' or 'structured'"):
        to_http(EVENT, mode=mode)


def test_many_headers_cost_linear_time() -> None:
    """Each was compared with all others in the first draft."""
    # CE C19
    many = Headers((f"ce-x{number}", "x") for number in range(20_000))
    assert len(from_http(HEADERS + many, b"").extensions) == 20_000


@pytest.mark.parametrize(
    "content_type",
    ["application/cloudevents+json", "Application/CloudEvents+JSON; charset=utf-8"],
)
def test_structured_mode_is_told_by_the_content_type(content_type: str) -> None:
    """Attributes in header fields are then not looked at."""
    # CE D4, D22
    headers = Headers({"Content-Type": content_type, "ce-id": "2"})
    assert from_http(headers, to_json(EVENT)) == EVENT


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents-batch+json",
        "application/cloudevents+avro",
        "application/cloudevents",
    ],
)
def test_other_formats_are_not_read(content_type: str) -> None:
    """415 asks for another one."""
    # CE C20, D4, D5
    with pytest.raises(RemoteProtocolError) as caught:
        from_http(HEADERS + {"Content-Type": content_type}, b"[]")
    assert caught.value.code == 415


@pytest.mark.parametrize(
    "content_type", ["application/cloudevents+json", "Application/CloudEvents-Batch; a=b"]
)
def test_content_types_that_say_another_mode_are_refused(content_type: str) -> None:
    """Structured mode takes them."""
    message = Message(data=b"{}", id="1", source="/s", content_type=content_type)
    with pytest.raises(LocalProtocolError, match="structured"):
        to_http(message)
    assert from_http(*to_http(message, mode="structured")) == message
