"""A client of an event stream that prints what it sees: `python -m eventproto.testing.sse URL`.

For every thing that happens it prints one JSON object on a line of its own, until the session has
ended for good or standard input ends: whoever tests it against a server of their own holds the
other end of both. Its field `ev` says what happened:

- `open`: the stream was found, at `url`.
- `message`: an event, with its `type`, `data` and `id`; data that came as bytes is base64, and
  there is a field `encoding` beside it.
- `comment`: a comment, its `text`.
- `retry`: the server says how long to wait, `milliseconds`.
- `disconnected`: the connection failed or ended; `error` says why, null if in order.
- `waiting`: the next attempt comes in so many `seconds`.
- `closed`: the end for good; `error` says why, null if in order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from eventproto import Closed, Event, LocalProtocolError
from eventproto.asyncio import EventSource, connect_sse  # the class is the same on trio
from eventproto.http import Headers
from eventproto.sse import (
    ClientOptions,
    Comment,
    Disconnected,
    Opened,
    RetryChanged,
    ServerSentEvent,
)

__all__ = ["main"]

_STDIN: Final = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Follow the stream that the command line asks for.

    Args:
        arguments: Instead of those of the command line.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    run = _run_on_trio if chosen.runtime == "trio" else _run_on_asyncio
    try:
        run(chosen.url, _options(chosen))
    except LocalProtocolError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eventproto.testing.sse",
        description="Print what happens on an event stream, until standard input ends.",
    )
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--runtime", choices=["asyncio", "trio"], default="asyncio")
    parser.add_argument("--header", metavar="N:V", action="append", default=[], type=_header)
    parser.add_argument("--method", metavar="M", default="GET")
    parser.add_argument("--body", metavar="B", default="", type=os.fsencode)
    parser.add_argument("--idempotent", action="store_true", help="repeat whatever the method is")
    parser.add_argument("--last-event-id", metavar="ID", default="")
    parser.add_argument("--retry", metavar="MS", type=int, default=3000)
    parser.add_argument("--read-timeout", metavar="SECONDS", type=float, default=60.0)
    return parser


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        msg = f"expected NAME:VALUE, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return name, value


def _options(chosen: argparse.Namespace) -> ClientOptions:
    return {
        "method": chosen.method,
        "headers": Headers(chosen.header),
        "body": chosen.body,
        "idempotent": True if chosen.idempotent else None,
        "last_event_id": chosen.last_event_id,
        "retry": chosen.retry,
        "read_timeout": chosen.read_timeout,
    }


def _run_on_asyncio(url: str, options: ClientOptions) -> None:
    async def run() -> None:
        source = connect_sse(url, **options)
        following = asyncio.create_task(_follow(source))
        loop = asyncio.get_running_loop()

        def watch() -> None:
            _exhaust_stdin()
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(following.cancel)

        # A daemon, because nothing interrupts a thread that reads.
        threading.Thread(target=watch, daemon=True).start()
        with suppress(asyncio.CancelledError):
            await following
        await _end(source)

    asyncio.run(run())


def _run_on_trio(url: str, options: ClientOptions) -> None:
    import trio  # noqa: PLC0415  # an extra

    from eventproto.trio import connect_sse  # noqa: PLC0415  # needs it

    async def run() -> None:
        source = connect_sse(url, **options)
        try:
            async with trio.open_nursery() as nursery:

                async def watch() -> None:
                    await trio.to_thread.run_sync(_exhaust_stdin, abandon_on_cancel=True)
                    nursery.cancel_scope.cancel()

                nursery.start_soon(watch)
                await _follow(source)
                nursery.cancel_scope.cancel()
        except* KeyboardInterrupt:  # which asyncio makes a cancellation
            pass
        await _end(source)

    trio.run(run)


def _exhaust_stdin() -> None:
    with suppress(OSError):  # it may be closed
        while os.read(_STDIN, 65536):
            pass


async def _follow(source: EventSource) -> None:
    """Print everything up to the end."""
    async for event in source.events():
        for line in _lines(event):
            try:
                print(json.dumps(line), flush=True)
            except BrokenPipeError:  # nobody reads it any more, nor what is flushed at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                source.close()


async def _end(source: EventSource) -> None:
    """Print the end, if it was not printed yet."""
    source.close()
    await _follow(source)


def _lines(event: Event) -> Iterator[dict[str, Any]]:
    match event:
        case Opened(url):
            yield {"ev": "open", "url": url}
        case ServerSentEvent(str(data), kind, event_id):
            yield {"ev": "message", "type": kind, "data": data, "id": event_id}
        case ServerSentEvent(bytes(data), kind, event_id):
            text = b64encode(data).decode()
            yield {
                "ev": "message",
                "type": kind,
                "data": text,
                "id": event_id,
                "encoding": "base64",
            }
        case Comment(text):
            yield {"ev": "comment", "text": text}
        case RetryChanged(milliseconds):
            yield {"ev": "retry", "milliseconds": milliseconds}
        case Disconnected(error, delay):
            yield {"ev": "disconnected", "error": _described(error)}
            yield {"ev": "waiting", "seconds": delay}
        case Closed(error):
            yield {"ev": "closed", "error": _described(error)}
        case _:
            raise AssertionError(event)


def _described(error: Exception | None) -> str | None:
    return None if error is None else f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
