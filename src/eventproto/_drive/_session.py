"""What an application holds of a machine that a driver runs, the same on every runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Hashable
from contextlib import suppress
from traceback import clear_frames
from typing import Any, Generic, Self, TypeVar, cast

from typing_extensions import override

from eventproto._answer import Accept
from eventproto._errors import ClosedError
from eventproto._event import Closed, Event, Message, new_message

__all__ = ["Session"]

CommandT = TypeVar("CommandT")


class Session(ABC, Generic[CommandT]):
    """Sends commands to a machine and takes its events, or only the messages in them.

    Iterating over a session gives each `Message` until the machine has closed, and raises the
    error with which it closed, if any. Where the peer waits for an answer, asking for the next
    message accepts the one before: a loop that breaks or raises leaves its message unaccepted.
    """

    _unanswered: Hashable = None
    closed: Closed | None = None
    """The last event, once it was taken."""
    source: str | None = None
    """The URL that was connected to, after redirects: the source of messages that name none."""

    @abstractmethod
    async def send(self, command: CommandT) -> None:
        """Hand a command to the machine; return when there is room for the next one.

        Cancelling it stops the waiting, not the sending: what was handed over goes out whole.

        Raises:
            LocalProtocolError: The protocol forbids the command; nothing has changed.
            ClosedError: The machine has closed.
        """

    async def next_event(self) -> Event | None:
        """Wait for the next event; None once the last one, a `Closed`, was taken."""
        if self.closed is not None:
            return None
        event = self._ready_event()
        if event is None:
            event = await self._take_event()
        if isinstance(event, Closed):
            self.closed = event
        return event

    def events(self) -> AsyncIterator[Event]:
        """All events, up to and including the `Closed` at the end."""
        return _Events(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._unanswered is not None:
            token, self._unanswered = self._unanswered, None
            with suppress(ClosedError):  # too late: the peer was told to try again
                # A machine whose events have tokens takes the answers.
                await self.send(cast("CommandT", Accept(token)))
        while self.closed is None:
            # As `next_event`, which is not called because most messages come through here.
            event = self._ready_event()
            if event is None:
                event = await self._take_event()
            message = event.message()
            if message is not None:
                self._unanswered = getattr(event, "token", None)
                return message if self.source is None else _found_at(self.source, message)
            if isinstance(event, Closed):
                self.closed = event
                if event.error is not None:
                    raise event.error
        raise StopAsyncIteration

    def _ready_event(self) -> Event | None:
        """Take an event that need not be waited for, or None."""
        return None

    @abstractmethod
    async def _take_event(self) -> Event:
        """Wait for an event of a machine that has not reported its last one."""


def _found_at(url: str, message: Message) -> Message:
    if message.source is not None:
        return message
    # `replace` takes five times as long.
    return new_message(
        data=message.data,
        type=message.type,
        id=message.id,
        source=url,
        subject=message.subject,
        time=message.time,
        content_type=message.content_type,
        extensions=message.extensions,
    )


class _Events(AsyncIterator[Event]):
    # A class, not an async generator: there is nothing to finalise when a loop is left early.

    def __init__(self, session: Session[Any]) -> None:
        self._session = session

    @override
    async def __anext__(self) -> Event:
        try:
            event = await self._session.next_event()
        except BaseException as error:
            clear_frames(error.__traceback__)  # as `EventSource` does
            del self
            raise
        if event is None:
            raise StopAsyncIteration
        return event
