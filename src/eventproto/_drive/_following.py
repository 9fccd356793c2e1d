"""Following a log over WebSocket: one message after the other, over any number of connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from typing_extensions import override

from eventproto import ClosedError, Message, RemoteProtocolError
from eventproto._drive._websocket import WebSocketSession
from eventproto.cloudevents import from_json
from eventproto.http import Headers
from eventproto.websocket import Close, CloseCode

__all__ = ["Following", "Place"]


class Place:
    """Where a client is.

    Args:
        last_event_id: Where it begins.

    Raises:
        LocalProtocolError: No header can bring this id to the server.
    """

    def __init__(self, last_event_id: str) -> None:
        self.last_event_id = last_event_id
        self.add_to(Headers())

    def add_to(self, headers: Headers) -> Headers:
        """What asks for all that is behind it."""
        if not self.last_event_id:
            return headers
        return headers.replace("Last-Event-ID", self.last_event_id)


class Following(AsyncIterator[Message]):
    """What a `site.LogSocket` replays; see `WebSocketConnector.following`.

    Iterating gives each `Message` as it was appended, and beside that in its `extensions` what the
    endpoint says of it. A gap is a message, too, which `sse.Gap.of` reads. When a connection is
    lost in a way that is worth another attempt, the next one goes on from the last message that
    was taken; any other error is raised.

    Attributes:
        websocket: The newest connection, to talk with a handler of the endpoint: what is sent on
            one that was lost is lost, or raises `ClosedError`.
    """

    def __init__(
        self,
        websocket: WebSocketSession,
        connections: AsyncIterator[WebSocketSession],
        place: Place,
    ) -> None:
        self.websocket = websocket
        self._connections = connections
        self._place = place

    @property
    def last_event_id(self) -> str:
        """Where to go on after the messages that were taken: keep it to come back another day."""
        return self._place.last_event_id

    @override
    async def __anext__(self) -> Message:
        """Wait for the next message, and for another connection if need be.

        Raises:
            OSError, EventprotoError: Why there is no other connection, if that is not worth another
                attempt.
            RemoteProtocolError: The server has said what is no CloudEvent.
        """
        while True:
            try:
                carried = await anext(self.websocket)
            except StopAsyncIteration:
                self.websocket = await anext(self._connections)
            else:
                message = self._read(carried)
                if not _is_place(message):
                    return message

    def _read(self, carried: Message) -> Message:
        try:
            message = from_json(carried.data)
        except RemoteProtocolError as error:
            code = CloseCode.INVALID_FRAME_PAYLOAD_DATA
            with suppress(ClosedError):
                self.websocket.post(Close(code))
            raise RemoteProtocolError(str(error), code=code) from error
        self._place.last_event_id = message.extensions.get("lasteventid", self.last_event_id)
        return message


def _is_place(message: Message) -> bool:
    # Not one of the application that happens to be of this type.
    own = message.id is not None and message.id.startswith("place:")
    return own and message.type == "place" and not message.data
