"""CloudEvents over HTTP: binary and structured mode."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError, Message, RemoteProtocolError
from eventproto.cloudevents import CONTENT_TYPE, from_http, to_http, to_json
from eventproto.http import Headers
from eventproto.strategies._messages import cloud_events
from tests.test_cloudevents import ENVELOPE, EVENT

HEADERS = Headers({f"ce-{name}": text for name, text in ENVELOPE.items()})


@given(cloud_events(), st.sampled_from(["binary", "structured"]))
def test_http_and_back_is_the_same(message: Message, mode: Literal["binary", "structured"]) -> None:
    """In both modes, which the receiver tells apart by itself."""
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
    with suppress(RemoteProtocolError):
        from_http(Headers.decode(fields), body)


def test_binary_mode_is_the_example_of_the_specification() -> None:
    """Space, quote, percent sign and all that is not ASCII are encoded, nothing else."""
    message = Message(
        data=b"x",
        id='"1%"',
        source="/s?a=b&c=~(d)#[e]",
        subject="Euro € 😀",
        content_type="text/plain",
    )
    headers, body = to_http(message)
    assert headers == Headers(
        {
            "ce-specversion": "1.0",
            "ce-id": "%221%25%22",
            "ce-source": "/s?a=b&c=~(d)#[e]",
            "ce-type": "message",
            "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80",
            "Content-Type": "text/plain",
        }
    )
    assert body == b"x"


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
    assert from_http(HEADERS + {"CE-Subject": field}, b"").subject == text


@pytest.mark.parametrize(
    "field", ["%", "%4", "%zz", "%c0%a0", "%ff", "é", "\udcff", '"a', 'a"', '"\\"', "%00", ""]
)
def test_header_values_that_cannot_be_decoded_are_refused(field: str) -> None:
    """As the binding demands of what is not UTF-8."""
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
    with pytest.raises(RemoteProtocolError) as caught:
        from_http(HEADERS + fields, b"")
    assert caught.value.code == 400


def test_other_headers_are_none_of_its_business() -> None:
    """A request has many."""
    assert from_http(HEADERS + {"Cec": "x", "Host": "example"}, b"") == EVENT


@pytest.mark.parametrize(
    "content_type",
    ["application/cloudevents+json", "Application/CloudEvents+JSON; charset=utf-8"],
)
def test_structured_mode_is_told_by_the_content_type(content_type: str) -> None:
    """Attributes in header fields are then not looked at."""
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
    with pytest.raises(RemoteProtocolError) as caught:
        from_http(HEADERS + {"Content-Type": content_type}, b"[]")
    assert caught.value.code == 415


@pytest.mark.parametrize("content_type", ["application/cloudevents+json", "text/é", " text/plain"])
def test_content_types_that_binary_mode_would_change_are_refused(content_type: str) -> None:
    """Structured mode takes them."""
    message = Message(data=b"{}", id="1", source="/s", content_type=content_type)
    with pytest.raises(LocalProtocolError, match="structured"):
        to_http(message)
    assert from_http(*to_http(message, mode="structured")) == message
