"""A small protocol to drive: frames of bytes, each after its length in four bytes."""

from __future__ import annotations

from collections.abc import Hashable

from typing_extensions import override

from eventproto import EOF, Chunk, ConnectionLost, End, Event, Machine, PeerTimeout
from eventproto._value import value


@value()
class Frame(Event):
    """One frame."""

    data: bytes


class Framed(Machine[bytes | End, Chunk, Chunk]):
    """Sends and reports frames; gives a silent peer up after `patience` seconds."""

    def __init__(self, *, patience: float | None = None) -> None:
        super().__init__()
        self._patience = patience
        self._buffer = b""
        self._ending = False

    @override
    def _on_start(self) -> None:
        if self._patience is not None:
            self._timers.set("silence", self._now + self._patience)

    @override
    def _on_send(self, command: bytes | End) -> None:
        if isinstance(command, End):
            self._ending = True
            self._outputs.append(EOF)
            self._timers.set("end", self._now + 5)
        else:
            self._outputs.append(frame(command))

    @override
    def _on_receive(self, data: Chunk) -> None:
        self._on_start()
        if data is not EOF:
            self._buffer += data
        elif self._ending:
            self._close()
        else:
            self._fail(ConnectionLost("the peer is gone"))

    @override
    def _parse(self) -> bool:
        size = 4 + int.from_bytes(self._buffer[:4], "big")
        if len(self._buffer) < max(4, size):
            return False
        self._events.append(Frame(self._buffer[4:size]))
        self._buffer = self._buffer[size:]
        return True

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._fail(PeerTimeout(f"waited in vain: {timer}"))


def frame(data: bytes) -> bytes:
    """A frame as it is on the wire."""
    return len(data).to_bytes(4, "big") + data


def frames(raw: bytes) -> list[bytes]:
    """What is in these frames; raises if the last one is torn."""
    found: list[bytes] = []
    while raw:
        size = int.from_bytes(raw[:4], "big")
        assert len(raw) >= 4 + size, "a torn frame"
        found.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    return found
