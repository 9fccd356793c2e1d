"""Events, and the message that is the same over all four wires."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from eventproto import Closed, ConnectionLost, Event, LocalProtocolError, Message
from eventproto.cloudevents import from_json, to_json
from eventproto.strategies import messages

HALF = "a\ud800"


def test_only_content_has_a_message() -> None:
    """Events say None unless they bear content."""
    assert Event().message() is None
    assert Closed(ConnectionLost("x")).message() is None


def test_closed_is_clean_unless_it_says_why() -> None:
    """No error, no fault."""
    assert Closed().error is None


def test_only_data_is_required() -> None:
    """And nothing is invented."""
    message = Message(data=b"x")
    assert message.type == "message"
    rest = (message.id, message.source, message.subject, message.time, message.content_type)
    assert rest == (None,) * 5
    assert message.extensions == {}


@given(messages())
def test_messages_are_values(message: Message) -> None:
    """Equal if they say the same, and hashable, extensions included."""
    copy = replace(message)
    assert copy is not message
    assert copy == message
    assert hash(copy) == hash(message)


@pytest.mark.parametrize("name", ["type", "id", "source", "subject", "content_type"])
@pytest.mark.parametrize("wrong", ["", HALF, 1, b"x"])
def test_an_attribute_is_text_that_is_not_empty(name: str, wrong: Any) -> None:
    """Whatever else would not survive the wires."""
    with pytest.raises(LocalProtocolError, match=name):
        Message(data=b"", **{name: wrong})


@pytest.mark.parametrize("data", ["x", bytearray(b"x"), memoryview(b"x"), None])
def test_data_is_bytes(data: Any) -> None:
    """Text has a way of its own."""
    with pytest.raises(LocalProtocolError, match="of_text"):
        Message(data=data)


def test_time_is_aware() -> None:
    """A naive time would be another one elsewhere."""
    for zone in (UTC, timezone(timedelta(hours=-5))):
        time = datetime(2024, 1, 1, tzinfo=zone)
        assert Message(data=b"", time=time).time == time
    with pytest.raises(LocalProtocolError, match="time zone"):
        Message(data=b"", time=datetime(2024, 1, 1))  # noqa: DTZ001


class Autumn(tzinfo):
    """A zone at the end of summer, when an hour comes twice."""

    @override
    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(hours=1 if dt is not None and dt.fold else 2)

    @override
    def dst(self, dt: datetime | None) -> None:
        return None

    @override
    def tzname(self, dt: datetime | None) -> None:
        return None


@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_keeps_its_offset_and_not_its_zone(fold: int) -> None:
    """Or a message would not be equal to itself after a journey: Python compares no such times."""
    ambiguous = datetime(2025, 10, 26, 2, 30, tzinfo=Autumn(), fold=fold)
    message = Message(data=b"", id="1", source="/s", time=ambiguous)
    assert message == replace(message, time=ambiguous.astimezone(UTC))
    assert from_json(to_json(message)) == message
    assert message.time is not None
    assert (message.time.hour, message.time.utcoffset()) == (2, timedelta(hours=2 - fold))


@pytest.mark.parametrize("wrong", ["2024-01-01T00:00:00Z", 0, date(2024, 1, 1), b""])
def test_time_is_a_datetime(wrong: Any) -> None:
    """Not a string, a number or a day."""
    with pytest.raises(LocalProtocolError, match="time must be a datetime"):
        Message(data=b"", time=wrong)


@pytest.mark.parametrize("extensions", [None, [("a", "b")], "a", {"a"}, 1])
def test_extensions_are_a_mapping(extensions: Any) -> None:
    """And nothing that could be made one."""
    with pytest.raises(LocalProtocolError, match="mapping of strings"):
        Message(data=b"", extensions=extensions)


@pytest.mark.parametrize(
    "name", ["", "A", "a-b", "é", "²", "id", "data", "datacontenttype", "a b", "a\n", 1, None, b"a"]
)
def test_extensions_are_named_in_letters_and_digits(name: Any) -> None:
    """And not like an attribute."""
    # CE A2, A4
    with pytest.raises(LocalProtocolError, match="extension"):
        Message(data=b"", extensions={name: "x"})


@pytest.mark.parametrize("text", [1, None, b"x", HALF])
def test_extensions_are_text(text: Any) -> None:
    """Possibly empty."""
    assert Message(data=b"", extensions={"a1": ""}).extensions == {"a1": ""}
    with pytest.raises(LocalProtocolError, match="'a1'"):
        Message(data=b"", extensions={"a1": text})


def test_extensions_do_not_follow_their_source() -> None:
    """A message cannot change."""
    extensions = {"a": "b"}
    message = Message(data=b"", extensions=extensions)
    extensions["a"] = "c"
    assert message.extensions["a"] == "b"


@given(st.text())
def test_of_text(text: str) -> None:
    """What goes in comes out."""
    message = Message.of_text(text, id="1")
    assert (message.text, message.id) == (text, "1")
    assert message.content_type == Message.of_text(text).content_type == "text/plain;charset=utf-8"
    assert Message.of_text(text, content_type="a/b").content_type == "a/b"


@pytest.mark.parametrize("wrong", [None, 5, b"x", bytearray(b"x")])
def test_of_text_refuses_what_is_no_text(wrong: Any) -> None:
    """Bytes go into `Message(data=...)`."""
    with pytest.raises(LocalProtocolError, match="text must be a string"):
        Message.of_text(wrong)


def test_of_text_refuses_half_a_surrogate_pair() -> None:
    """There is no UTF-8 for it."""
    with pytest.raises(LocalProtocolError, match="index 1"):
        Message.of_text(HALF)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=10,
    )
)
def test_of_json(content: Any) -> None:
    """What goes in comes out, and the standard library reads it."""
    message = Message.of_json(content, type="t")
    assert message.json() == json.loads(message.text) == content
    assert (message.type, message.content_type) == ("t", "application/json")
    assert Message.of_json(content, content_type="a/b").content_type == "a/b"


def test_of_json_refuses_what_is_not_json() -> None:
    """With the reason, and no exception of another kind."""
    endless: list[Any] = []
    endless.append(endless)
    for content in (object(), float("nan"), b"x", {1, 2}, HALF, endless, {(1,): 2}):
        with pytest.raises(LocalProtocolError, match="JSON"):
            Message.of_json(content)


def test_reading_what_is_not_there() -> None:
    """The errors of the language, as for any bytes."""
    with pytest.raises(UnicodeDecodeError):
        _ = Message(data=b"\xff").text
    with pytest.raises(ValueError):
        Message(data=b"{").json()
    with pytest.raises(ValueError, match="too deep"):
        Message(data=b"[" * 200_000).json()
