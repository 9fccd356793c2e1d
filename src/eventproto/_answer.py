"""How an application answers a peer that waits: the commands, and the roles that take them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, TypeVar, cast

from typing_extensions import override

from eventproto._call import CallMachine
from eventproto._errors import ClosedError, LocalProtocolError
from eventproto._event import Event, Message
from eventproto._machine import DEFAULT_BACKLOG, End
from eventproto._value import value
from eventproto.http import Call, Response

__all__ = ["LATER", "Accept", "AnsweringMachine", "Refuse"]

CommandT = TypeVar("CommandT")

_FAILURES: Final = range(400, 600)
LATER: Final = Response.of_text(503, "try again later")
"""What a caller is told when the application does not answer, or cannot be asked."""


@value()
class Accept:
    """The command that tells a waiting peer that its message has been taken.

    Attributes:
        token: That of the event which brought the message.
    """

    token: Hashable


@value()
class Refuse:
    """The command that tells a waiting peer that its message has not been taken.

    Attributes:
        token: That of the event which brought the message.
        status: The HTTP status of the answer, 400 to 599. 503, the default, asks most senders to
            try again later; 410 tells them never to.
        reason: Plain text for the people at the other end; not for their programs.

    Raises:
        LocalProtocolError: The status is not one of failure, or the reason is no text.
    """

    token: Hashable
    status: int = 503
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status not in _FAILURES:
            msg = f"a refusal has a status from 400 to 599, got {self.status!r}"
            raise LocalProtocolError(msg)
        Message.of_text(self.reason)  # or the answer could not be written


class AnsweringMachine(CallMachine[CommandT]):
    """A role whose callers wait until the application has accepted or refused what they bring.

    It takes `Accept` and `Refuse`, and `End`, which tells all who wait to try again and closes.

    Args:
        unanswered: How many calls may wait, and how many events for the application.
        answer_time: Seconds that the application has before a caller is told to try again.
        max_backlog: How many events may wait before mere reports are dropped.
    """

    def __init__(
        self, *, unanswered: int, answer_time: float, max_backlog: int = DEFAULT_BACKLOG
    ) -> None:
        super().__init__(max_backlog=max_backlog)
        self._most_unanswered = unanswered
        self._answer_time = answer_time
        self._unanswered: set[Hashable] = set()

    @property
    def _is_behind(self) -> bool:
        """Whether the application has been asked for as much as it may."""
        # What was answered in the application's place has still not been taken by it.
        return max(len(self._unanswered), len(self._events)) >= self._most_unanswered

    def _ask(self, call: Call, event: Event) -> None:
        """Report what a call brings; from now on, its caller waits."""
        self._unanswered.add(call.token)
        self._timers.set(("answer", call.token), self._now + self._answer_time)
        self._events.append(event)

    @override
    def _on_send(self, command: CommandT) -> None:
        match command:
            case Accept(token):
                self._settle(token, Response(204))
            case Refuse(token, status, reason):
                self._settle(token, Response.of_text(status, reason))
            case End():
                for token in tuple(self._unanswered):
                    self._settle(token, LATER)
                self._close()
            case _:
                msg = f"a {type(self).__name__.lower()} takes no {type(command).__name__}"
                raise LocalProtocolError(msg)

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        _, token = cast("tuple[str, Hashable]", timer)
        self._settle(token, LATER)

    def _settle(self, token: Hashable, response: Response) -> None:
        if token not in self._unanswered:
            msg = f"nobody waits for an answer under {token!r}: it was given, or it is too late"
            raise ClosedError(msg)
        self._unanswered.remove(token)
        self._timers.stop(("answer", token))
        self._answer(token, response)
