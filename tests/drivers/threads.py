"""A server of raw sockets in threads: for clients in other processes, and to be killed at will."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

Behaviour: TypeAlias = Callable[[socket.socket, bytes], None]


@contextmanager
def server_in_threads(behave: Behaviour) -> Iterator[str]:
    """Have `behave` answer each request on a connection of its own; gives the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()

    def attend(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if request := read_request(connection):
                behave(connection, request)

    def accept() -> None:
        with suppress(OSError):
            while not closing.is_set():
                connection, _ = listener.accept()
                threading.Thread(target=attend, args=(connection,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        closing.set()
        listener.shutdown(socket.SHUT_RDWR)  # which wakes who accepts
        listener.close()
        accepting.join(timeout=10)


def read_request(connection: socket.socket) -> bytes:
    """One request with its body, or nothing at the end."""
    raw = b""
    while b"\r\n\r\n" not in raw or len(raw.partition(b"\r\n\r\n")[2]) < _length(raw):
        data = connection.recv(65536)
        if not data:
            return b""
        raw += data
    return raw


def _length(raw: bytes) -> int:
    _, found, rest = raw.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n")[0]) if found else 0


def reset(connection: socket.socket) -> None:
    """Close a connection as the system does for a process that was killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
