"""The kit that feeds one machine, held to machines that are known to be right or wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from eventproto import EOF, Chunk, Closed, Event, LimitExceeded, Machine, RemoteProtocolError
from eventproto._value import value
from eventproto.strategies import chunkings
from eventproto.testing import check_chunking, comparable, feed


@value()
class Line(Event):
    """One line."""

    text: bytes


class Lines(Machine[bytes, Chunk, Chunk]):
    """Reports each line and echoes it; refuses NUL."""

    def __init__(self, *, careless: bool = False) -> None:
        super().__init__(max_backlog=2)
        self._careless = careless
        self._buffer = b""

    @override
    def _on_send(self, command: bytes) -> None:
        self._outputs.append(command)

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data is EOF:
            self._outputs.append(EOF)
            self._close()
        else:
            self._buffer = data if self._careless else self._buffer + data

    @override
    def _parse(self) -> bool:
        line, found, rest = self._buffer.partition(b"\n")
        if not found:
            return False
        self._buffer = rest
        if b"\0" in line:
            msg = f"NUL in line {line!r}"
            raise RemoteProtocolError(msg, code=400)
        self._events.append(Line(line))
        self._outputs.append(line)
        return True


def test_feed_collects_events_and_output() -> None:
    """All that comes out, in order, past the backlog of the machine too."""
    transcript = feed(Lines(), [b"a\nb\n", b"c\nd", EOF])

    assert transcript.events == (Line(b"a"), Line(b"b"), Line(b"c"), Closed())
    assert transcript.output == b"abc"
    assert transcript.ended
    assert transcript.machine.finished


@given(st.data(), st.binary(max_size=40))
def test_check_chunking_accepts_what_no_chunking_changes(data: st.DataObject, raw: bytes) -> None:
    """A correct machine passes for any input and any chunking."""
    check_chunking(Lines, raw, data.draw(chunkings(raw)))


def test_check_chunking_refuses_what_depends_on_it() -> None:
    """A machine that forgets the start of a line is found out, and shown how."""
    with pytest.raises(AssertionError, match="whole it gives"):
        check_chunking(lambda: Lines(careless=True), b"ab\n")


def test_check_chunking_refuses_a_difference_in_a_given_chunking_only() -> None:
    """The chunkings that are given count as much as the two built-in ones."""

    class Picky(Lines):
        @override
        def _on_receive(self, data: Chunk) -> None:
            super()._on_receive(b"x" if data == b"ab" else data)

    with pytest.raises(AssertionError, match=r"cut into \[b'ab', b'c\\n'\]"):
        check_chunking(Picky, b"abc\n", [b"ab", b"c\n"])


def test_comparable_makes_equal_errors_equal() -> None:
    """Type, text and code count; identity does not."""

    def closed(text: str, code: int) -> Closed:
        return Closed(LimitExceeded(text, code=code, limit="line_size"))

    assert comparable(closed("too long", 1009)) == comparable(closed("too long", 1009))
    assert comparable(closed("too long", 1009)) != comparable(closed("too long", 1002))
    assert comparable(closed("too long", 1009)) != comparable(closed("too wide", 1009))
    assert comparable(Line(b"a")) != comparable(Line(b"b"))


@given(st.data(), st.binary(max_size=40))
def test_chunkings_join_to_the_whole(data: st.DataObject, raw: bytes) -> None:
    """Cutting loses nothing."""
    assert b"".join(data.draw(chunkings(raw))) == raw
