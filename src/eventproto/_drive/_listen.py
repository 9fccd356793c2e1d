"""Listening: one port at all addresses of a host, and no more connections than are wanted."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from ssl import SSLContext
from typing import Any, Final, Protocol

from eventproto import Chunk, Machine
from eventproto._drive._primitives import Primitives, Tasks
from eventproto._drive._stream import StreamSession

__all__ = ["Acceptor", "Listener", "Listening", "open_listeners"]

_TRIES: Final = 16  # to find a port that is free at all addresses
_RESPITE: Final = 0.1  # seconds until a system that is exhausted is asked again
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# What the system says of a connection that was lost before it was accepted; see accept(2).
_LOST: Final = {
    getattr(errno, name, None)
    for name in (
        "ECONNABORTED",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETUNREACH",
        "ENONET",
        "ENOPROTOOPT",
        "EOPNOTSUPP",
        "EPERM",
        "EPROTO",
    )
}
# A host may have addresses of a family that this machine does not.
_NOT_HERE: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_LOG: Final = logging.getLogger("eventproto")


class Listener(Protocol):
    """A socket that listens."""

    @property
    def port(self) -> int:
        """Where."""
        ...

    async def accept(self) -> Any:  # noqa: ANN401  # each runtime has sockets of its own
        """Wait for a connection; being cancelled loses none."""

    def close(self) -> None:
        """Stop listening."""


class Listening(Primitives, Protocol):
    """What a runtime gives to who listens."""

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host."""
        ...

    async def listen(self, address: str, port: int) -> Listener:
        """Listen at an address, of an IPv6 one not at the IPv4 addresses that it embeds."""
        ...

    async def drive(
        self,
        machine: Machine[Any, Chunk, Chunk],
        socket: Any,  # noqa: ANN401  # what `Listener.accept` gives
        use: Callable[[StreamSession[Any]], Awaitable[None]],
        /,
        *,
        tls: SSLContext | None,
        handshake_time: float,
    ) -> None:
        """Drive a machine on a connection that was accepted, while it is used.

        Raises:
            OSError: There is no TLS with this client, or not in time.
        """


async def open_listeners(network: Listening, host: str, port: int) -> list[Listener]:
    """Listen at all addresses of a host, at the same port.

    Raises:
        OSError: That cannot be.
    """
    addresses = list(dict.fromkeys(await network.resolve(host, port)))
    for _ in range(_TRIES if port == 0 else 0):
        try:
            return await _listen_at(network, addresses, port)
        except OSError as error:
            # The port that one address was given may be taken at another one.
            if error.errno != errno.EADDRINUSE:
                raise
    return await _listen_at(network, addresses, port)


async def _listen_at(network: Listening, addresses: list[str], port: int) -> list[Listener]:
    listeners: list[Listener] = []
    missing = OSError(errno.EADDRNOTAVAIL, "no address")
    try:
        for address in addresses:
            try:
                listeners.append(await network.listen(address, port))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
            else:
                port = listeners[-1].port
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    if not listeners:
        raise missing
    return listeners


class Acceptor:
    """Accepts connections while there are not too many; the others wait with the system.

    Args:
        runtime: For its time and its flags.
        tasks: Where each connection is attended to.
        most: How many may be open.
        attend: What to do with each; it has to close it.
    """

    def __init__(
        self,
        runtime: Primitives,
        tasks: Tasks,
        most: int,
        attend: Callable[[Any], Coroutine[Any, Any, None]],
    ) -> None:
        self._runtime = runtime
        self._tasks = tasks
        self._most = most
        self._attend = attend
        self._open = 0
        self._room = runtime.new_flag()
        self._arriving: set[Any] = set()  # of these, a task may have been cancelled unbegun

    async def accept_from(self, listener: Listener) -> None:
        """Accept connections, for ever.

        Raises:
            OSError: The listener is of no use any more.
        """
        exhausted = False
        while True:
            while self._open >= self._most:
                await self._room.wait()
            try:
                socket = await listener.accept()
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    if not exhausted:
                        exhausted = True
                        _LOG.warning("no connection can be accepted for the time being: %s", error)
                    await self._runtime.sleep(_RESPITE)
                elif error.errno not in _LOST:
                    raise
                continue
            exhausted = False
            self._open += 1
            self._arriving.add(socket)
            self._tasks.start(partial(self._see_off, socket))
            await self._runtime.sleep(0)  # others have their turn, however many there are

    def close(self) -> None:
        """Drop what nobody attends to."""
        for socket in self._arriving:
            socket.close()

    async def _see_off(self, socket: Any) -> None:  # noqa: ANN401  # as above
        self._arriving.discard(socket)
        try:
            await self._attend(socket)
        except OSError as error:
            _LOG.info("a connection came to nothing: %s", error)
        except Exception:  # noqa: BLE001  # one peer's trouble is not the server's
            _LOG.exception("a connection failed")
        finally:
            self._open -= 1
            room, self._room = self._room, self._runtime.new_flag()
            room.set()
