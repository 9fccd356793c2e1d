"""An open connection: frames in, events out; commands in, frames out (RFC 6455, 5 to 7)."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Hashable
from enum import Enum
from typing import Final

from typing_extensions import override

from eventproto._errors import (
    ClosedError,
    ConnectionLost,
    EventprotoError,
    LocalProtocolError,
    PeerTimeout,
)
from eventproto._event import Event, Message
from eventproto._machine import EOF, Chunk, End, Machine
from eventproto._retry import Entropy
from eventproto.websocket._close import CloseCode, decode_close, encode_close, last_words
from eventproto.websocket._events import Binary, Close, Ping, Pong, Sendable, Text
from eventproto.websocket._frames import FrameDecoder, Opcode, encode_frame
from eventproto.websocket._limits import Limits
from eventproto.websocket._messages import Assembly, carriage, decode_text
from eventproto.websocket._states import TRANSITIONS, State, Step

__all__ = ["Connection", "Role"]


class Role(Enum):
    """Which end of a connection this is."""

    CLIENT = "client"
    """Masks what it sends, and lets the server end the TCP connection."""
    SERVER = "server"
    """Must not mask, and ends the TCP connection once both have said Close."""


class Connection(Machine[Sendable | End, Chunk, Chunk]):
    """One end of a WebSocket, after the opening handshake.

    It reports `Text`, `Binary`, `Ping`, `Pong`, at most one `Close`, and at the end `Closed`.
    Messages are whole; fragments are joined. Each Ping is answered at once. The peer's Close is
    answered when the application has taken what came before it and asks for more, so that it can
    still answer that; in the same way, a violation is answered with a Close of its code.

    `Closed` has no error if both sides have said Close. Else it has `RemoteProtocolError`, with
    the close code that the peer was told; `ConnectionLost`, which RFC 6455 calls 1006; or
    `PeerTimeout`.

    It takes these events as commands too, for short a string or bytes, and a `Message`: as text
    if its content type says that it is and it is UTF-8, else as bytes; its other attributes do
    not travel. `End` is a Close with code 1000, or 1001 if this side is going away.

    Args:
        role: Which end this is.
        subprotocol: What was agreed on in the opening handshake.
        limits: How much, and how slowly, the peer may send.
        entropy: Where masking keys come from. They must be unpredictable (RFC 6455, 10.3).

    Attributes:
        subprotocol: What was agreed on in the opening handshake, or None.
    """

    def __init__(
        self,
        role: Role,
        *,
        subprotocol: str | None = None,
        limits: Limits = Limits(),
        entropy: Entropy = os.urandom,
    ) -> None:
        super().__init__()
        self.subprotocol = subprotocol
        self._role = role
        self._limits = limits
        self._entropy = entropy
        self._state = State.OPEN
        self._decoder = FrameDecoder(masked=role is Role.SERVER, limits=limits)
        self._assembly = Assembly()
        self._ended = False  # whether the wire has brought EOF
        self._pongs: deque[bytes] = deque(maxlen=limits.pongs)
        self._heard = 0.0  # when the peer sent something
        self._asked = 0.0  # when this machine sent a Ping of its own
        self._keepalive: bytes | None = None  # what that carried
        self._close_received: Close
        self._error: EventprotoError | None = None

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    # What the application sends.

    @override
    def _on_send(self, command: Sendable | End) -> None:
        if self._state not in _SENDING:
            msg = "the closing handshake has begun"
            raise ClosedError(msg, reason=self._error)
        match command:
            case str():
                self._write(_TEXT, _encoded(command))
            case bytes():
                self._write(_BINARY, command)
            case Text():
                self._write(_TEXT, _encoded(command.text))
            case Binary():
                self._write(_BINARY, _checked(command.data))
            case Message():
                self._on_send(carriage(command))
            case Ping():
                self._write(Opcode.PING, _checked(command.payload))
            case Pong():
                self._write(Opcode.PONG, _checked(command.payload))
            case Close():
                self._send_close(command)
            case End():
                code = CloseCode.GOING_AWAY if command.going_away else CloseCode.NORMAL_CLOSURE
                self._send_close(Close(code))
            case _:
                msg = f"a WebSocket is not told {command!r}"
                raise LocalProtocolError(msg)

    def _write(self, opcode: Opcode, payload: bytes) -> None:
        key = self._entropy(4) if self._role is Role.CLIENT else None
        self._outputs.append(encode_frame(opcode, payload, key=key))

    def _send_close(self, close: Close) -> None:
        self._write(Opcode.CLOSE, encode_close(close))
        self._step(Step.SEND_CLOSE)
        self._advance()

    # What comes from the peer.

    @override
    def _on_start(self) -> None:
        self._heard = self._now
        self._watch()

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data is EOF:
            self._ended = True
        elif self._state in _READING:
            self._decoder.feed(data)
            self._heard = self._now

    @override
    def _parse(self) -> bool:
        if self._state in _READING:
            room = self._max_backlog - len(self._events)
            frames = self._decoder.frames(room)
            for frame in frames:
                opcode, payload, fin, _ = frame
                if opcode is _TEXT and fin:
                    self._events.append(Text(decode_text(payload)))
                elif opcode is _BINARY and fin:
                    self._events.append(Binary(payload))
                elif opcode < Opcode.CLOSE:
                    if (message := self._assembly.add(frame)) is not None:
                        self._events.append(message)
                else:
                    self._on_control(opcode, payload)
            if self._decoder.error is not None:
                raise self._decoder.error
            if len(frames) == room:
                return True
        if self._ended and self._state is not State.CLOSE_RECEIVED:
            self._on_end()
        return False

    def _on_control(self, opcode: Opcode, payload: bytes) -> None:
        if opcode is Opcode.PING:
            self._pongs.append(payload)
            self._events.append(Ping(payload))
        elif opcode is Opcode.CLOSE:
            self._close_received = decode_close(payload)
            self._step(Step.RECEIVE_CLOSE)
        elif payload != self._keepalive:
            self._events.append(Pong(payload))

    def _on_end(self) -> None:
        if self._state is State.DISCONNECTING:
            self._close(self._error)
        else:
            self._fail(ConnectionLost("the peer ended the connection without a Close (1006)"))

    @override
    def next_event(self) -> Event | None:
        if self._events:
            return self._events.popleft()
        if self._state is State.CLOSE_RECEIVED:
            # Only now: the application has had its chance to answer all that came before.
            self._send_close(Close(self._close_received.code))
        return super().next_event()

    @override
    def next_output(self) -> Chunk | None:
        if self._pongs:  # a control frame may overtake messages, and must not follow a Close
            self._write(Opcode.PONG, self._pongs.popleft())
            return self._outputs.pop()
        return super().next_output()

    # What the clock brings, and how it ends.

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        if timer is _Timer.PING:
            self._watch()
        elif timer is _Timer.PONG:
            self._on_pong_due()
        elif self._state is State.CLOSE_SENT:
            msg = f"the peer did not answer a Close in {self._limits.close_time} seconds"
            self._close(PeerTimeout(msg))
        else:
            self._close(self._error)

    def _watch(self) -> None:
        """Ask the peer for a sign of life if it has been silent for long, else look again then."""
        due = self._heard + self._limits.ping_interval
        if self._now < due < math.inf:
            self._timers.set(_Timer.PING, due)
        elif due <= self._now:
            self._asked = self._now
            self._keepalive = self._entropy(4)
            self._write(Opcode.PING, self._keepalive)
            self._timers.set(_Timer.PONG, self._now + self._limits.ping_timeout)

    def _on_pong_due(self) -> None:
        # With a backlog, the application is the slow one: what the peer sent may be still unread.
        if self._heard >= self._asked or self.backlog:
            self._watch()
        else:
            msg = f"the peer sent nothing for {self._limits.ping_timeout} seconds after a Ping"
            self._fail(PeerTimeout(msg))

    @override
    def _on_failure(self, error: EventprotoError) -> None:
        if isinstance(error, ConnectionLost):
            self._close(error)
            return
        if self._state is State.OPEN:
            self._write(Opcode.CLOSE, encode_close(last_words(error)))
        self._error = error
        self._step(Step.FAIL)
        self._advance()

    def _step(self, step: Step) -> None:
        self._state = TRANSITIONS[self._state, step]
        self._timers.clear()
        if self._state is State.DISCONNECTING:
            if step is not Step.FAIL:
                self._events.append(self._close_received)
            if self._role is Role.SERVER:
                self._outputs.append(EOF)
        if self._state in {State.CLOSE_SENT, State.DISCONNECTING}:
            self._timers.set(_Timer.CLOSE, self._now + self._limits.close_time)

    @override
    def _close(self, error: Exception | None = None) -> None:
        self._step(Step.CLOSE)
        super()._close(error)


class _Timer(Enum):
    PING = "the peer has been silent"
    PONG = "a Ping waits for an answer"
    CLOSE = "a Close waits for an answer, or for the end of the stream"


# Under names of their own because these are looked up for each frame.
_TEXT: Final = Opcode.TEXT
_BINARY: Final = Opcode.BINARY

# Tuples, because members of an enumeration are slow to hash.
_SENDING: Final = (State.OPEN, State.CLOSE_RECEIVED)
_READING: Final = (State.OPEN, State.CLOSE_SENT)


def _encoded(text: str) -> bytes:
    if not isinstance(text, str):
        msg = f"Text is a string, not {type(text).__name__}"
        raise LocalProtocolError(msg)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        msg = f"the text has half of a surrogate pair at index {error.start}"
        raise LocalProtocolError(msg) from error


def _checked(data: bytes) -> bytes:
    if not isinstance(data, bytes):
        msg = f"a payload is bytes, not {type(data).__name__}"
        raise LocalProtocolError(msg)
    return data
