"""Roles whose wire carries calls, not bytes: WebSub's three, webhook senders and receivers.

An HTTP connection turns bytes into calls, and a role speaks nothing else. So the same three
values, `Call`, `Result` and `Body`, are what a server connection reports and is told, what a
client connection is told and reports, and what moves both ways on the wire of every role.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Hashable
from enum import Enum
from typing import Any, Generic, TypeVar

from typing_extensions import override

from eventproto._errors import LocalProtocolError, RemoteProtocolError
from eventproto._event import Event
from eventproto._machine import DEFAULT_BACKLOG, EOF, Chunk, Machine
from eventproto._retry import Entropy, Schedule
from eventproto._value import value
from eventproto.http import Body, Call, Exchange, Request, Response, Result

__all__ = ["Attempt", "CallMachine", "RetryingMachine", "refusal"]

CommandT = TypeVar("CommandT")
TaskT = TypeVar("TaskT")


class CallMachine(Machine[CommandT, Exchange, Exchange]):
    """A role that others call, and that calls others.

    Its carrier brings each incoming `Call` under a token of the carrier's choosing and sends the
    `Result` that comes out under that token; it makes each outgoing `Call` and brings back
    exactly one `Result`, then `Body` values if the result says so.

    Attributes:
        clock_offset: Seconds to add to `now` to get Unix time, for what a specification signs or
            stores. Carriers keep it current, so that a suspended computer does not drift.
    """

    _wire = (Call, Result, Body)

    def __init__(self, *, max_backlog: int = DEFAULT_BACKLOG) -> None:
        super().__init__(max_backlog=max_backlog)
        self.clock_offset = 0.0
        self._calls_made = 0
        # By token: what a call is about, and what is to come of it.
        self._pending: dict[Hashable, tuple[Any, _Owed]] = {}

    @property
    def _at(self) -> float:
        """The Unix time of the current step."""
        return self._now + self.clock_offset

    def _call(self, request: Request, about: object, *, stream: bool = False) -> Hashable:
        """Make a call; `about` comes back with its result."""
        self._calls_made += 1
        self._pending[self._calls_made] = about, _Owed.ANY if stream else _Owed.WHOLE
        self._outputs.append(Call(self._calls_made, request, stream))
        return self._calls_made

    def _note(self, event: Event) -> None:
        """Report what others can cause and nobody has to answer, up to `max_backlog` of it.

        A role may run without anybody who takes its events, and its peers must not be able to
        fill its memory by that.
        """
        if len(self._events) < self._max_backlog:
            self._events.append(event)

    def _answer(self, token: Hashable, response: Response) -> None:
        """Answer a call that somebody made."""
        self._outputs.append(Result(token, response))

    @override
    def _on_receive(self, data: Exchange) -> None:
        _check(data)
        if isinstance(data, Call):
            self._on_call(data)
        elif data.token in self._pending:  # a result nobody waits for any more is no error
            self._on_pending(data)

    def _on_pending(self, data: Result | Body) -> None:
        about, owed = self._pending[data.token]
        goes_on = data.chunk is not EOF if isinstance(data, Body) else data.more
        if isinstance(data, Body) is not (owed is _Owed.BODY) or (goes_on and owed is _Owed.WHOLE):
            msg = f"call {data.token!r} is owed {owed.value}, got {data!r:.200}"
            raise LocalProtocolError(msg)
        if goes_on:
            self._pending[data.token] = about, _Owed.BODY
        else:
            del self._pending[data.token]
        if isinstance(data, Result):
            self._on_result(about, data.outcome)
        else:
            self._on_body(about, data.chunk, data.error)

    def _on_call(self, call: Call) -> None:
        """Somebody calls this role: answer with `_answer`, now or later; 404 unless overridden."""
        self._answer(call.token, Response.of_text(404, "nobody takes calls here"))

    @abstractmethod
    def _on_result(self, about: Any, outcome: Response | Exception) -> None:  # noqa: ANN401
        """A call that this role made has its answer; `about` is what it was made with."""

    def _on_body(self, about: Any, chunk: Chunk, error: Exception | None) -> None:  # noqa: ANN401
        """A streamed answer goes on; for roles that ask for one."""
        raise AssertionError(about, chunk, error)


@value()
class Attempt(Generic[TaskT]):
    """A task that takes a call, as it is tried.

    Attributes:
        name: What the role calls the task.
        task: What is to be done.
        number: Of the latest attempt, from 1.
    """

    name: Hashable
    task: TaskT
    number: int = 1


class RetryingMachine(CallMachine[CommandT], Generic[CommandT, TaskT]):
    """A role with tasks that take a call each, tried again until they are done or given up.

    Each has a name, and beginning another task of that name replaces it.

    Args:
        schedule: How long to wait after each failed attempt.
        entropy: For the jitter in the schedule.
    """

    def __init__(self, schedule: Schedule, entropy: Entropy) -> None:
        super().__init__()
        self._schedule = schedule
        self._entropy = entropy
        self._attempts: dict[Hashable, Attempt[TaskT]] = {}
        self._count: Counter[type[Any]] = Counter()
        """How many tasks of each kind there are."""

    # What a role fills in.

    @abstractmethod
    def _request(self, task: TaskT) -> Request | None:
        """What to ask for this time; None if the task is not wanted any more."""

    @abstractmethod
    def _finish(
        self, attempt: Attempt[TaskT], outcome: Response | Exception
    ) -> Response | Exception | None:
        """Do what follows from the outcome of a call; or say what is wrong, to try it again."""

    @abstractmethod
    def _report(
        self, attempt: Attempt[TaskT], failure: Response | Exception, retry_in: float | None
    ) -> None:
        """Report what is wrong, and when it is tried again; None for never."""

    def _retry_in(self, attempt: Attempt[TaskT], failure: Response | Exception) -> float | None:
        """How long to wait before this is tried again; None for never."""
        return self._schedule.delay(attempt.number, self._entropy)

    def _again(self, task: TaskT) -> TaskT:
        """The task, as it is tried again."""
        return task

    # What a role uses.

    def _begin(self, name: Hashable, task: TaskT) -> None:
        if name in self._attempts:
            self._drop(name)
        self._try(Attempt(name, task))

    def _under_way(self, name: Hashable) -> bool:
        """Whether a call for this task is out, rather than waiting for its time."""
        return name in self._attempts and name not in self._timers

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        failed = self._drop(timer)
        self._try(Attempt(timer, self._again(failed.task), failed.number + 1))

    @override
    def _on_result(self, about: Attempt[TaskT], outcome: Response | Exception) -> None:
        if self._attempts.get(about.name) is not about:
            return  # another task has this name now
        self._drop(about.name)
        failure = self._finish(about, outcome)
        if failure is None:
            return
        retry_in = self._retry_in(about, failure)
        if retry_in is not None:
            self._keep(about)
            self._timers.set(about.name, self._now + retry_in)
        self._report(about, failure, retry_in)

    def _try(self, attempt: Attempt[TaskT]) -> None:
        request = self._request(attempt.task)
        if request is not None:
            self._keep(attempt)
            self._call(request, attempt)

    def _keep(self, attempt: Attempt[TaskT]) -> None:
        self._attempts[attempt.name] = attempt
        self._count[type(attempt.task)] += 1

    def _drop(self, name: Hashable) -> Attempt[TaskT]:
        self._timers.stop(name)
        attempt = self._attempts.pop(name)
        self._count[type(attempt.task)] -= 1
        return attempt


def _check(data: Exchange) -> None:
    match data:
        case Call(request=Request()) | Result(outcome=Response() | Exception()):
            return
        case Body(chunk=bytes(), error=None):
            return
        case Body(chunk=chunk, error=None | Exception()) if chunk is EOF:
            return
        case _:
            msg = f"no carrier brings {data!r:.200}"
            raise LocalProtocolError(msg)


class _Owed(Enum):
    WHOLE = "a result that is whole"
    ANY = "a result"
    BODY = "the rest of its body"


def refusal(error: RemoteProtocolError, *, allow: str) -> Response:
    """The answer to a call that asks for what a role does not do: plain text, for developers.

    Args:
        error: What is wrong; its `code` becomes the status.
        allow: The methods that the role takes, for an answer of 405.
    """
    response = Response.of_text(error.code, str(error))
    if error.code == 405:
        return Response(405, response.headers + {"Allow": allow}, response.body)
    return response
