"""A server of event streams that is killed in the middle of everything, and started again."""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Final, Self

from tests.drivers.threads import read_request, reset

__all__ = ["MortalServer", "event", "text"]

_ENDS: Final = ("\r\n", "\n", "\r")
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def text(number: int) -> str:
    """What the event of this number says."""
    return f"{number} h\u00e9\u20ac\U0001f600\n{'x' * (number % 50)}"


def event(number: int) -> bytes:
    """The event of this number, with one of the three line ends."""
    end = _ENDS[number % 3]
    data = "".join(f"data: {line}{end}" for line in text(number).split("\n"))
    return f"id: {number}{end}{data}{end}".encode()


class MortalServer:
    """Sends each client all events from where it was, until one of them is the death of the server.

    Then all connections are cut, wherever each of them is, and nobody listens; until it starts
    again, on the same port. After its last life it is immortal, and sends `bye` to everybody.

    Args:
        lives: How often it is killed.
        seed: For its chance.
    """

    def __init__(self, lives: int, seed: int) -> None:
        self.restarts = 0
        self.cuts: dict[str, int] = {}
        self._lives = lives
        self._chance = Random(seed)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        self._dead = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._dead.set()
        self._thread.join(timeout=20)

    def _live(self) -> None:
        while not self._closing:
            accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
            accepting.start()
            self._dead.wait()
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # which wakes who accepts
            self._listener.close()
            accepting.join()
            with self._lock:
                for connection in self._connections:
                    self._cut(connection)
                self._connections.clear()
            if not self._closing:
                time.sleep(self._chance.choice((0, 0, 0.003)))
                self.restarts += 1
                self._dead.clear()
                self._listener = socket.create_server(("127.0.0.1", self.port))

    def _cut(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client may have left
            if self._chance.random() < 0.5:
                reset(connection)
            else:
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with self._lock:
                    self._connections.add(connection)
                threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        with suppress(OSError):
            request = read_request(connection)
            if not request:
                return
            _, found, rest = request.partition(b"Last-Event-ID: ")
            last = int(rest.split(b"\r\n")[0]) if found else 0
            immortal = self.restarts >= self._lives
            death = None if immortal else last + self._chance.randrange(1, 40)
            send = self._chance.choice((_plainly, _in_chunks, _compressed))(connection)
            if immortal:
                send(b"event: bye\ndata: bye\n\n", None)
                connection.recv(1)
                return
            for number in _count_from(last + 1):
                if number == death:
                    kind, at = self._choose_cut(event(number))
                    send(event(number), at)
                    self.cuts[kind] = self.cuts.get(kind, 0) + 1
                    self._dead.set()
                    return
                send(event(number), None)

    def _choose_cut(self, written: bytes) -> tuple[str, int]:
        kind = self._chance.choice(("line end", "character", "event"))
        if kind == "line end" and b"\r\n" in written:
            return kind, written.index(b"\r\n", self._chance.randrange(len(written) - 2)) + 1
        if kind == "character":
            return kind, written.index("\U0001f600".encode()) + self._chance.randrange(1, 4)
        return "event", self._chance.randrange(len(written))


Send = Callable[[bytes, int | None], None]
"""Sends an event, or what comes of it before the cut."""


def _count_from(number: int) -> Iterator[int]:
    while True:
        yield number
        number += 1


def _plainly(connection: socket.socket) -> Send:
    connection.sendall(_HEAD + b"\r\n")
    return lambda written, cut: connection.sendall(written[:cut])


def _in_chunks(connection: socket.socket) -> Send:
    connection.sendall(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")

    def send(written: bytes, cut: int | None) -> None:
        chunk = b"%x\r\n%s\r\n" % (len(written), written)
        connection.sendall(chunk if cut is None else chunk[: chunk.index(b"\n") + 1 + cut])

    return send


def _compressed(connection: socket.socket) -> Send:
    connection.sendall(_HEAD + b"Content-Encoding: gzip\r\n\r\n")
    compress = zlib.compressobj(wbits=31)

    def send(written: bytes, cut: int | None) -> None:
        flushed = compress.compress(written[:cut]) + compress.flush(zlib.Z_SYNC_FLUSH)
        connection.sendall(flushed)

    return send
