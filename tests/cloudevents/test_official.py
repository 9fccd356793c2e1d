"""CloudEvents: what is written is read by the official library, and the other way round."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import http as official_http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Message, RemoteProtocolError
from eventproto.cloudevents import CONTENT_TYPE, from_http, from_json, to_http, to_json
from eventproto.http import Headers
from eventproto.strategies import cloud_events
from tests.cloudevents.events import HEADERS, event, refusal


def attributes_of(message: Message) -> dict[str, Any]:
    attributes = {
        "specversion": "1.0",
        "id": message.id,
        "source": message.source,
        "type": message.type,
        "subject": message.subject,
        "time": None if message.time is None else message.time.astimezone(UTC),
        "datacontenttype": message.content_type,
        **message.extensions,
    }
    return {name: each for name, each in attributes.items() if each is not None}


def check_attributes(theirs: BaseCloudEvent, ours: Message) -> None:
    attributes = dict(theirs.get_attributes())
    if ours.time is None:
        del attributes["time"]  # it fills in the present
    assert attributes == attributes_of(ours)


def check_message(found: Message, sent: Message) -> None:
    assert (replace(found, time=None) if sent.time is None else found) == sent


@given(cloud_events())
def test_the_official_library_reads_what_is_written_in_json(message: Message) -> None:
    """All attributes and the data, the latter in its own types."""
    theirs = JSONFormat().read(None, to_json(message))
    check_attributes(theirs, message)
    member = json.loads(to_json(message))
    if "data_base64" in member:
        assert theirs.get_data() == message.data
    else:
        assert theirs.get_data() == member.get("data")


@given(cloud_events())
def test_the_official_library_reads_what_is_written_in_http(message: Message) -> None:
    """In binary mode; the body is ours to the byte."""
    if message.content_type == CONTENT_TYPE:
        return
    headers, body = to_http(message)
    try:
        theirs = official_http.from_binary_event(official_http.HTTPMessage(dict(headers), body))
    except RecursionError:
        return  # it reads the body as JSON, however deep
    check_attributes(theirs, message)


@given(cloud_events())
def test_what_the_official_library_writes_is_read(message: Message) -> None:
    """In JSON with data in base64, as it writes all bytes; and in both HTTP modes."""
    theirs = CloudEvent(attributes_of(message), message.data)
    check_message(from_json(JSONFormat().write(theirs)), message)
    structured = official_http.to_structured_event(theirs)
    check_message(from_http(Headers(structured.headers), structured.body), message)
    if message.content_type != CONTENT_TYPE:
        binary = official_http.to_binary_event(theirs)
        check_message(from_http(Headers(binary.headers), binary.body), message)


@given(
    st.recursive(
        st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).filter(lambda content: "Infinity" not in json.dumps(content))
)
def test_what_the_official_library_embeds_is_read(content: Any) -> None:
    """JSON as JSON, of which the text stays as it was."""
    # CE C9, C12
    attributes = {"source": "/s", "type": "t", "datacontenttype": "application/json"}
    written = JSONFormat().write(CloudEvent(attributes, content))
    message = from_json(written)
    assert message.json() == content
    assert message.data == json.dumps(content).encode()


@given(st.text(min_size=1))
def test_what_the_official_library_writes_as_text_is_read(text: str) -> None:
    """In the same member, by both."""
    # CE C10, C15
    attributes = {"source": "/s", "type": "t", "datacontenttype": "text/plain"}
    theirs = JSONFormat().write(CloudEvent(attributes, text))
    message = from_json(theirs)
    assert message.text == text
    assert json.loads(to_json(message))["data"] == json.loads(theirs)["data"] == text


# Where it differs, and why this side is right


MORE_THAN_THE_SPECIFICATION: list[tuple[str, bytes]] = [
    ("C18: the last one counts", event()[:-1] + b',"id":"2"}'),
    ("A7: control characters", event(id="a\x00")),
    ("A8: noncharacters", event(subject="\uffff")),
    ("A9: halves of pairs", event(subject="\ud800")),
    ("A12: any source", event(source="a b")),
    ("A11: any schema", event(dataschema="/x")),
    ("A14: values of any type", event(x=[1.5])),
    ("A6: integers of any size", event(x=2**31)),
    ("B7: any content type", event(datacontenttype="json")),
    ("A13: ISO 8601", event(time="20180405T173100Z")),
    ("C13: what is no base64 is passed over", event(data_base64="!YQ==")),
    ("C15: numbers as text", event(data=1, datacontenttype="text/plain")),
    ("C17: numbers that JSON has not", event(data=float("nan"))),
]
LESS_THAN_THE_SPECIFICATION: list[tuple[str, bytes]] = [
    ("C2: null for no time", event(time=None)),
    ("A13: leap seconds", event(time="2016-12-31T23:59:60Z")),
    ("C2: null for no content type", event(datacontenttype=None)),
    ("C2: null for no subject", event(subject=None)),
]


@pytest.mark.parametrize(("what", "data"), MORE_THAN_THE_SPECIFICATION)
def test_the_official_library_reads_what_is_no_event(what: str, data: bytes) -> None:
    """For what is not checked there, this side answers 400."""
    JSONFormat().read(None, data)
    refusal(data)


@pytest.mark.parametrize(("what", "data"), LESS_THAN_THE_SPECIFICATION)
def test_the_official_library_fails_where_there_is_an_event(what: str, data: bytes) -> None:
    """With whatever error comes out of the parts that it is made of."""
    with pytest.raises(Exception):  # noqa: B017  # it documents none
        JSONFormat().read(None, data)
    from_json(data)


@pytest.mark.parametrize(
    ("field", "ours", "theirs"),
    [
        ('"a b"', "a b", '"a b"'),  # CE D15
        ("%c0%a0", None, "\ufffd\ufffd"),  # CE D19
        ("%zz", None, "%zz"),
        ("é", None, "é"),  # CE D23
        ("%00", None, "\x00"),
    ],
)
def test_the_official_library_decodes_headers_in_another_way(
    field: str, ours: str | None, theirs: str
) -> None:
    """Quotes stay, and what is not UTF-8 becomes a replacement character."""
    headers = HEADERS + {"ce-subject": field}
    message = official_http.HTTPMessage(dict(headers), b"")
    assert official_http.from_binary_event(message).get_subject() == theirs
    try:
        found: str | None = from_http(headers, b"").subject
    except RemoteProtocolError:
        found = None
    assert found == ours
