"""A client of event streams that is not ours: h11 reads the HTTP, and nobody reconnects."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import h11
from anyio.abc import SocketAttribute, SocketStream

from eventproto import Event
from eventproto.sse import Comment, Decoder, RetryChanged, ServerSentEvent

__all__ = ["Client", "eventually", "follow"]

_PATIENCE: Final = 20


class Client:
    """One stream on one connection.

    Attributes:
        head: The head of the answer.
        last_event_id: As an EventSource has it.
        events: All that has come, but comments.
        ended: Whether the answer has come to its end.
    """

    def __init__(self, stream: SocketStream, last_event_id: str) -> None:
        self.head: h11.Response
        self.events: list[Event] = []
        self.ended = False
        self._decoder = Decoder(last_event_id=last_event_id)
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)

    @property
    def last_event_id(self) -> str:
        return self._decoder.last_event_id

    @property
    def said(self) -> list[ServerSentEvent]:
        """The events among what has come."""
        return [event for event in self.events if isinstance(event, ServerSentEvent)]

    @property
    def ids(self) -> list[str | None]:
        return [event.id for event in self.said]

    async def ask(self, method: str, target: str, headers: dict[str, str]) -> None:
        named = {"Host": "localhost", **headers}.items()
        fields = [(name.encode(), text.encode()) for name, text in named]
        request = h11.Request(method=method, target=target, headers=fields)
        await self._stream.send(self._http.send(request) + self._http.send(h11.EndOfMessage()))
        head = await self._next()
        assert isinstance(head, h11.Response)
        self.head = head

    async def read(self) -> bool:
        """Read some more, if there is more."""
        event = await self._next()
        if isinstance(event, h11.Data):
            found = self._decoder.receive(bytes(event.data))
            self.events += [event for event in found if not isinstance(event, Comment)]
            return True
        self.ended = isinstance(event, h11.EndOfMessage)
        return False

    async def read_events(self, count: int) -> list[ServerSentEvent]:
        """Read until so many events have come in all."""
        with anyio.fail_after(_PATIENCE):
            while len(self.said) < count:
                assert await self.read(), f"ended after {len(self.said)} events of {count}"
        return self.said

    async def read_id(self, last_event_id: str | None = None) -> str:
        """Read until there is an id, or this one."""
        with anyio.fail_after(_PATIENCE):
            while self.last_event_id != (last_event_id or self.last_event_id or None):
                assert await self.read(), f"ended at {self.last_event_id!r}"
        return self.last_event_id

    async def read_to_end(self) -> list[ServerSentEvent]:
        """Read until the answer or the connection ends."""
        with anyio.fail_after(_PATIENCE):
            while await self.read():
                pass
        return self.said

    @property
    def retries(self) -> list[int]:
        """What it was told to wait."""
        return [each.milliseconds for each in self.events if isinstance(each, RetryChanged)]

    async def _next(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            try:
                self._http.receive_data(await self._stream.receive())
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return None
        return event


@asynccontextmanager
async def follow(
    port: int,
    target: str = "/",
    *,
    last: str = "",
    method: str = "GET",
    headers: dict[str, str] | None = None,
    receive_buffer: int | None = None,
) -> AsyncGenerator[Client]:
    """Ask for a stream, for the time of the block; returns when the head has come."""
    raw = socket.socket()
    if receive_buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.connect(("127.0.0.1", port))
    async with await SocketStream.from_socket(raw) as stream:
        assert stream.extra(SocketAttribute.remote_port) == port
        client = Client(stream, last)
        fields = {} if not last else {"Last-Event-ID": last}
        with anyio.fail_after(_PATIENCE):
            await client.ask(method, target, {**fields, **(headers or {})})
        yield client


async def eventually(condition: Callable[[], object]) -> None:
    """Wait for what nothing tells of."""
    with anyio.fail_after(_PATIENCE):
        while not condition():  # noqa: ASYNC110  # no event
            await anyio.sleep(0.01)
