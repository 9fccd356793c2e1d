"""Media types."""

from __future__ import annotations

from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto.http import MediaType


@pytest.mark.parametrize(
    "text",
    [
        *("text/event-stream", "TEXT/Event-Stream", " text/event-stream\t", "text/event-stream;"),
        *("text/event-stream ; charset=utf-8", "text/event-stream;;x", 'text/event-stream;a=", b"'),
    ],
)
def test_only_the_essence_counts(text: str) -> None:
    """Parameters, case, surrounding space and a trailing semicolon do not matter."""  # SSE F9
    media_type = MediaType.parse(text)
    assert media_type is not None
    assert media_type.essence == "text/event-stream"


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "text", "text/", "/plain", "text /plain", "text/ plain", "text/plain x"),
        *("text/plain, text/html", "text/plain/x", "text/plain\u00a0", "té/xt", "text/plain\n"),
    ],
)
def test_none_where_there_is_no_media_type(text: str | None) -> None:
    """Neither a part of one nor several are one."""  # SSE F9
    assert MediaType.parse(text) is None


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("a/b", {}),
        ("a/b; Charset=UTF-8", {"charset": "UTF-8"}),
        ('a/b;charset="utf-8"', {"charset": "utf-8"}),
        (r'a/b;x="\"\\";y=z', {"x": '"\\', "y": "z"}),
        ('a/b;x="a;b,c" ; y = z ', {"x": "a;b,c", "y": "z"}),
        ("a/b;x=1;X=2", {"x": "1"}),
        ("a/b;;=;x;=y", {"x": ""}),
        ('a/b;x="open;y=z', {"x": "open;y=z"}),
        ('a/b;x="open\\', {"x": "open"}),
        ('a/b;x="y"z;a=b', {"x": "y"}),
    ],
)
def test_parameters(text: str, parameters: dict[str, str]) -> None:
    """By lower-case name, unquoted, the first of each; malformed ones are skipped."""
    # HTTP C11
    media_type = MediaType.parse(text)
    assert media_type is not None
    assert media_type.parameters == parameters


def test_a_value_like_any_other() -> None:
    """Equal media types are equal, and hash alike."""
    assert MediaType.parse("A/B;c=d") == MediaType("a/b", {"c": "d"})
    assert len({MediaType.parse("a/b;c=d"), MediaType.parse("a/b; C=d")}) == 1


@given(st.from_regex(r"\A[a-z]{1,5}/[a-z+.-]{1,5}( ?; ?[a-z]{1,3}=([a-z]+|\"[a-z ]*\"))*\Z"))
def test_the_standard_library_reads_the_same(text: str) -> None:
    """`email` is the oracle for what is well-formed."""
    message = Message()
    message["Content-Type"] = text
    media_type = MediaType.parse(text)
    assert media_type is not None
    if message.get_content_type() != "text/plain":  # what it makes of anything odd
        assert media_type.essence == message.get_content_type()
    for name, value in media_type.parameters.items():
        assert message.get_param(name) == value


@given(st.text())
def test_no_text_makes_an_exception(text: str) -> None:
    """A media type, or None."""
    MediaType.parse(text)
    MediaType.parse("a/b;" + text)


@pytest.mark.parametrize("piece", [";", '";', "; a", " ", '\\"', '="', "a/"])
def test_time_is_linear(piece: str) -> None:
    """A megabyte of anything is read at once; quadratic time would be minutes."""
    MediaType.parse("a/b" + piece * 500_000)
    MediaType.parse('a/b;a="' + piece * 500_000)
