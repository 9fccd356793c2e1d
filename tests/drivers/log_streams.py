"""A log that misbehaves, and what tests of log streams say about what clients have read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import anyio.lowlevel

from eventproto import Message
from eventproto.engine import MemoryEngine, Page
from eventproto.sse import Gap
from tests.drivers.stream_client import Client

__all__ = ["Store", "gaps", "ids", "publish"]


class Store:
    """A log whose hints may be lost, that may fail, and that may be emptied."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self.log = MemoryEngine(**options).log
        self.hints: list[Callable[[str], None]] = []
        self.deaf = False
        self.broken: Exception | None = None
        self.reads = 0

    def flush(self) -> None:
        """Begin with an empty store, as after the loss of a disk."""
        self.log = MemoryEngine(**self._options).log

    async def append(self, topic: str, message: Message) -> str:
        cursor = await self.log.append(topic, message)
        if not self.deaf:
            for hint in self.hints:
                hint(topic)
        return cursor

    async def read(self, topic: str, after: str | None = None, limit: int = 100) -> Page:
        self.reads += 1
        await anyio.lowlevel.checkpoint()  # as every store that is somewhere else
        if self.broken is not None:
            raise self.broken
        return await self.log.read(topic, after, limit)

    @contextmanager
    def watch(self, topics: Iterable[str], hint: Callable[[str], None]) -> Generator[None]:
        self.hints.append(hint)
        try:
            yield
        finally:
            self.hints.remove(hint)


async def publish(log: Any, *numbers: int, topic: str = "a", **attributes: Any) -> None:
    for number in numbers:
        await log.append(topic, Message(data=b"%d" % number, id=f"id-{number}", **attributes))


def gaps(client: Client) -> list[Gap | None]:
    return [Gap.of(event) for event in client.said if event.event == "gap"]


def ids(first: int, last: int) -> list[str]:
    return [f"id-{number}" for number in range(first, last + 1)]
