"""Reading masked messages, next to its peers: `python -m benchmarks.bench_websocket`.

The frame decoder and the sans-I/O protocol of websockets (with its C extension) give frames;
the connection, which also has states and timers, and wsproto give events with decoded text.
Messages of 1 MiB are bytes, so that nobody decodes them, and are not read by wsproto, which gives
them in pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from time import process_time
from typing import Final

from websockets.protocol import Protocol, Side
from wsproto import ConnectionType
from wsproto.connection import Connection as WsprotoConnection

from eventproto.websocket import Connection, FrameDecoder, Opcode, Role, encode_frame

_MESSAGES: Final = 10_000
_LARGE_MESSAGES: Final = 20
_ROUNDS: Final = 7


def main() -> None:
    random = Random(0)
    payload = b"x" * 125
    frames = [encode_frame(Opcode.TEXT, payload, key=random.randbytes(4)) for _ in range(_MESSAGES)]
    shapes = {
        "100 messages per read": [b"".join(frames[at : at + 100]) for at in range(0, 10_000, 100)],
        "one message per read": frames,
    }
    readers = (read_frames, read_connection, read_websockets, read_wsproto)
    for shape, chunks in shapes.items():
        assert {read(chunks) for read in readers} == {_MESSAGES}
        codec, connection, websockets, wsproto = measure(chunks, *readers)
        for name, seconds in (("FrameDecoder", codec), ("Connection", connection)):
            print(
                f"{shape:22} {name:13} {seconds / _MESSAGES * 1e6:.2f} us per message   "
                f"{seconds / websockets:.2f}x websockets   {seconds / wsproto:.2f}x wsproto"
            )
    large = encode_frame(Opcode.BINARY, random.randbytes(1 << 20), key=random.randbytes(4))
    for size in (1 << 16, 1 << 18, 1 << 21):
        chunks = [large[at : at + size] for at in range(0, len(large), size)] * _LARGE_MESSAGES
        assert read_connection(chunks) == read_websockets(chunks) == _LARGE_MESSAGES
        connection, websockets = measure(chunks, read_connection, read_websockets)
        print(
            f"1 MiB, {size >> 10:4} KiB per read  Connection    "
            f"{connection / _LARGE_MESSAGES * 1e6:.0f} us per message   "
            f"{connection / websockets:.2f}x websockets"
        )


def measure(chunks: list[bytes], *readers: Callable[[list[bytes]], object]) -> list[float]:
    """The best time of each reader; they take turns, so that a busy machine slows all alike."""
    best = [float("inf")] * len(readers)
    for _ in range(_ROUNDS):
        for index, read in enumerate(readers):
            start = process_time()
            read(chunks)
            best[index] = min(best[index], process_time() - start)
    return best


def read_frames(chunks: list[bytes]) -> int:
    decoder = FrameDecoder(masked=True)
    return sum(len(decoder.receive(chunk)) for chunk in chunks)


def read_connection(chunks: list[bytes]) -> int:
    connection = Connection(Role.SERVER)
    count = 0
    for now, chunk in enumerate(chunks):
        connection.receive(chunk, now)
        while connection.next_event() is not None:
            count += 1
    return count


def read_websockets(chunks: list[bytes]) -> int:
    protocol = Protocol(Side.SERVER, max_size=1 << 20)
    count = 0
    for chunk in chunks:
        protocol.receive_data(chunk)
        count += len(protocol.events_received())
    return count


def read_wsproto(chunks: list[bytes]) -> int:
    connection = WsprotoConnection(ConnectionType.SERVER)
    count = 0
    for chunk in chunks:
        connection.receive_data(chunk)
        count += sum(1 for _ in connection.events())
    return count


if __name__ == "__main__":
    main()
