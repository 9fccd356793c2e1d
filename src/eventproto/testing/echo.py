"""A WebSocket server that sends back what it gets: `python -m eventproto.testing.echo --port N`.

It prints one line when it listens, and runs until it is killed. What it is for: to aim a
conformance suite, a load generator or a client of one's own at.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from eventproto import Event
from eventproto.asyncio import WebSocketSession  # the same class on both runtimes
from eventproto.http import Request
from eventproto.site import Handler, Site, WebSocket
from eventproto.websocket import Binary, Deflate, Limits, Text

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve what the command line asks for, until somebody interrupts it.

    Args:
        arguments: Instead of those of the command line.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if (chosen.runtime, chosen.loop) == ("trio", "uvloop"):
        parser.error("uvloop is a loop of asyncio")

    async def run() -> None:
        await _serve(chosen)

    with suppress(KeyboardInterrupt):
        if chosen.runtime == "trio":
            import_module("trio").run(run)
        elif chosen.loop == "uvloop":
            import_module("uvloop").run(run())
        else:
            asyncio.run(run())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eventproto.testing.echo",
        description="Send back every WebSocket message, on every path, until killed.",
    )
    add = parser.add_argument
    add("--runtime", choices=["asyncio", "trio"], default="asyncio")
    add("--port", metavar="N", type=int, default=0, help="of 127.0.0.1; by default a free one")
    add("--form", choices=sorted(_FORMS), default="iterate", help="how messages are taken")
    add("--no-compression", action="store_true", help="agree to no permessage-deflate")
    add("--max-message", metavar="BYTES", type=int, default=16 * 1024 * 1024)
    add("--loop", choices=["asyncio", "uvloop"], default="asyncio", help="with asyncio")
    return parser


async def _serve(chosen: argparse.Namespace) -> None:
    runtime: Any = import_module(f"eventproto.{chosen.runtime}")
    size = chosen.max_message
    endpoint = WebSocket(
        _FORMS[chosen.form],
        compression=None if chosen.no_compression else Deflate(),
        # As many fragments, and as soon as the one who tests likes.
        limits=Limits(message_size=size, frame_size=size, fragments=size, inflation_ratio=math.inf),
    )
    async with runtime.serve(Site({"/": endpoint}), port=chosen.port) as server:
        print(f"listening on ws://127.0.0.1:{server.port}/", flush=True)
        await import_module(chosen.runtime).sleep(math.inf)


async def _iterate(socket: WebSocketSession, _request: Request) -> None:
    async for message in socket:
        await socket.send(message)


async def _call_back(socket: WebSocketSession, _request: Request) -> None:
    post = socket.post

    def answer(event: Event) -> None:
        if isinstance(event, _MESSAGES):
            post(event)

    await socket.listen(answer)


_MESSAGES: Final = (Text, Binary)
_FORMS: Final[dict[str, Handler]] = {"callback": _call_back, "iterate": _iterate}


if __name__ == "__main__":
    main()
