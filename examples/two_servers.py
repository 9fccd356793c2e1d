"""Two server processes that share one store: one is killed, and its clients go on with the other.

The second argument may be the address of an engine. It is a new SQLite file unless given, which
serves all processes of one machine; `redis://HOST` serves those of many. The runtime of the client
is the first argument: `asyncio` (the default) or `trio`.

It prints::

    an event stream has 1, 2, 3
    a WebSocket has 1, 2, 3
    the first server is dead
    an event stream has 4, 5
    a WebSocket has 4, 5
"""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from importlib import import_module

from eventproto import Message
from eventproto.site import LogSocket, LogStream, Site

chosen = sys.argv[1] if len(sys.argv) > 1 else "asyncio"
where = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:{tempfile.mkdtemp()}/orders.db"
runtime = import_module(chosen)
driver = import_module(f"eventproto.{chosen}")


async def serve(address: str) -> None:
    """What each of the two processes does."""
    async with driver.open_engine(address) as engine:
        site = Site(
            {
                "/events": LogStream(engine.log, "orders", replay=True),
                "/socket": LogSocket(engine.log, "orders", replay=True),
            }
        )
        async with driver.serve(site) as server:
            print(server.port, flush=True)
            await runtime.sleep(3600)


def start(runtime: str, address: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, runtime, address, "serve"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


async def take(name: str, messages: AsyncIterator[Message], count: int) -> None:
    texts = [(await anext(messages)).text for _ in range(count)]
    print(name, "has", ", ".join(texts))


async def main(address: str) -> None:
    with start("asyncio", address) as first, start("trio", address) as second:
        here = f"127.0.0.1:{port_of(first)}"
        there = f"127.0.0.1:{port_of(second)}"
        async with driver.open_engine(address) as engine:
            for number in (1, 2, 3):  # any process may append
                await engine.log.append("orders", Message.of_text(str(number)))

            async with (
                driver.connect_sse(f"http://{here}/events") as events,
                driver.connect_websocket(f"ws://{here}/socket").following() as messages,
            ):
                await take("an event stream", events, 3)
                await take("a WebSocket", messages, 3)
                first.send_signal(signal.SIGKILL)
                print("the first server is dead")

            for number in (4, 5):
                await engine.log.append("orders", Message.of_text(str(number)))

            # Behind one address, such as that of a load balancer, clients do this by themselves.
            last = events.last_event_id
            async with driver.connect_sse(f"http://{there}/events", last_event_id=last) as events:
                await take("an event stream", events, 2)
            last = messages.last_event_id
            async with driver.connect_websocket(f"ws://{there}/socket").following(last) as messages:
                await take("a WebSocket", messages, 2)
        second.kill()


run = serve if sys.argv[3:] == ["serve"] else main
if chosen == "trio":
    runtime.run(run, where)
else:
    asyncio.run(run(where))
