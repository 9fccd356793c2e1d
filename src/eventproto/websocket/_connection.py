"""An open connection: frames in, events out; commands in, frames out (RFC 6455, 5 to 7)."""

from __future__ import annotations

import math
import os
from collections.abc import Hashable
from enum import Enum
from typing import Final

from typing_extensions import override

from eventproto._errors import (
    ClosedError,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto._event import Event, Message
from eventproto._machine import EOF, Chunk, End
from eventproto._overflow import Overflow
from eventproto._retry import Entropy
from eventproto.websocket._allowance import Allowance
from eventproto.websocket._close import CloseCode
from eventproto.websocket._closing import READING, Closing, Role
from eventproto.websocket._deflate import Decompressor, Deflate
from eventproto.websocket._encoded import Encoded, Missing, Waiting
from eventproto.websocket._events import Binary, Close, Fragment, Ping, Pong, Sendable, Text
from eventproto.websocket._frames import Frame, FrameDecoder
from eventproto.websocket._heads import Opcode
from eventproto.websocket._limits import Limits
from eventproto.websocket._messages import Assembly, Passage, framed, whole
from eventproto.websocket._outgoing import LARGE, Outgoing, checked, encoded
from eventproto.websocket._pings import Pings
from eventproto.websocket._states import State, Step

__all__ = ["Connection"]


class Connection(Closing[Sendable | Encoded | End]):
    """One end of a WebSocket, after the opening handshake.

    It reports `Text`, `Binary`, `Ping`, `Pong`, at most one `Close`, and at the end `Closed`.
    Messages are whole, and fragments are joined, unless fragments are asked for. Each Ping is
    answered at once. The peer's Close is answered when the application has taken what came before
    it and asks for more, so that it can still answer that; in the same way, a violation is
    answered with a Close of its code.

    `Closed` has no error if both sides have said Close. Else it has `RemoteProtocolError`, with
    the close code that the peer was told; `AbnormalClosure`, which RFC 6455 calls 1006; or
    `PeerTimeout`.

    It takes these events as commands too, for short a string or bytes, and a `Message`: as text
    if its content type says that it is and it is UTF-8, else as bytes; its other attributes do
    not travel. A message may be sent as several `Fragment`, of which the last one has `fin`; until
    then no other message can be sent. What is `Encoded` waits in a queue of its own, within bounds.
    `End` is a Close with code 1000, or 1001 if this side is going away.

    Args:
        role: Which end this is.
        subprotocol: What was agreed on in the opening handshake.
        compression: Likewise; None for none.
        fragments: Whether messages are reported as they come, each as one or several `Fragment`,
            instead of whole. Nothing of them is held then, so `Limits.message_size` may be large.
        overflow: What happens when more that is `Encoded` waits for the peer than `limits` allow.
            `Overflow.DISCONNECT` is a Close with code 1013, and `LimitExceeded`.
        missing: Under `Overflow.DROP_OLDEST`, makes what the peer is told where something gave way.
        limits: How much, and how slowly, the peer may send.
        entropy: Where masking keys come from. They must be unpredictable (RFC 6455, 10.3).

    Attributes:
        subprotocol: What was agreed on in the opening handshake, or None.
        compression: Likewise.
        close_received: What the peer has said in its Close, or None.
        close_sent: What this side has said in its own, or None.
    """

    def __init__(
        self,
        role: Role,
        *,
        subprotocol: str | None = None,
        compression: Deflate | None = None,
        fragments: bool = False,
        overflow: Overflow = Overflow.DISCONNECT,
        missing: Missing | None = None,
        limits: Limits = Limits(),
        entropy: Entropy = os.urandom,
    ) -> None:
        super().__init__(role, limits)
        self.subprotocol = subprotocol
        self.compression = compression
        self._entropy = entropy
        # What comes.
        self._decoder = FrameDecoder(
            masked=role is Role.SERVER, rsv1=compression is not None, limits=limits
        )
        decompressor = None if compression is None else Decompressor(compression, limits)
        self._incoming = Passage(decompressor) if fragments else Assembly(decompressor)
        # Which frames are whole messages: the fast way round what takes them apart.
        self._plain = compression is None and not fragments
        self._unread = 0  # bytes that came since the application had nothing to take
        self._controls = Allowance(limits.control_rate)
        # What goes.
        self._outgoing = Outgoing(
            compression=compression, entropy=entropy if role is Role.CLIENT else None
        )
        self._pongs: list[bytes] = []  # short and most often empty, so no deque of 760 bytes
        self._pings = Pings()
        self._overflow = overflow
        self._missing = missing
        self._waiting: Waiting | None = None  # as long as nothing ever had to
        # When.
        self._heard = 0.0  # the peer sent something
        self._asked = 0.0  # this machine sent a Ping of its own
        self._talked = 0.0  # a message went either way, or a part of one

    @property
    def latency(self) -> float | None:
        """Seconds between a Ping and its Pong, the last time that one was answered; None before.

        Silent peers are sent Pings by the machine; an application may send more of them.
        """
        return self._pings.latency

    def awaits_pong(self, payload: bytes) -> bool:
        """Whether a Ping with this payload was sent, and may still be answered."""
        return self._pings.waiting(payload)

    @property
    @override
    def backlog(self) -> int:
        """Events that nobody has taken, and what they came in: 16 KiB count as another one."""
        waiting = len(self._events)
        if waiting:
            waiting += self._unread // _EVENT_SIZE
        return waiting + (self._failure is not None)

    # What the application sends.

    @override
    def send(self, command: Sendable | Encoded | End, now: float) -> None:
        if self._state is not _OPEN or command.__class__ not in _MESSAGES:
            super().send(command, now)
            return
        # The same without its hooks, as in `receive`.
        if now > self._now:
            self._tick(now)
        self._say(*framed(command))

    @override
    def _on_send(self, command: Sendable | Encoded | End) -> None:
        if self._state not in _SENDING:
            msg = "the closing handshake has begun"
            raise ClosedError(msg, reason=self._error)
        match command:
            case str() | bytes() | Text() | Binary() | Message():
                self._say(*framed(command))
            case Fragment(str() as text, fin):
                self._go_on(_TEXT, encoded(text), fin=fin)
            case Fragment(data, fin):
                self._go_on(_BINARY, checked(data), fin=fin)
            case Ping():
                self._write(Opcode.PING, checked(command.payload))
                self._pings.sent(command.payload, self._now)
            case Pong():
                self._write(Opcode.PONG, checked(command.payload))
            case Encoded():
                self._offer(command)
            case Close():
                self._send_close(command)
            case End():
                code = CloseCode.GOING_AWAY if command.going_away else CloseCode.NORMAL_CLOSURE
                self._send_close(Close(code))
            case _:
                msg = f"a WebSocket is not told {command!r}"
                raise LocalProtocolError(msg)

    def _say(self, opcode: Opcode, payload: bytes) -> None:
        if self._waiting is not None:
            self._let_out_waiting()
        if len(payload) < LARGE:
            self._outputs.append(self._outgoing.message(opcode, payload))
        else:
            self._outputs += self._outgoing.large(opcode, payload)
        self._talked = self._now

    def _go_on(self, opcode: Opcode, payload: bytes, *, fin: bool) -> None:
        self._let_out_waiting()
        self._outputs.append(self._outgoing.fragment(opcode, payload, fin=fin))
        self._talked = self._now

    @override
    def _write(self, opcode: Opcode, payload: bytes) -> None:
        self._outputs.append(self._outgoing.frame(opcode, payload))

    def _offer(self, message: Encoded) -> None:
        if self._waiting is None:
            self._waiting = Waiting(self._outgoing, self._overflow, self._limits, self._missing)
        error = self._waiting.put(message)
        if error is None:
            self._talked = self._now
        elif self._state is State.OPEN and self._failure is None:  # else it is ending anyway
            self._on_failure(error)

    def _let_out_waiting(self) -> None:
        if self._waiting is not None:
            self._outputs.extend(iter(self._waiting.take, None))

    @override
    def _send_close(self, close: Close) -> None:
        self._let_out_waiting()
        super()._send_close(close)

    # What comes from the peer.

    @override
    def _on_start(self) -> None:
        self._heard = self._talked = self._now
        self._watch()
        self._look_idle()

    @override
    def receive(self, data: Chunk, now: float) -> None:
        if (
            type(data) is not bytes
            or self._events
            or self._state is not _OPEN
            or self._failure is not None
        ):
            super().receive(data, now)
            return
        # The same without its hooks, where nothing is special: a fifth of the price of a message.
        if now > self._now:
            self._tick(now)
        self._heard = self._now
        self._unread = len(data)
        if self._plain and (message := self._decoder.short_message(data)) is not None:
            self._talked = self._now
            try:
                self._events.append(whole(*message))
            except RemoteProtocolError as error:
                self._fail(error)
            return
        room = 1 if self.compression else self._max_backlog
        try:
            frames = self._decoder.receive(data, room)
            self._take(frames)
        except RemoteProtocolError as error:
            self._fail(error)
        else:
            if len(frames) == room:
                self._advance()

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data is EOF:
            self._ended = True
        elif self._state in READING:
            self._decoder.feed(data)
            self._heard = self._now
            self._unread = self._unread + len(data) if self._events else len(data)

    @override
    def _parse(self) -> bool:
        if self._state in READING:
            # One by one where each may become large.
            room = 1 if self.compression else self._max_backlog - len(self._events)
            frames = self._decoder.frames(room)
            self._take(frames)
            if len(frames) == room:
                return True
        if self._ended and self._state is not State.CLOSE_RECEIVED:
            self._on_end()
        return False

    def _take(self, frames: list[Frame]) -> None:
        """Report what these frames say, and then what is wrong behind them."""
        plain = self._plain
        events = self._events
        for frame in frames:
            opcode, payload, fin, _ = frame
            if plain and fin and (opcode is _TEXT or opcode is _BINARY):
                events.append(whole(opcode, payload))
            elif opcode < _CONTROL:
                if (event := self._incoming.add(frame, self._now)) is not None:
                    events.append(event)
                self._unread += self._incoming.inflated
            else:
                self._on_control(opcode, payload)
                continue
            self._talked = self._now
        if self._decoder.error is not None:
            raise self._decoder.error

    def _on_control(self, opcode: Opcode, payload: bytes) -> None:
        if opcode is Opcode.CLOSE:
            self._on_close(payload)
            return
        if not self._controls.take(1, self._now):
            msg = f"more Pings and Pongs than {self._limits.control_rate} within a second"
            raise LimitExceeded(msg, code=CloseCode.POLICY_VIOLATION, limit="control_rate")
        if opcode is Opcode.PING:
            self._pongs.append(payload)
            del self._pongs[: -self._limits.pongs]
            self._events.append(Ping(payload))
        elif not self._pings.answered(payload, self._now):
            self._events.append(Pong(payload))

    @override
    def next_event(self) -> Event | None:
        if self._events:
            return self._events.popleft()
        event = super().next_event() if self._paused or self._failure is not None else None
        if event is None and self._state is _CLOSE_RECEIVED and self.close_received:
            # Only now: the application has had its chance to answer all that came before.
            self._send_close(Close(self.close_received.code))
            event = super().next_event()
        return event

    @override
    def next_output(self) -> Chunk | None:
        # A control frame may overtake messages, and must not follow a Close.
        if self._pongs and not self._amid_frame():
            self._write(Opcode.PONG, self._pongs.pop(0))
            return self._outputs.pop()
        if self._outputs:
            return self._outputs.popleft()
        return None if self._waiting is None else self._waiting.take()

    def _amid_frame(self) -> bool:
        """Whether the head of a large payload may have left, and that comes next."""
        output = self._outputs[0] if self._outputs else EOF
        return output is not EOF and len(output) >= LARGE

    # What the clock brings.

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        if timer is _Timer.PING:
            self._watch()
        elif timer is _Timer.PONG:
            self._on_pong_due()
        elif timer is _Timer.IDLE:
            self._look_idle()
        else:
            super()._on_timeout(timer)

    def _watch(self) -> None:
        """Ask the peer for a sign of life if it has been silent for long, else look again then."""
        due = self._heard + self._limits.ping_interval
        if self._now < due < math.inf:
            self._timers.set(_Timer.PING, due)
        elif due <= self._now:
            self._asked = self._now
            payload = self._entropy(4)
            self._write(Opcode.PING, payload)
            self._pings.sent(payload, self._now, own=True)
            self._timers.set(_Timer.PONG, self._now + self._limits.ping_timeout)

    def _look_idle(self) -> None:
        """Close if no message has gone either way for long, else look again when that may be."""
        # With a backlog, the application is the slow one, and what makes it busy is no silence.
        since = self._now if self.backlog else self._talked
        due = since + self._limits.idle_time
        if due <= self._now:
            reason = f"no message for {self._limits.idle_time} seconds"
            self._send_close(Close(CloseCode.GOING_AWAY, reason))
        elif due < math.inf:
            self._timers.set(_Timer.IDLE, due)

    def _on_pong_due(self) -> None:
        # With a backlog, the application is the slow one: what the peer sent may be still unread.
        if self._heard >= self._asked or self.backlog:
            self._watch()
        else:
            msg = f"the peer sent nothing for {self._limits.ping_timeout} seconds after a Ping"
            self._fail(PeerTimeout(msg))

    @override
    def _step(self, step: Step) -> None:
        if step in _ENDS:
            self._waiting = None
        super()._step(step)


class _Timer(Enum):
    IDLE = "nobody has said anything"
    PING = "the peer has been silent"
    PONG = "a Ping waits for an answer"


# Under names of their own because these are looked up for each frame.
_TEXT: Final = Opcode.TEXT
_BINARY: Final = Opcode.BINARY
_CONTROL: Final = Opcode.CLOSE
_OPEN: Final = State.OPEN
_CLOSE_RECEIVED: Final = State.CLOSE_RECEIVED

_EVENT_SIZE: Final = 16 * 1024  # bytes that came which count as an event

_MESSAGES: Final = frozenset({Text, Binary, Message, str, bytes})
# Tuples, because members of an enumeration are slow to hash.
_SENDING: Final = (State.OPEN, State.CLOSE_RECEIVED)
_ENDS: Final = (Step.FAIL, Step.CLOSE)
