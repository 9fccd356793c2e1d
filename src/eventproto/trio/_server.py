"""A server on trio: accepts connections and attends to each in a task of its own."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import trio
from typing_extensions import override

from eventproto import CallMachine
from eventproto._drive._pool import Pool
from eventproto._drive._role import Flag, Role
from eventproto._drive._server import Server
from eventproto._drive._stream import StreamSession
from eventproto._drive._unwrapped import unwrapped
from eventproto.site import Site, SiteConnection
from eventproto.trio._calls import run
from eventproto.trio._stream import AnyStream, StreamConnection, running

__all__ = ["serve"]


class RunningServer(Server):
    """A `Server` on trio."""

    def __init__(
        self, site: Site, roles: Mapping[CallMachine[Any], Role[Any]], nursery: trio.Nursery
    ) -> None:
        super().__init__(site, roles)
        self._nursery = nursery

    @override
    def new_flag(self) -> trio.Event:
        return trio.Event()

    @override
    async def wait_for(self, flag: Flag, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await flag.wait()

    @override
    async def take_turns(self) -> None:
        await trio.lowlevel.checkpoint()

    @override
    def spawn(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._nursery.start_soon(task)

    @override
    async def _until_gone(
        self, connection: StreamSession[Any], handling: Coroutine[Any, Any, None]
    ) -> None:
        async def cancel_when_gone() -> None:
            await connection.next_event()
            nursery.cancel_scope.cancel()

        with unwrapped():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel_when_gone)
                await handling
                nursery.cancel_scope.cancel()

    @override
    async def _beside(
        self, handling: Coroutine[Any, Any, None], aside: Coroutine[Any, Any, None]
    ) -> None:
        async def run_aside() -> None:
            await aside

        with unwrapped():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run_aside)
                await handling
                nursery.cancel_scope.cancel()

    async def accept(self, stream: AnyStream) -> None:
        """Serve a new connection until it is gone."""
        secure = isinstance(stream, trio.SSLStream)
        connection = StreamConnection(SiteConnection(self.site, secure=secure), stream)
        async with running(connection):
            await self._attend(connection)

    async def drain(self, grace: float) -> None:
        """Ask all peers to go, and give them `grace` seconds for it."""
        await self._say_goodbye()
        with trio.move_on_after(grace):
            for connection in tuple(self._connections):
                await connection.wait_gone()


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
    listeners = await trio.open_tcp_listeners(port, host=host)
    async with AsyncExitStack() as stack:
        roles = {role: await stack.enter_async_context(run(role, pools())) for role in site.roles}
        stack.enter_context(unwrapped())
        nursery = await stack.enter_async_context(trio.open_nursery())
        server = RunningServer(site, roles, nursery)
        server.port = listeners[0].socket.getsockname()[1]
        accepting = await nursery.start(_accept, nursery, server.accept, listeners, tls)
        try:
            yield server
            accepting.cancel()
            await server.drain(grace)
        finally:
            nursery.cancel_scope.cancel()


async def _accept(
    nursery: trio.Nursery,
    handler: Callable[[AnyStream], Awaitable[None]],
    listeners: Sequence[trio.SocketListener],
    tls: ssl.SSLContext | None,
    *,
    task_status: trio.TaskStatus[trio.CancelScope],
) -> None:
    """Start a task for each connection, until the scope that this reports is cancelled."""
    with trio.CancelScope() as scope:
        task_status.started(scope)
        secured: list[Any] = list(listeners)
        if tls is not None:
            secured = [trio.SSLListener(each, tls, https_compatible=True) for each in listeners]
        await trio.serve_listeners(handler, secured, handler_nursery=nursery)
