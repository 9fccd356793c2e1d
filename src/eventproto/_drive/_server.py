"""Serving a site: routed calls are answered, sessions get their handlers."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from eventproto import CallMachine, ClosedError, End
from eventproto._drive._role import Role
from eventproto._drive._stream import StreamSession
from eventproto.http import Response, Result
from eventproto.site import EventStream, Opened, Routed, Site

__all__ = ["Server"]

CommandT = TypeVar("CommandT")

_NOT_RUNNING: Final = Response.of_text(503, "not running")
_LOG: Final = logging.getLogger("eventproto")


class Server(ABC):
    """A running server.

    Attributes:
        site: What it serves.
        port: The port that it listens on.
    """

    def __init__(self, site: Site, roles: Mapping[CallMachine[Any], Role[Any]]) -> None:
        self.site = site
        self.port = 0
        self._roles = roles
        self._connections: set[StreamSession[Any]] = set()

    def session(self, role: CallMachine[CommandT]) -> Role[CommandT]:
        """The session of one of the site's roles: send it commands, take its events."""
        return self._roles[role]

    async def _attend(self, connection: StreamSession[Any]) -> None:
        """Serve a connection until it is gone."""
        self._connections.add(connection)
        try:
            async for event in connection.events():
                with suppress(ClosedError):  # the peer left meanwhile; the next event says so
                    if isinstance(event, Routed):
                        role = self._roles.get(event.role)  # None if it was added while serving
                        response = await role.answer(event.call.request) if role else _NOT_RUNNING
                        await connection.send(Result(event.call.token, response))
                    elif isinstance(event, Opened):
                        await self._run_handler(event, connection)
            await connection.wait_gone()
        finally:
            connection.abort()
            self._connections.discard(connection)

    async def _say_goodbye(self) -> None:
        """Ask everybody to go: roles answer who waits for them, sessions end in their order."""
        for role in self._roles.values():
            with suppress(ClosedError):
                await role.send(End())
        for connection in self._connections:
            with suppress(ClosedError):
                connection.post(End(going_away=True))

    async def _run_handler(self, opened: Opened, connection: StreamSession[Any]) -> None:
        handling = opened.endpoint.handler(connection, opened.request)
        try:
            if isinstance(opened.endpoint, EventStream):
                await self._until_gone(connection, handling)
            else:
                await handling
        except ClosedError:
            raise
        except Exception as error:  # noqa: BLE001  # one peer's trouble is not the server's
            # Iterating raises the error of `Closed`: that is the peer's fault, not the handler's.
            if connection.closed is None or error is not connection.closed.error:
                _LOG.exception("the handler of %s failed", opened.request.path)
            connection.abort()
        else:
            await connection.send(End())

    @abstractmethod
    async def _until_gone(
        self, connection: StreamSession[Any], handling: Coroutine[Any, Any, None]
    ) -> None:
        """Run the handler of a stream, and cancel it when the peer has gone.

        The only event that comes while a stream is open is its `Closed`.
        """
