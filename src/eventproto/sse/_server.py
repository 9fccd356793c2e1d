"""The server's side: one event stream to one client."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Final, TypeAlias

from typing_extensions import override

from eventproto._errors import LimitExceeded, LocalProtocolError, PeerTimeout
from eventproto._machine import EOF, Chunk, End, Machine
from eventproto._overflow import OutputQueue, Overflow
from eventproto.sse._encoded import Encoded
from eventproto.sse._events import Comment, Gap, RetryChanged, Sendable
from eventproto.sse._limits import Limits
from eventproto.sse._writer import encode

__all__ = ["ServerStream", "Writable"]

Writable: TypeAlias = Sendable | Gap | Encoded
"""What a server's stream can be told to send."""


class ServerStream(Machine[Writable | tuple[Writable, ...] | End, Chunk, Chunk]):
    """Writes one event stream: what is sent to it leaves as the bytes of the body.

    Several events may be sent at once, in a tuple.

    What was sent waits here until the driver takes it, all in one piece. So while the transport
    is full it is bounded, and `overflow` says what happens at the bound.

    It reports nothing but `Closed`: without an error after `End`, and when the wire brings EOF,
    for a client has no other way to take its leave; with one if the client is too slow. It was
    then told nothing, so break the connection off, and it will come back. A client that sees the
    stream end comes back, too; to stop it, answer its next request with 204.

    Args:
        heartbeat: Seconds without anything to write after which an empty comment is written, so
            that no proxy takes the connection for dead. Also what makes a client noticed that
            went away in silence. 15, as the specification advises.
        retry: What the client is told, at the beginning, to wait before it reconnects, in
            milliseconds; None to leave it to the client.
        going_away_retry: The same at the end, when it is ended because this side is going away:
            long enough for a server to start again. None to leave it at what was said before.
        last_event_id: Where the client says that it was.
        overflow: What happens when the client takes less than is sent. It is ended unless said
            otherwise; then `Closed` has a `LimitExceeded`.
        limits: How much may wait, and for how long: then `Closed` has a `PeerTimeout`.

    Attributes:
        last_event_id: Where the client says that it was, the empty string if it does not. It is
            what anybody may have made up.

    Raises:
        LocalProtocolError: A heartbeat that is not positive and finite, or a `retry` that
            `encode` refuses.
    """

    def __init__(
        self,
        *,
        heartbeat: float = 15.0,
        retry: int | None = None,
        going_away_retry: int | None = None,
        last_event_id: str = "",
        overflow: Overflow = Overflow.DISCONNECT,
        limits: Limits = Limits(),
    ) -> None:
        super().__init__()
        if not 0 < heartbeat < math.inf:
            msg = f"heartbeat must be a positive number of seconds, got {heartbeat!r}"
            raise LocalProtocolError(msg)
        self.last_event_id = last_event_id
        self._heartbeat = heartbeat
        self._limits = limits
        self._goodbye = b"" if going_away_retry is None else encode(RetryChanged(going_away_retry))
        # What was sent. What the machine says by itself is in `_outputs`, and goes first.
        self._queue: OutputQueue[Encoded] = OutputQueue(
            overflow, count=limits.output_count, size=limits.output_size
        )
        self._dropped = 0  # how much of it the client knows to be missing
        self._taken_id = last_event_id  # of the last event that left
        self._waiting_since = math.inf  # how long output has been there that nobody takes
        if retry is not None:
            self._outputs.append(encode(RetryChanged(retry)))

    @override
    def next_output(self) -> Chunk | None:
        """Take all that there is to write, in one piece; then EOF, if it has ended."""
        if self._outputs:
            output: Chunk | None = self._outputs.popleft()
        elif self._queue:
            output = self._take_events()
        else:
            return None
        self._waiting_since = self._now if self._outputs or self._queue else math.inf
        return output

    def _take_events(self) -> bytes:
        events = self._queue.take_all()
        pieces = [event.data for event in events]
        if self._queue.dropped > self._dropped:
            self._dropped = self._queue.dropped
            pieces.insert(0, encode(Gap(self._taken_id, "overflow").event()))
        for event in reversed(events):
            if event.id is not None:
                self._taken_id = event.id
                break
        return b"".join(pieces)

    @override
    def _on_start(self) -> None:
        if self._outputs:
            self._waiting_since = self._now
        self._look_again()

    @override
    def _on_send(self, command: Writable | tuple[Writable, ...] | End) -> None:
        match command:
            case End():
                self._end(command)
            case Encoded():
                self._write((command,))
            case tuple():
                self._write([_encoded(each) for each in command])
            case _:
                self._write((Encoded.of(command),))

    def _write(self, events: Sequence[Encoded]) -> None:
        if not events:
            return
        for event in events:
            if not self._queue.put(event, event.key):
                self._give_up(self._overflowed())
                return
        self._waiting_since = min(self._waiting_since, self._now)
        self._look_again()

    def _end(self, end: End) -> None:
        self._finish_events()
        if end.going_away and self._goodbye:
            self._outputs.append(self._goodbye)
        self._outputs.append(EOF)
        self._close()

    @override
    def _on_receive(self, data: Chunk) -> None:
        # The request is over, so a client that still sends bytes says nothing by them.
        if data is EOF:
            self._finish_events()
            self._close()

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        stall_time = self._limits.stall_time
        if self._waiting_since + stall_time <= self._now:
            self._give_up(PeerTimeout(f"the client took nothing for {stall_time} seconds"))
            return
        if self._waiting_since > self._now:  # else the transport is slow, not idle
            self._outputs.append(_HEARTBEAT)
            self._waiting_since = self._now
        self._look_again()

    def _look_again(self) -> None:
        """Wake up when it is time for a heartbeat, or for giving up if that is earlier."""
        heartbeat = self._now + self._heartbeat
        self._timers.set(_CLOCK, min(heartbeat, self._waiting_since + self._limits.stall_time))

    def _finish_events(self) -> None:
        if self._queue:
            self._outputs.append(self._take_events())

    def _give_up(self, error: Exception) -> None:
        """Close without last words: the client must not take the stream for complete."""
        self._queue.clear()
        self._outputs.clear()
        self._close(error)

    def _overflowed(self) -> LimitExceeded:
        limit = "output_count" if len(self._queue) >= self._limits.output_count else "output_size"
        msg = f"more waits for the client than {limit} allows: {getattr(self._limits, limit)}"
        return LimitExceeded(msg, code=503, limit=limit)


def _encoded(event: Writable) -> Encoded:
    return event if isinstance(event, Encoded) else Encoded.of(event)


_CLOCK: Final = "clock"
_HEARTBEAT: Final = encode(Comment())
