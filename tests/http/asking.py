"""A client that has asked for something: what its tests share."""

from __future__ import annotations

from typing import Any

from eventproto import (
    Chunk,
    Closed,
    Event,
)
from eventproto.http import (
    Call,
    ClientConnection,
    Headers,
    Limits,
    Request,
    Result,
)
from eventproto.testing import comparable, feed

GET = Request("GET", "http://a.example/b?c")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
)
CLOSING = b"HTTP/1.1 200 OK\r\n\r\nabcde"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
CONNECT = Request("CONNECT", "http://a.example")
UPGRADE = Request("GET", "http://a/", Headers({"Connection": "upgrade", "Upgrade": "x"}))


def take(machine: ClientConnection) -> list[Event]:
    return list(iter(machine.next_event, None))


def written(machine: ClientConnection) -> bytes:
    return b"".join(each for each in iter(machine.next_output, None) if isinstance(each, bytes))


def asking(
    request: Request = GET, *, stream: bool = False, limits: Limits = Limits()
) -> ClientConnection:
    """A client that has just sent a call with the token "t"."""
    machine = ClientConnection(limits=limits)
    machine.send(Call("t", request, stream), 0)
    return machine


def events_of(data: bytes, *more: Chunk, **options: Any) -> tuple[Event, ...]:
    """What is reported for this answer; the same whole and byte by byte."""
    whole = feed(asking(**options), [data, *more])
    single = feed(asking(**options), [*(data[at : at + 1] for at in range(len(data))), *more])
    if not options.get("stream"):
        assert list(map(comparable, single.events)) == list(map(comparable, whole.events))
    return whole.events


def failure(data: bytes, *more: Chunk, **options: Any) -> Exception:
    """The error that is both the outcome of the call and of the connection."""
    result, closed = events_of(data, *more, **options)
    assert isinstance(result, Result)
    assert isinstance(closed, Closed)
    assert isinstance(result.outcome, Exception)
    assert result.outcome is closed.error
    return result.outcome
