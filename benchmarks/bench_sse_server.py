"""One process, 1,000 subscribers: `python -m benchmarks.bench_sse_server`.

A server in a process of its own streams events of 130 bytes over loopback sockets to 1,000 clients
in this one. The time is the CPU time of the server for each event that a client has received; the
memory is what its process has grown by for each client that has connected and waits. The peer
is what people use: sse-starlette on uvicorn, with a queue for each client.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import process_time
from typing import Any, Final, Self, TypeAlias

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from eventproto import Message
from eventproto.asyncio import serve
from eventproto.engine import MemoryEngine
from eventproto.site import LogStream, Site

_CLIENTS: Final = 1000
_EVENTS: Final = 50
_ROUNDS: Final = 3
_BURST: Final = 10
_DATA: Final = '{"id":"4f7a","instrument":"EURUSD","bid":1.08412,"ask":1.08415,"at":1718000000123}~'

Publish: TypeAlias = Callable[[int], Awaitable[None]]
Serve: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[int, Publish]]]


def main() -> None:
    results = {name: measure(name) for name in SERVERS}
    for name, (memory, single, burst) in results.items():
        print(
            f"{name:14} {single * 1e6:4.1f} us per event and client   "
            f"{burst * 1e6:4.1f} us in bursts of {_BURST}   {memory / 1024:4.1f} KiB per client"
        )
    memory, single, burst = (
        our / their for our, their in zip(*(results[name] for name in SERVERS), strict=True)
    )
    print(f"{'ratio':14} {single:.2f}   {burst:.2f} in bursts   {memory:.2f} of the memory")


def measure(name: str) -> tuple[float, float, float]:
    """Bytes per client, and seconds per event one by one and in bursts."""
    command = [sys.executable, "-m", "benchmarks.bench_sse_server", name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        commands, answers = server.stdin, server.stdout
        assert commands is not None
        assert answers is not None

        def ask(line: str) -> str:
            print(line, file=commands, flush=True)
            return answers.readline()

        port = int(ask("port"))
        before = int(ask("memory"))
        with Clients(port) as clients:
            memory = (int(ask("memory")) - before) / _CLIENTS
            best: list[float] = []
            for burst in (1, _BURST):
                seconds: list[float] = []
                for _ in range(_ROUNDS):
                    start = float(ask("time"))
                    print(f"publish {burst}", file=commands, flush=True)
                    clients.read(_EVENTS * _CLIENTS)
                    answers.readline()
                    seconds.append(float(ask("time")) - start)
                best.append(min(seconds) / _EVENTS / _CLIENTS)
        commands.close()
        return memory, best[0], best[1]


class Clients:
    """Sockets that have asked for the stream, and know nothing of its format but a tilde."""

    def __init__(self, port: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(_CLIENTS)]
        for each in self._sockets:
            each.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for each in self._sockets:
            assert each.recv(65536).startswith(b"HTTP/1.1 200")
            each.settimeout(0)
            self._selector.register(each, selectors.EVENT_READ)

    def read(self, count: int) -> None:
        """Read until so many events have come, all clients together."""
        while count > 0:
            for key, _ in self._selector.select():
                each = key.fileobj
                assert isinstance(each, socket.socket)
                count -= each.recv(1 << 20).count(b"~")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()


@asynccontextmanager
async def serve_eventproto() -> AsyncIterator[tuple[int, Publish]]:
    engine = MemoryEngine()

    async def publish(count: int) -> None:
        for _ in range(count):
            await engine.log.append("prices", Message(data=_DATA.encode()))

    async with serve(Site({"/events": LogStream(engine.log, "prices")})) as server:
        yield server.port, publish


@asynccontextmanager
async def serve_starlette() -> AsyncIterator[tuple[int, Publish]]:
    queues: set[asyncio.Queue[dict[str, str]]] = set()

    async def endpoint(_: Request) -> EventSourceResponse:
        async def events() -> AsyncIterator[dict[str, str]]:
            queue: asyncio.Queue[dict[str, str]] = asyncio.Queue(1024)
            queues.add(queue)
            try:
                while True:
                    yield await queue.get()
            finally:
                queues.discard(queue)

        return EventSourceResponse(events())

    numbers = iter(range(1 << 60))

    async def publish(count: int) -> None:
        for _ in range(count):
            event = {"id": f"bubjq26m-{next(numbers):016}", "data": _DATA}
            for queue in queues:
                queue.put_nowait(event)

    app = Starlette(routes=[Route("/events", endpoint)])
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="warning", backlog=_CLIENTS)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # it has no event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1], publish
    server.should_exit = server.force_exit = True
    await task


SERVERS: Final[dict[str, Serve]] = {
    "eventproto": serve_eventproto,
    "sse-starlette": serve_starlette,
}


async def obey(serving: Serve) -> None:
    """Be the server, and do what the other process says."""
    commands = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(commands)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async with serving() as (port, publish):
        answers: dict[str, Callable[[], Any]] = {
            "port": lambda: port,
            "memory": resident_size,
            "time": process_time,
        }
        while line := (await commands.readline()).decode().split():
            match line:
                case ["publish", burst]:
                    for _ in range(_EVENTS // int(burst)):
                        await publish(int(burst))
                        for _ in range(20):  # everybody's turn, several times
                            await asyncio.sleep(0)
                    print(flush=True)
                case [question]:
                    print(answers[question](), flush=True)


def resident_size() -> int:
    gc.collect()
    with open("/proc/self/statm") as file:  # noqa: PTH123  # not a file
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(obey(SERVERS[sys.argv[1]]))
    else:
        main()
