"""A process that serves a log until its input ends, and appends to it until there is a line.

`python -m tests.drivers.log_server RUNTIME ENGINE` prints its port, and when it appends no more
how many records were confirmed to it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import anyio
import anyio.to_thread

from eventproto import Message
from eventproto.site import LogSocket, LogStream, Site

__all__ = ["CHANNELS"]

CHANNELS = ("a", "b")


async def main(runtime: str, address: str) -> None:
    driver: Any = import_module(f"eventproto.{runtime}")
    async with driver.open_engine(address) as engine:
        log = engine.log
        site = Site(
            {
                "/stream": LogStream(log, "a", replay=True, retry=1),
                "/streams": LogStream(log, CHANNELS, replay=True, retry=1),
                "/socket": LogSocket(log, "a", replay=True),
                "/sockets": LogSocket(log, CHANNELS, replay=True),
            }
        )
        async with driver.serve(site) as server, anyio.create_task_group() as tasks:
            print(server.port, flush=True)  # noqa: T201  # for the process that has started it
            confirmed = 0

            async def publish() -> None:
                nonlocal confirmed
                while True:
                    for topic in CHANNELS:
                        await log.append(topic, Message.of_text(f"{runtime} {confirmed}"))
                        confirmed += 1
                        await anyio.sleep(0.002)

            tasks.start_soon(publish)
            await anyio.to_thread.run_sync(sys.stdin.readline)
            tasks.cancel_scope.cancel()
            print(confirmed, flush=True)  # noqa: T201  # likewise
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(sys.stdin.read)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], backend=sys.argv[1])
