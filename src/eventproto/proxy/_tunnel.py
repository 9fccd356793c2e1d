"""What all tunnels are."""

from __future__ import annotations

from abc import abstractmethod

from eventproto._event import Event
from eventproto._machine import Chunk, End, Machine
from eventproto._value import value

__all__ = ["Opened", "Tunnel"]


@value()
class Opened(Event):
    """The tunnel stands: what is written from now on goes to the target, and what comes is its."""


class Tunnel(Machine[End, Chunk, Chunk]):
    """Asks a proxy for a connection to somebody else.

    It reports `Opened`, and nothing as long as it is open; or `Closed` with why there is no
    tunnel. It takes `End`, and closes at once. Whoever carries it gives the wire, once the tunnel
    is open, to another machine, which begins with what has `arrived`.
    """

    @property
    @abstractmethod
    def arrived(self) -> list[Chunk]:
        """What came behind the proxy's answer: bytes, and EOF if it came."""
