"""Echo servers next to their peers: `python -m benchmarks.bench_websocket_echo [LOOP ...]`.

Counted is what the operating system says that the process of the server has computed, user and
system time, for each message that came back. The load comes from this process: plain sockets and
frames that were built before. Servers take turns, so that a busy machine slows all alike, and the
best round of each counts. LOOP is `asyncio`, `uvloop` or `trio`; by default it is all three, with
few and short rounds.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

from typing_extensions import override

from benchmarks.echo_servers import OURS, SERVERS, EchoServer, connected, pin, running
from eventproto.websocket import Opcode, encode_frame

_KEY: Final = b"\x12\x9a\x34\xf7"


class Shape(NamedTuple):
    """What the load is like.

    Attributes:
        opcode: Text or bytes.
        connections: How many there are at once, each with one write in flight.
        size: Bytes of a message.
        per_write: How many messages are sent together.
        writes: How many times that is done in one round, over all connections.
    """

    opcode: Opcode
    connections: int
    size: int
    per_write: int
    writes: int

    @override
    def __str__(self) -> str:
        kind = self.opcode.name.lower()
        return f"{self.connections} x {self.per_write} {kind} messages of {self.size} bytes"


_SHAPES: Final[Sequence[Shape]] = (
    Shape(Opcode.TEXT, 32, 125, 1, 20_000),
    Shape(Opcode.BINARY, 32, 125, 1, 20_000),
    Shape(Opcode.TEXT, 1, 125, 100, 600),
    Shape(Opcode.BINARY, 1, 125, 100, 600),
    Shape(Opcode.BINARY, 4, 65536, 1, 3_000),
    Shape(Opcode.BINARY, 4, 1048576, 1, 150),
)


def main(loops: Sequence[str] = ()) -> None:
    pin(0, 1)
    shapes, rounds = _SHAPES, 9
    if not loops:
        loops, rounds = tuple(SERVERS), 3
        shapes = tuple(
            each._replace(writes=each.writes // 4) for each in (*_SHAPES[::2], _SHAPES[-1])
        )
    for loop in loops:
        with ExitStack() as stack:
            servers = {
                name: stack.enter_context(running(command))
                for name, command in SERVERS[loop].items()
            }
            for shape in shapes:
                report(loop, shape, measure(shape, servers, rounds))


def report(loop: str, shape: Shape, costs: Mapping[str, float]) -> None:
    print(f"{loop}, {shape}")
    for name, cost in costs.items():
        ratios = "".join(
            f"   {cost / other:.2f}x {peer}"
            for peer, other in costs.items()
            if name in OURS and peer not in OURS
        )
        print(f"  {name:11} {cost * 1e6:8.2f} us per message{ratios}")


def measure(shape: Shape, servers: Mapping[str, EchoServer], rounds: int) -> dict[str, float]:
    """Seconds of the server's processor for each message, by server."""
    best = dict.fromkeys(servers, float("inf"))
    for _ in range(rounds):
        for name, server in servers.items():
            with loaded(server.port, shape) as load:  # anew, because nothing here answers a Ping
                before = server.processor_time()
                load.run(shape.writes)
                spent = server.processor_time() - before
            best[name] = min(best[name], spent / shape.writes / shape.per_write)
    return best


class Load:
    """Connections to one server; each always waits for the echo of one write."""

    def __init__(self, port: int, shape: Shape) -> None:
        payload = bytes(range(32, 32 + 90)) * (shape.size // 90 + 1)
        payload = payload[: shape.size]
        self._sent = encode_frame(shape.opcode, payload, key=_KEY) * shape.per_write
        self._echo = encode_frame(shape.opcode, payload) * shape.per_write
        self._sockets = [connected(port) for _ in range(shape.connections)]
        self._poll = select.epoll()
        self._by_file = {each.fileno(): each for each in self._sockets}
        for each in self._sockets:
            self._poll.register(each, select.EPOLLIN)
            each.sendall(self._sent)
            received = b""
            while len(received) < len(self._echo):
                received += each.recv(len(self._echo))
            assert received == self._echo

    def run(self, writes: int) -> None:
        """Have so many writes come back."""
        size, sent, by_file = len(self._echo), self._sent, self._by_file
        buffer = bytearray(1 << 20)
        missing = dict.fromkeys(by_file, size)
        under_way = 0
        for each in self._sockets:
            each.sendall(sent)
            under_way += 1
            writes -= 1
        while under_way:
            for file, _ in self._poll.poll():
                each = by_file[file]
                left = missing[file] - each.recv_into(buffer)
                if left:
                    missing[file] = left
                    continue
                missing[file] = size
                if writes > 0:
                    each.sendall(sent)
                    writes -= 1
                else:
                    under_way -= 1

    def close(self) -> None:
        """End the connections in order."""
        self._poll.close()
        for each in self._sockets:
            each.sendall(encode_frame(Opcode.CLOSE, (1000).to_bytes(2, "big"), key=_KEY))
            while each.recv(1 << 16):
                pass
            each.close()


@contextmanager
def loaded(port: int, shape: Shape) -> Iterator[Load]:
    load = Load(port, shape)
    try:
        yield load
    finally:
        load.close()


if __name__ == "__main__":
    main(sys.argv[1:])
