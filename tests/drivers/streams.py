"""Servers of event streams, for tests of a client."""

from __future__ import annotations

from contextlib import suppress

import anyio
from anyio.abc import SocketStream

from eventproto import Steps
from tests.drivers.peers import read_all, read_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
AT_ONCE = Steps((0.01,) * 1000)


class Server:
    """Sends something to whoever asks, and notices when they have gone."""

    def __init__(self, *sent: bytes) -> None:
        self.sent = sent
        self.requests: list[bytes] = []
        self.asked = anyio.Event()
        self.gone = anyio.Event()

    async def __call__(self, stream: SocketStream) -> None:
        self.requests.append(await read_request(stream))
        self.asked.set()
        for data in self.sent:
            await stream.send(data)
        await wait_until_gone(stream)
        self.gone.set()


async def wait_until_gone(stream: SocketStream) -> None:
    """Until the client has dropped the connection, in whatever way."""
    with suppress(anyio.BrokenResourceError):
        await read_all(stream)
