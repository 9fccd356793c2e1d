"""A WebSocket as an application has it, on either end."""

from __future__ import annotations

import os
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Hashable,
    Iterable,
    Mapping,
)
from contextlib import suppress
from typing import Any, Final, TypeAlias, cast

from eventproto import Closed, ClosedError, ConnectionLost, End, Event, LocalProtocolError, Message
from eventproto._drive._stream import OnEvent, StreamSession
from eventproto._layered import Layered
from eventproto.websocket import (
    Binary,
    Close,
    CloseCode,
    Connection,
    Encoded,
    Fragment,
    Ping,
    Pong,
    Sendable,
    Text,
)

__all__ = ["Pieces", "WebSocketSession", "broadcast"]

Pieces: TypeAlias = Iterable[str] | Iterable[bytes] | AsyncIterable[str] | AsyncIterable[bytes]
"""A message in pieces: all of them strings, or all of them bytes."""


class WebSocketSession:
    """An open WebSocket: iterate over it for messages, `send` what is to be said.

    Iterating gives each `Message` until the connection has closed, and raises the error with
    which it closed, if any. `events()` gives all that happens, down to pings.
    """

    def __init__(self, session: StreamSession[Any]) -> None:
        self._session = session
        machine = session.machine
        self._connection = cast(
            "Connection", machine.inner if isinstance(machine, Layered) else machine
        )
        session.settle()
        self._in_pieces = False  # whether a message is on its way piece by piece
        self._begun = False  # and whether any of it has left

    # What this side says.

    def send(self, message: Sendable | Pieces | End) -> Coroutine[Any, Any, None]:
        """Send a message; wait until there is room for the next one.

        An iterable, asynchronous or not, goes as one message: each piece leaves as a fragment as
        soon as it is there, and other messages wait until the last one has left. If it raises, or
        the sending is cancelled in between, nothing can complete the message, and the connection
        is closed with code 1011.

        Cancelling the sending of anything else stops the waiting, not the sending: a frame is
        never torn.

        Args:
            message: A string, bytes, a `Message`, an iterable of strings or of bytes; or one of
                the commands of `websocket.Connection`, such as `websocket.Close`.

        Raises:
            LocalProtocolError: It cannot be sent; or it is an iterable without a piece, and nobody
                knows whether it was to be text.
            ClosedError: The closing handshake has begun, or the connection has closed.
        """
        whole = not self._in_pieces and isinstance(message, _WHOLE)
        if whole or isinstance(message, _CONTROL):
            return self._session.send(message)
        return self._send_in_turn(message)

    @property
    def post(self) -> Callable[[Sendable | Encoded | End], None]:
        """Call it to send a message like `send`, without waiting for room.

        What is posted while the peer reads nothing piles up, but for `websocket.Encoded`, whose
        queue has bounds; see `broadcast`.

        Raises:
            LocalProtocolError: It cannot be sent, or another message is being sent in pieces.
            ClosedError: The closing handshake has begun, or the connection has closed.
        """
        return self._session.post  # which costs each message one call less

    async def ping(self) -> float:
        """Ask the peer for a sign of life, and wait for it.

        Whatever the peer sent before it comes first: if so many messages wait that nobody takes
        that reading has stopped, so does its answer.

        Returns:
            Seconds that it took.

        Raises:
            ClosedError: The closing handshake has begun, or the connection has closed.
            ConnectionLost: It has ended without an answer.
        """
        connection, payload = self._connection, os.urandom(8)
        await self._session.send(Ping(payload))
        await self._session.wait_until(
            lambda: connection.ending or not connection.awaits_pong(payload)
        )
        if connection.awaits_pong(payload) or connection.latency is None:
            msg = "the connection ended without an answer to a Ping"
            raise ConnectionLost(msg)
        return connection.latency

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Say that this side is done, and wait until the connection is gone.

        Messages that the peer has sent before it answers are dropped; iterate after sending a
        `websocket.Close` for those. It is no error if the connection has closed already.

        Args:
            code: Why, see `websocket.CloseCode`.
            reason: For people to read; at most 123 bytes of UTF-8.

        Raises:
            LocalProtocolError: The code or the reason cannot be sent.
        """
        with suppress(ClosedError):
            self._session.post(Close(code, reason))
        while await self._session.next_event() is not None:
            pass
        await self._session.wait_gone()

    def abort(self) -> None:
        """Drop the connection now; what was not written yet is lost."""
        self._session.abort()

    # What the peer says.

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._session  # which costs each message one call less

    async def __anext__(self) -> Message:
        return await self._session.__anext__()

    async def next_event(self) -> Event | None:
        """Wait for the next event; None once the last one, a `Closed`, was taken."""
        return await self._session.next_event()

    def events(self) -> AsyncIterator[Event]:
        """All events, up to and including the `Closed` at the end."""
        return self._session.events()

    def listen(self, on_event: OnEvent) -> Coroutine[Any, Any, None]:
        """Hand each event to a function at once, without a switch of tasks; see `StreamSession`.

        The function answers with `post`::

            def answer(event: Event) -> None:
                if isinstance(event, Text):
                    socket.post(event)


            await socket.listen(answer)

        Args:
            on_event: What to call with each event, up to and including the `Closed`.

        Raises:
            LocalProtocolError: Somebody listens already.
        """
        return self._session.listen(on_event)

    # What is known.

    @property
    def closed(self) -> Closed | None:
        """The last event, once it was taken."""
        return self._session.closed

    @property
    def subprotocol(self) -> str | None:
        """What both sides have agreed to speak, or None."""
        return self._connection.subprotocol

    @property
    def latency(self) -> float | None:
        """Seconds that the last answer to a Ping took, of this side's or the machine's; or None."""
        return self._connection.latency

    @property
    def close_received(self) -> Close | None:
        """What the peer has said in its Close, or None."""
        return self._connection.close_received

    async def _send_in_turn(self, message: Sendable | Pieces | End) -> None:
        await self._session.wait_until(lambda: self._connection.ending or not self._in_pieces)
        if self._in_pieces:
            msg = "the connection is ending, and a message before this one was never completed"
            raise ClosedError(msg)
        if isinstance(message, AsyncIterable | Iterable) and not isinstance(message, _NO_PIECES):
            await self._send_pieces(message)
        else:
            await self._session.send(message)

    async def _send_pieces(self, pieces: Pieces) -> None:
        self._in_pieces, self._begun = True, False
        last: str | bytes | None = None  # an empty piece of their kind, once there was one
        try:
            if isinstance(pieces, AsyncIterable):
                async for piece in pieces:
                    last = await self._send_piece(piece)
            else:
                for piece in pieces:
                    last = await self._send_piece(piece)
        except BaseException:
            self._in_pieces = False
            if self._begun:
                with suppress(ClosedError):
                    reason = "a message was not completed"
                    self._session.post(Close(CloseCode.INTERNAL_ERROR, reason))
            raise
        self._in_pieces = False  # before anybody can look
        if last is None:
            msg = 'a message in pieces has at least one; an empty one is "" or b""'
            raise LocalProtocolError(msg)
        await self._session.send(Fragment(last))

    async def _send_piece(self, piece: str | bytes) -> str | bytes:
        begun, self._begun = self._begun, True
        try:
            await self._session.send(Fragment(piece, fin=False))
        except LocalProtocolError:
            self._begun = begun
            raise
        return piece[:0]


def broadcast(
    sessions: Iterable[WebSocketSession],
    message: str | bytes | Text | Binary | Message,
    *,
    key: Hashable = None,
) -> None:
    """Send a message to many peers, and wait for none of them.

    It is encoded once. Where a peer is slow it waits within the bounds of its connection,
    `websocket.Limits.output_count` and `output_size`; what happens there is for `overflow` of the
    endpoint to say. Connections that are closing, or have closed, are passed over.

    Args:
        sessions: The connections.
        message: Text or bytes, or a `Message`.
        key: Under `Overflow.COALESCE`, what it replaces while both wait: what was broadcast under
            an equal key. None replaces nothing.

    Raises:
        LocalProtocolError: The message cannot be sent; nobody was sent anything.
    """
    encoded = Encoded.of(message, key)
    for session in sessions:
        with suppress(ClosedError):
            session.post(encoded)


_CONTROL: Final = (Ping, Pong, Close, End)
_WHOLE: Final = (Message, str, bytes, Text, Binary)
_NO_PIECES: Final = (str, bytes, bytearray, memoryview, Mapping)
