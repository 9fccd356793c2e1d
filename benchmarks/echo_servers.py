"""Echo servers, each in a process of its own, and connections to them without a library."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["OURS", "SERVERS", "EchoServer", "connected", "pin", "running"]

OURS: Final = ("callback", "iterate")
"""The names of those that are not peers."""

_OURS: Final = ("eventproto.testing.echo", "--no-compression")
_PEERS: Final = "benchmarks.echo_peers"
SERVERS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "asyncio": {
        "callback": [*_OURS, "--form=callback"],
        "iterate": [*_OURS, "--form=iterate"],
        "picows": [_PEERS, "picows"],
        "aiohttp": [_PEERS, "aiohttp"],
        "websockets": [_PEERS, "websockets"],
    },
    "uvloop": {
        "callback": [*_OURS, "--form=callback", "--loop=uvloop"],
        "iterate": [*_OURS, "--form=iterate", "--loop=uvloop"],
        "picows": [_PEERS, "picows", "--loop=uvloop"],
        "aiohttp": [_PEERS, "aiohttp", "--loop=uvloop"],
        "websockets": [_PEERS, "websockets", "--loop=uvloop"],
    },
    "trio": {
        "callback": [*_OURS, "--form=callback", "--runtime=trio"],
        "iterate": [*_OURS, "--form=iterate", "--runtime=trio"],
        "websockets": [_PEERS, "websockets-trio"],
    },
}
"""What to run as a module, by loop and name."""

_PROCESSORS: Final = sorted(os.sched_getaffinity(0))


class EchoServer(NamedTuple):
    """A server that runs.

    Attributes:
        pid: The number of its process.
        port: Where it listens.
    """

    pid: int
    port: int

    def processor_time(self) -> float:
        """Seconds, user and system: what clock_getcpuclockid(3) is for."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory(self) -> int:
        """Bytes that are resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf(
            "SC_PAGESIZE"
        )


@contextmanager
def running(command: Sequence[str]) -> Iterator[EchoServer]:
    """A server, for the time of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-m", *command, f"--port={port}"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            pin(process.pid, 0)
            assert process.stdout is not None
            assert process.stdout.readline(), f"{command} did not start"
            yield EchoServer(process.pid, port)
        finally:
            process.terminate()


def pin(pid: int, index: int) -> None:
    """Give a process a processor: with one for both ends, each message is a switch between them."""
    os.sched_setaffinity(pid, {_PROCESSORS[index % len(_PROCESSORS)]})


def connected(port: int) -> socket.socket:
    """The client's end of a WebSocket."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = connection.recv(4096)
        assert more, head
        head += more
    assert head.startswith(b"HTTP/1.1 101"), head
    return connection
