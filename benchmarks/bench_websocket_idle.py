"""What idle and hostile connections cost a server: `python -m benchmarks.bench_websocket_idle`.

Memory is what the process of an echo server has grown by for each of 5,000 connections that have
been opened and say nothing. The flood is 12 MB of empty fragments of one message; counted is the
processor time of the server until it has read or refused them.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from benchmarks.echo_servers import SERVERS, connected, running
from eventproto.websocket import FrameDecoder, Limits, Opcode, encode_frame

_CONNECTIONS: Final = 5000
_SPARE_FILES: Final = 100
_FLOOD: Final = 12 * 1000 * 1000
_PATIENCE: Final = 60.0  # seconds
_KEY: Final = bytes(4)
_FLOODED: Final[Mapping[str, Sequence[str]]] = {
    # Of the echo server, as many fragments are allowed as bytes.
    "eventproto": [*SERVERS["asyncio"]["iterate"], f"--max-message={Limits().fragments}"],
    "without a bound": SERVERS["asyncio"]["iterate"],
    "uvicorn": ["benchmarks.echo_peers", "uvicorn"],
    "uvicorn, wsproto": ["benchmarks.echo_peers", "uvicorn-wsproto"],
    "websockets": SERVERS["asyncio"]["websockets"],
    "aiohttp": SERVERS["asyncio"]["aiohttp"],
    "picows": SERVERS["asyncio"]["picows"],
}


def main() -> None:
    count = _allowed(_CONNECTIONS)
    if count < _CONNECTIONS:
        print(f"only {count} connections, as the system allows no more open files")
    for loop in ("asyncio", "trio"):
        for name, command in SERVERS[loop].items():
            print(f"{loop:7} {name:11} {idle(command, count) / 1024:5.1f} KiB per idle connection")
    for name, command in _FLOODED.items():
        seconds, end = flooded(command)
        print(f"{name:16} {seconds:6.3f} s for {_FLOOD / 1e6:.0f} MB of empty fragments, {end}")


def idle(command: Sequence[str], count: int) -> float:
    """Bytes per connection."""
    with running(command) as server:
        first = [connected(server.port) for _ in range(10)]  # has everything loaded that is needed
        before = server.memory()
        others = [connected(server.port) for _ in range(count)]
        time.sleep(0.5)
        grown = server.memory() - before
        for each in first + others:
            each.close()
    return grown / count


def flooded(command: Sequence[str]) -> tuple[float, str]:
    """Seconds, and how it has ended."""
    first = encode_frame(Opcode.BINARY, fin=False, key=_KEY)
    each = encode_frame(Opcode.CONTINUATION, fin=False, key=_KEY)
    last = encode_frame(Opcode.CONTINUATION, key=_KEY)
    end = encode_frame(Opcode.CLOSE, (1000).to_bytes(2, "big"), key=_KEY)
    flood = first + each * (_FLOOD // len(each)) + last + end
    answer = b""
    with running(command) as server, connected(server.port) as connection:
        connection.settimeout(_PATIENCE)
        before = server.processor_time()
        with suppress(ConnectionError, TimeoutError):  # it may be refused before all is sent
            connection.sendall(flood)
            while more := connection.recv(1 << 16):
                answer += more
        time.sleep(0.2)
        seconds = server.processor_time() - before
    frames = FrameDecoder(masked=False).receive(answer)
    codes = [frame.payload[:2] for frame in frames if frame.opcode is Opcode.CLOSE]
    return seconds, f"closed with {int.from_bytes(codes[0], 'big')}" if codes else "cut off"


def _allowed(count: int) -> int:
    """How many connections one process can have, up to `count`; the limit is raised for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _SPARE_FILES
    if soft < wanted:  # neither may be infinity, which is -1, as a number
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(count, soft - _SPARE_FILES)


if __name__ == "__main__":
    main()
