"""What carries the calls of a client: its test is the server, and has the clock."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from eventproto import EOF, Backoff, Chunk, Closed, ConnectionLost, Event
from eventproto.http import Body, Call, Headers, Request, Response, Result
from eventproto.sse import Client, Disconnected, State

URL = "https://sse.example/stream"
STREAM = Headers({"Content-Type": "text/event-stream"})
HALF = bytes([0x80, 0, 0, 0])  # chance that is always one half
LOST = ConnectionLost("the wire broke")


class Carrier:
    """Carries the calls of a client, which waits half of the time that chance may give it."""

    def __init__(self, url: str = URL, **options: Any) -> None:
        options.setdefault("entropy", lambda count: HALF)
        options.setdefault("backoff", Backoff())
        self.client = Client(url, **options)
        self.now = 0.0
        self.calls: list[Call] = []
        self.wait(0)

    @property
    def request(self) -> Request:
        return self.calls[-1].request

    @property
    def token(self) -> Hashable:
        return self.calls[-1].token

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.client.handle_timeout(self.now)
        self.collect()

    def answer(self, outcome: Response | Exception, *, more: bool = True) -> None:
        more = more and isinstance(outcome, Response)
        self.client.receive(Result(self.token, outcome, more), self.now)
        self.collect()

    def open(self) -> None:
        self.answer(Response(200, STREAM))

    def body(self, *chunks: Chunk, error: Exception | None = None) -> None:
        for chunk in chunks:
            failed = error if chunk is EOF else None
            self.client.receive(Body(self.token, chunk, failed), self.now)
        self.collect()

    def collect(self) -> None:
        for output in iter(self.client.next_output, None):
            assert isinstance(output, Call)
            self.calls.append(output)

    def events(self) -> list[Event]:
        found = list(iter(self.client.next_event, None))
        self.collect()
        return found

    def closed(self) -> Exception | None:
        """The error that it closed with, once it has."""
        *_, last = self.events()
        assert isinstance(last, Closed)
        assert self.client.state is State.CLOSED
        assert self.client.finished
        self.wait(1_000_000)
        assert self.events() == []
        return last.error

    def disconnected(self) -> Disconnected:
        """The last event, which says that there will be another attempt; then it is made."""
        *_, last = self.events()
        assert isinstance(last, Disconnected)
        assert self.client.state is State.CONNECTING
        self.wait(last.delay)
        return last
