"""An SSE client that is pulled: nothing runs in the background, so nothing is left behind."""

from __future__ import annotations

from contextlib import suppress
from traceback import clear_frames
from typing import Final, Self

from typing_extensions import override

from eventproto import EOF, Closed, ClosedError, End, Event, LocalProtocolError, Message
from eventproto._drive._pool import Answer, Pool
from eventproto._drive._primitives import Primitives
from eventproto._drive._session import Session
from eventproto.http import Body, Call, Result
from eventproto.sse import Client, Disconnected, Opened, State

__all__ = ["EventSource"]

_GLANCE: Final = 0.05  # seconds; what has come is there at once


class EventSource(Session[End]):
    """The events of one SSE stream, over as many connections as it takes.

    Whoever asks for the next event does all the work: connects, reads, waits and connects again.
    So a slow application slows the server down, and one that stops asking leaves no task behind.
    Asking may be cancelled, and goes on with the next time. One task may ask at a time; another
    one would get LocalProtocolError.
    """

    def __init__(self, machine: Client, pool: Pool, runtime: Primitives) -> None:
        self.machine = machine
        self._runtime = runtime
        self._pool = pool
        self._answer: Answer | None = None
        self._streaming = False
        self._asked = False
        self._hung_up = runtime.new_flag()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(RuntimeError):  # the runtime may be gone, and all connections with it
            self._hang_up()

    @property
    def state(self) -> State:
        """Where the session stands: CONNECTING, OPEN or CLOSED."""
        return self.machine.state

    @property
    def last_event_id(self) -> str:
        """Where to go on after the events that were taken: keep it to come back another day."""
        return self.machine.last_event_id

    def close(self) -> None:
        """Drop the connection; nothing more comes but `Closed`, not even what has come already.

        Whoever waits in another task is woken; a connection that is being made is dropped as soon
        as there is one.
        """
        with suppress(ClosedError):
            self.machine.send(End(), self._read_clocks())
        self._hang_up()

    @override
    async def send(self, command: End) -> None:
        self.machine.send(command, self._read_clocks())
        self._hang_up()

    @override
    async def __anext__(self) -> Message:
        try:
            return await super().__anext__()
        except BaseException as error:
            # A cancelled task keeps its frames; they must not keep a connection that nobody else
            # holds any more.
            clear_frames(error.__traceback__)
            del self
            raise

    @override
    async def _take_event(self) -> Event:
        if self._asked:
            msg = "another task waits for the next event already"
            raise LocalProtocolError(msg)
        self._asked = True
        try:
            return await self._pull()
        finally:
            self._asked = False

    async def _pull(self) -> Event:
        while (event := self.machine.next_event()) is None:
            now = self._read_clocks()
            if not self._streaming:
                self.machine.handle_timeout(now)
            self._take_output()
            deadline = self.machine.deadline
            if self._streaming and deadline is not None:
                # The server is not silent because nobody has listened: first look what has come.
                deadline = max(deadline, now + _GLANCE)
            piece = await self._runtime.before(deadline, self._next_piece)
            if piece is None:
                self.machine.handle_timeout(self._read_clocks())
            else:
                self.machine.receive(piece, self._read_clocks())
        if isinstance(event, Opened):
            self.source = event.url
        elif isinstance(event, Disconnected):
            self._drop()
        elif isinstance(event, Closed):
            self._hang_up()
        return event

    def _take_output(self) -> None:
        while (output := self.machine.next_output()) is not None:
            if isinstance(output, Call):  # nobody calls a client, so it has no results to send
                self._drop()
                self._answer = self._pool.perform(output)

    async def _next_piece(self) -> Result | Body | None:
        if self._answer is None:
            await self._hung_up.wait()
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

    def _hang_up(self) -> None:
        self._drop()
        self._pool.close()
        self._hung_up.set()

    def _drop(self) -> None:
        self._streaming = False
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.release()

    def _read_clocks(self) -> float:
        now = self._runtime.now()
        self.machine.clock_offset = self._runtime.unix_time() - now
        return now
