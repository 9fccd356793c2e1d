"""A server that answers as it is told: what its tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from eventproto import (
    Chunk,
    Event,
)
from eventproto.http import (
    Body,
    Call,
    Headers,
    Response,
    Result,
    ServerConnection,
)

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
OLD = GET.replace(b"1.1", b"1.0")
UPGRADE = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc"
OK = Response(200, Headers({"A": "b"}), b"hello")


def take(machine: ServerConnection) -> list[Event]:
    return list(iter(machine.next_event, None))


def written(machine: ServerConnection) -> bytes:
    return b"".join(each for each in iter(machine.next_output, None) if isinstance(each, bytes))


def serve(
    data: bytes,
    answer: Callable[[Call], Iterable[Any]],
    **options: Any,
) -> tuple[bytes, list[Event], ServerConnection]:
    """Receive data, and answer each call as soon as it is taken."""
    machine = ServerConnection(**options)
    machine.receive(data, 0)
    events = []
    while (event := machine.next_event()) is not None:
        events.append(event)
        for command in answer(event) if isinstance(event, Call) else ():
            machine.send(command, 0)
    return written(machine), events, machine


def whole(response: Response) -> Callable[[Call], Iterable[Any]]:
    return lambda call: [Result(call.token, response)]


def streamed(*chunks: Chunk, **headers: str) -> Callable[[Call], Iterable[Any]]:
    head = Response(200, Headers(headers))
    return lambda call: [
        Result(call.token, head, more=True),
        *(Body(call.token, chunk) for chunk in chunks),
    ]
