"""CloudEvents: what is written is read by the official library, and the other way round."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from typing import Any

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import http as official_http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given

from eventproto import Message
from eventproto.cloudevents import CONTENT_TYPE, from_http, from_json, to_http, to_json
from eventproto.http import Headers
from eventproto.strategies import cloud_events


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
