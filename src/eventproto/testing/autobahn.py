"""The client that Autobahn's fuzzing server tests: `python -m eventproto.testing.autobahn URL`.

It asks for the number of cases, sends back whatever each of them sends, and has the reports
written. That a case breaks the protocol, or the connection, is what a case is for.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Final
from urllib.parse import quote

from eventproto import EventprotoError
from eventproto.websocket import Deflate, Limits

__all__ = ["main"]

_MOST: Final = 16 * 1024 * 1024  # bytes of a message
_OPTIONS: Final[dict[str, Any]] = {
    "compression": Deflate(),
    # Messages of 65,536 fragments have an empty one behind those.
    "limits": Limits(
        message_size=_MOST, frame_size=_MOST, fragments=_MOST, inflation_ratio=math.inf
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Go through all cases of the server that the command line names.

    Args:
        arguments: Instead of those of the command line.
    """
    chosen = _parser().parse_args(arguments)

    async def run() -> None:
        await _run_cases(import_module(f"eventproto.{chosen.runtime}"), chosen.url, chosen.agent)

    if chosen.runtime == "trio":
        import_module("trio").run(run)
    else:
        asyncio.run(run())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eventproto.testing.autobahn",
        description="Be the client that an Autobahn fuzzing server tests.",
    )
    parser.add_argument("url", metavar="URL", help="of the fuzzing server, without a path")
    parser.add_argument("--runtime", choices=["asyncio", "trio"], default="asyncio")
    parser.add_argument("--agent", metavar="NAME", default="eventproto", help="in the reports")
    return parser


async def _run_cases(runtime: Any, url: str, agent: str) -> None:  # noqa: ANN401  # a module
    base, agent = url.rstrip("/"), quote(agent, safe="")
    async with runtime.connect_websocket(f"{base}/getCaseCount", **_OPTIONS) as socket:
        count = int((await anext(socket)).text)
    for number in range(1, count + 1):
        with suppress(EventprotoError, OSError):
            await _run_case(runtime, f"{base}/runCase?case={number}&agent={agent}")
    async with runtime.connect_websocket(f"{base}/updateReports?agent={agent}", **_OPTIONS):
        pass


async def _run_case(runtime: Any, url: str) -> None:  # noqa: ANN401  # as above
    async with runtime.connect_websocket(url, **_OPTIONS) as socket:
        with suppress(EventprotoError):  # or the connection would be dropped
            async for message in socket:
                await socket.send(message)


if __name__ == "__main__":
    main()
