"""Serving one connection to a site: routed calls are answered, sessions get their handlers."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from eventproto import CallMachine, ClosedError, End
from eventproto._drive._stream import StreamSession
from eventproto.http import Request, Response, Result
from eventproto.site import EventStream, Opened, Routed

__all__ = ["Attendant"]

SessionT = TypeVar("SessionT", bound=StreamSession[Any])

_LOG: Final = logging.getLogger("eventproto")


class Attendant(ABC, Generic[SessionT]):
    """Attends to the connections of a server."""

    async def _attend(self, connection: SessionT) -> None:
        """Serve a connection until it is gone."""
        try:
            async for event in connection.events():
                with suppress(ClosedError):  # the peer left meanwhile; the next event says so
                    if isinstance(event, Routed):
                        response = await self._answer(event.role, event.call.request)
                        await connection.send(Result(event.call.token, response))
                    elif isinstance(event, Opened):
                        await self._run_handler(event, connection)
            await connection.wait_gone()
        finally:
            connection.abort()

    async def _run_handler(self, opened: Opened, connection: SessionT) -> None:
        handling = opened.endpoint.handler(connection, opened.request)
        try:
            if isinstance(opened.endpoint, EventStream):
                await self._until_gone(connection, handling)
            else:
                await handling
        except ClosedError:
            raise
        except Exception:  # noqa: BLE001  # one peer's trouble is not the server's: report, drop
            _LOG.exception("the handler of %s failed", opened.request.path)
            connection.abort()
        else:
            await connection.send(End())

    @abstractmethod
    async def _answer(self, role: CallMachine[Any], request: Request) -> Response:
        """Have a role answer a call."""

    @abstractmethod
    async def _until_gone(self, connection: SessionT, handling: Coroutine[Any, Any, None]) -> None:
        """Run a handler, and cancel it when its connection is gone."""
