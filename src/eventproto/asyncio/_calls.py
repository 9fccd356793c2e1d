"""Calls on asyncio: a pool of connections to call over."""

from __future__ import annotations

import ssl

from typing_extensions import override

from eventproto import End
from eventproto._drive._pool import HttpSession, Pool
from eventproto.asyncio import _connect
from eventproto.asyncio._stream import StreamConnection
from eventproto.http import Call, ClientConnection, Request

__all__ = ["ConnectionPool"]


class _HttpConnection(StreamConnection[Call | End], HttpSession):
    def __init__(self, machine: ClientConnection) -> None:
        super().__init__(machine)
        self._http = machine
        self._ended = False  # by the server

    @property
    @override
    def usable(self) -> bool:
        if not self._http.reusable or self._transport.is_closing():  # then it knows no sizes
            return False
        # What is still to be written is of a call that was answered before it was read.
        return not (self._rest or self._transport.get_write_buffer_size())

    @override
    def eof_received(self) -> bool:
        self._ended = _is_said(self._transport.get_extra_info("ssl_object"))
        self._http.broken = not self._ended
        return super().eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._http.broken = not self._ended
        super().connection_lost(exc)

    @override
    async def send(self, command: Call | End) -> None:
        self.post(command)  # without waiting: the answer may come before the call was read


class ConnectionPool(Pool):
    """A `Pool` on asyncio."""

    @override
    async def connect(self, request: Request) -> HttpSession:
        wire = await self.open(_connect, request)
        return wire.hand_over(_HttpConnection(ClientConnection(limits=self._limits)))


def _is_said(tls: ssl.SSLObject | None) -> bool:
    """Whether the end that was received is that of TLS, and not one of TCP that cuts it off.

    The two differ where nothing but the end delimits an answer (RFC 9112, 9.8), and asyncio does
    not tell them apart.
    """
    try:
        return tls is None or not tls.read(1)
    except ssl.SSLError:
        return False
