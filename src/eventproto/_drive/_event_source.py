"""An SSE client that is pulled: nothing runs in the background, so nothing is left behind."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

from typing_extensions import override

from eventproto import EOF, Closed, End, Event
from eventproto._drive._pool import Answer, Pool
from eventproto._drive._session import Session
from eventproto.http import Body, Call, Result
from eventproto.sse import Client

__all__ = ["EventSource"]

T = TypeVar("T")


class EventSource(Session[End]):
    """The events of one SSE stream, over as many connections as it takes.

    Whoever asks for the next event does all the work: connects, reads, waits and connects again.
    So a slow application slows the server down, and one that stops asking leaves no task behind.
    """

    def __init__(self, machine: Client, pool: Pool) -> None:
        self.machine = machine
        self._pool = pool
        self._answer: Answer | None = None
        self._streaming = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection; nothing more comes."""
        self._drop()
        self._pool.close()

    @override
    async def send(self, command: End) -> None:
        self.machine.send(command, self._now())

    @override
    async def _take_event(self) -> Event:
        self.machine.handle_timeout(self._now())
        while (event := self.machine.next_event()) is None:
            self._take_output()
            piece = await self._before(self.machine.deadline, self._next_piece)
            if piece is not None:
                self.machine.receive(piece, self._now())
            self.machine.handle_timeout(self._now())
        if isinstance(event, Closed):
            self.close()
        return event

    def _take_output(self) -> None:
        while (output := self.machine.next_output()) is not None:
            if isinstance(output, Call):  # nobody calls a client, so it has no results to send
                self._drop()
                self._answer = self._pool.perform(output)

    async def _next_piece(self) -> Result | Body | None:
        if self._answer is None:
            await self._forever()
            return None
        if self._streaming:
            body = await self._answer.body()
            if body.chunk is EOF:
                self._drop()
            return body
        result = await self._answer.result()
        self._streaming = result.more
        if not result.more:
            self._drop()
        return result

    def _drop(self) -> None:
        self._streaming = False
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.release()

    @abstractmethod
    def _now(self) -> float:
        """The time on the runtime's clock."""

    @abstractmethod
    async def _forever(self) -> None:
        """Wait until cancelled."""

    @abstractmethod
    async def _before(
        self, deadline: float | None, operation: Callable[[], Awaitable[T]]
    ) -> T | None:
        """Run an operation, but cancel it at the deadline and return None then."""
