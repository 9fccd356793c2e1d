"""A server on asyncio: accepts connections and attends to each in a task of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from typing_extensions import override

from eventproto import CallMachine
from eventproto._drive._pool import Pool
from eventproto._drive._role import Flag, Role
from eventproto._drive._server import Server
from eventproto._drive._stream import StreamSession
from eventproto._drive._unwrapped import unwrapped
from eventproto.asyncio._calls import run
from eventproto.asyncio._stream import StreamConnection
from eventproto.site import Site, SiteConnection

__all__ = ["serve"]


class RunningServer(Server):
    """A `Server` on asyncio."""

    def __init__(
        self, site: Site, roles: Mapping[CallMachine[Any], Role[Any]], tasks: asyncio.TaskGroup
    ) -> None:
        super().__init__(site, roles)
        self._tasks = tasks
        self._closing = False
        self._attending: set[asyncio.Task[None]] = set()
        self._reading: set[asyncio.Task[None]] = set()

    @override
    def new_flag(self) -> asyncio.Event:
        return asyncio.Event()

    @override
    async def wait_for(self, flag: Flag, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await flag.wait()

    @override
    async def take_turns(self) -> None:
        await asyncio.sleep(0)

    @override
    def spawn(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        started = self._tasks.create_task(task())
        self._reading.add(started)
        started.add_done_callback(self._reading.discard)

    @override
    async def _until_gone(
        self, connection: StreamSession[Any], handling: Coroutine[Any, Any, None]
    ) -> None:
        handler = asyncio.create_task(handling)
        gone = asyncio.create_task(connection.next_event())
        try:
            await asyncio.wait({handler, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            handler.cancel()
            gone.cancel()
            await asyncio.wait({handler, gone})
        if not handler.cancelled():
            handler.result()

    @override
    async def _beside(
        self, handling: Coroutine[Any, Any, None], aside: Coroutine[Any, Any, None]
    ) -> None:
        with unwrapped():
            async with asyncio.TaskGroup() as tasks:
                other = tasks.create_task(aside)
                await handling
                other.cancel()

    def attend(self, connection: StreamConnection[Any]) -> None:
        """Serve a new connection until it is gone."""
        if self._closing:  # it was accepted just before the listener was closed
            connection.abort()
            return
        task = self._tasks.create_task(self._attend(connection))
        self._attending.add(task)
        task.add_done_callback(self._attending.discard)

    async def drain(self, grace: float) -> None:
        """Ask all peers to go, and give them `grace` seconds for it."""
        await self._say_goodbye()
        if self._attending:
            await asyncio.wait(self._attending, timeout=grace)

    def cancel(self) -> None:
        """Send all peers away."""
        self._closing = True
        for task in (*self._attending, *self._reading):
            task.cancel()


class _Accepted(StreamConnection[Any]):
    def __init__(self, server: RunningServer, *, secure: bool) -> None:
        super().__init__(SiteConnection(server.site, secure=secure))
        self._server = server

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.attend(self)


@asynccontextmanager
async def serve(
    site: Site,
    pools: Callable[[], Pool],
    *,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    grace: float,
) -> AsyncGenerator[RunningServer]:
    """Run a server for the time of the block."""
    async with AsyncExitStack() as stack:
        roles = {role: await stack.enter_async_context(run(role, pools())) for role in site.roles}
        stack.enter_context(unwrapped())
        server = RunningServer(site, roles, await stack.enter_async_context(asyncio.TaskGroup()))
        listener = await asyncio.get_running_loop().create_server(
            lambda: _Accepted(server, secure=tls is not None), host, port, ssl=tls
        )
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield server
            listener.close()
            await server.drain(grace)
        finally:
            listener.close()
            server.cancel()
