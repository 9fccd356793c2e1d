"""Any byte-stream machine on a connection: what drivers of all runtimes do alike.

The rules of a driver: touch the machine without awaiting, then await one thing. There is one
writer, so cancelling a `send` can never tear a frame. Output stays in the machine while the
connection is full, a peer that takes none of it for long is dropped, reading stops while events
wait to be taken, and a lost connection is EOF to the machine. What answers the events of one read
leaves in one write.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar, cast

from typing_extensions import override

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    Event,
    LocalProtocolError,
    Machine,
    PeerTimeout,
)
from eventproto._drive._role import Flag
from eventproto._drive._session import Session

__all__ = ["HIGH_WATER", "PIECE", "OnEvent", "StreamSession", "user_timeout"]

CommandT = TypeVar("CommandT")

OnEvent: TypeAlias = Callable[[Event], object]
"""What takes events in their callback form: a plain function."""

HIGH_WATER: Final = 64
"""How much may wait to be taken before reading stops."""

PIECE: Final = 128 * 1024
"""Bytes that are written at a time, so that a driver sees whether the peer takes any.

Not 64 KiB, which is a common size: the head that comes with as much would be a write of its own.
"""


_LONGEST: Final = 2**31 - 1  # what fits into an option of a socket


class StreamSession(Session[CommandT]):
    """A session that has a connection of its own.

    A driver makes a *step* after each door in: it lets out what there is, looks at the other doors
    out, and wakes who waits. A step that is *due* will be made in any case, as soon as nothing can
    be done any more without waiting; until then, doors in need none.

    Attributes:
        machine: What speaks on the connection.
    """

    _stall_time = 60.0
    """Seconds in which the peer must take a piece before the connection is dropped.

    A peer that reads nothing, but lives, would hold a connection for ever: no machine sees what
    the transport still has. 60, as nginx.
    """

    _now: Callable[[], float]
    """The clock of the runtime."""

    def __init__(self, machine: Machine[CommandT, Chunk, Chunk]) -> None:
        self.machine = machine
        self._lost: Exception | None = None  # why it is gone, as far as anybody can say
        self._writable = True
        self._due = False
        self._due_since = 0.0  # which is now, as nothing has been waited for
        # Output that was taken from the machine and not yet written, and how much that is.
        self._chunks: list[bytes] = []
        self._size = 0
        self._ending = False
        self._over = False  # whether the last event was taken
        # Who takes events in their callback form.
        self._on_event: OnEvent | None = None
        self._listened: Flag | None = None
        self._mistake: Exception | None = None

    @override
    async def send(self, command: CommandT) -> None:
        self.post(command)
        while not self._writable:
            await self._wait()

    def post(self, command: CommandT) -> None:
        """Hand a command to the machine like `send`, without waiting for room."""
        if not self._due:
            self.machine.send(command, self._now())
            self._step()
            return
        self.machine.send(command, self._due_since)
        if self._writable and (chunk := self.machine.next_output()) is not None:
            if chunk is EOF:
                self._ending = True
                return
            self._chunks.append(chunk)
            self._size += len(chunk)
            if self._size >= PIECE:
                self._step()

    async def send_all(self, commands: Iterable[CommandT]) -> None:
        """Hand over several commands like `send`; what comes of them leaves in one write."""
        self.post_all(commands)
        while not self._writable:
            await self._wait()

    def post_all(self, commands: Iterable[CommandT]) -> None:
        """Hand over several commands like `post`; what comes of them leaves in one write."""
        due, self._due, self._due_since = self._due, True, self._now()
        try:
            for command in commands:
                self.post(command)
        finally:
            self._due = due
            if not due:
                self._step()

    async def listen(self, on_event: OnEvent) -> None:
        """Hand each event to a function at once, where the driver reads, up to the `Closed`.

        Nothing switches to another task then, which is most of what an event costs otherwise. In
        return the function must not block. It answers with `post`. While the peer takes nothing,
        events wait, and then reading stops, as if each answer had been waited for.

        Nobody else can take events meanwhile. Cancelling this, or an exception of the function,
        which this raises, ends it; events after that are there to be taken.

        Args:
            on_event: What to call with each event.

        Raises:
            LocalProtocolError: Somebody listens already.
        """
        if self._on_event is not None:
            msg = "somebody is listening already"
            raise LocalProtocolError(msg)
        self._step()
        self._follow()
        self._on_event, self._mistake, self._listened = on_event, None, self._new_flag()
        try:
            self._report(on_event, self._now())
            self._step()
            await self._listened.wait()
        finally:
            self._on_event = None
        if self._mistake is not None:
            raise self._mistake

    async def end(self) -> None:
        """Tell the machine to end, and wait until the connection is gone."""
        with suppress(ClosedError):
            self.post(cast("CommandT", End()))  # without waiting: the peer may not read
        while await self.next_event() is not None:
            pass
        await self.wait_gone()

    @abstractmethod
    def abort(self) -> None:
        """Drop the connection now; what was not written yet is lost."""

    def settle(self) -> None:
        """Take what the machine has to say out of the way of what it will be told.

        And let go of one that has been replaced but for that. Else a connection that is idle from
        then on would keep it.
        """
        if not self._due:
            self._step()
        elif self._writable:
            self._collect()
        self._follow()

    @abstractmethod
    def bound_silence(self, seconds: float) -> None:
        """Have the system give the peer up that acknowledges nothing for so long.

        For who only sends, and little: what a peer that lost its power does not acknowledge would
        be sent again for a quarter of an hour. Only where the system has `TCP_USER_TIMEOUT`.
        """

    @abstractmethod
    async def wait_gone(self) -> None:
        """Wait until the connection is gone, whatever events are left."""

    @abstractmethod
    async def wait_heard(self) -> None:
        """Wait until the peer has sent something or is gone, or do not wait if there is an event.

        Who only sends, and waits for no other event than the last one, is not woken by each
        thing that leaves, as `next_event` is.
        """

    @abstractmethod
    async def wait_until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, or the connection is gone.

        It is looked at again whenever anything has come to the machine or has left it.
        """

    # What drivers use.

    @override
    def _ready_event(self) -> Event | None:
        event = self.machine.next_event()
        if event is None:
            return None
        if type(event) is Closed:
            self._see_last(event)
        if not self._due:
            if self.machine.backlog:  # it is likely to be answered, and so are the others
                self._make_due()
            else:
                self._step()
        return event

    @override
    async def _take_event(self) -> Event:
        while True:
            # Asking may have made output, and output may be in the way.
            if self._due or not self._write():
                await self._wait_for_event()
            event = self._ready_event()
            if event is not None:
                return event

    def _follow(self) -> None:
        """Go on with the machine that has taken over from this one, if one has."""
        while (successor := self.machine.successor) is not None:
            self.machine = successor

    def _report(self, on_event: OnEvent, now: float) -> None:
        """Hand events to the function that listens, while there is room for its answers."""
        due, self._due, self._due_since = self._due, True, now
        try:
            while self._writable and (event := self.machine.next_event()) is not None:
                if type(event) is Closed:
                    self.closed = event
                    self._see_last(event)
                on_event(event)
        except Exception as error:  # noqa: BLE001  # `listen` raises it
            self._mistake = error
        finally:
            self._due = due
        if self._listened is not None and (self.closed or self._mistake):
            self._on_event = None
            self._listened.set()

    def _collect(self) -> bool:
        """Take what the machine has said, without writing it; say whether there is anything."""
        while (chunk := self.machine.next_output()) is not None:
            if chunk is EOF:
                self._ending = True
            else:
                self._chunks.append(chunk)
                self._size += len(chunk)
        return self._ending or bool(self._chunks)

    def _take_pieces(self) -> list[bytes | memoryview]:
        """What was collected, in as many writes as it takes; what is large is not copied for it."""
        chunks, self._chunks = self._chunks, []
        size, self._size = self._size, 0
        if size <= PIECE:
            return [b"".join(chunks)]
        pieces: list[bytes | memoryview] = []
        joined: list[bytes | memoryview] = []
        room = PIECE
        for chunk in chunks:
            at = 0
            while len(chunk) - at > room:
                joined.append(memoryview(chunk)[at : at + room])
                pieces.append(_joined(joined))
                at += room
                joined, room = [], PIECE
            joined.append(memoryview(chunk)[at:] if at else chunk)
            room -= len(chunk) - at
        pieces.append(_joined(joined))
        return pieces

    def _make_due(self) -> None:
        if not self._due:
            self._due = True
            self._due_since = self._now()
            self._step_soon()

    def _due_step(self) -> None:
        self._due = False
        if self._on_event is not None:
            self._report(self._on_event, self._now())
        self._step()

    @abstractmethod
    def _step(self) -> None:
        """Let out what there is, look at the other doors out, wake who waits."""

    @abstractmethod
    def _step_soon(self) -> None:
        """Have `_due_step` called."""

    @abstractmethod
    def _write(self) -> bool:
        """Write what there is, as far as there is room; say whether there was anything."""

    @abstractmethod
    def _wait(self) -> Awaitable[None]:
        """Wait for a step."""

    @abstractmethod
    def _wait_for_event(self) -> Awaitable[None]:
        """Wait until there may be an event."""

    @abstractmethod
    def _new_flag(self) -> Flag:
        """A new `Flag`."""

    def _stalled(self) -> TimeoutError:
        """What is wrong when the peer has not taken a piece in time."""
        return TimeoutError(f"the peer read nothing for {self._stall_time} seconds")

    def _see_last(self, closed: Closed) -> None:
        """The machine has reported its last event."""
        self._over = True
        if isinstance(closed.error, ConnectionLost):
            closed.error.__cause__ = self._lost
        elif isinstance(closed.error, PeerTimeout):
            self.abort()  # it was given up, so nobody waits until it reads what is left


def user_timeout(seconds: float) -> int:
    """What `TCP_USER_TIMEOUT` has to be: milliseconds, and not 0, which leaves it to the system."""
    return max(1, int(min(seconds * 1000, _LONGEST)))


def _joined(parts: list[bytes | memoryview]) -> bytes | memoryview:
    return parts[0] if len(parts) == 1 else b"".join(parts)
