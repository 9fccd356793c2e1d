"""Any number of roles on a simulated network of calls, under a simulated clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final, TypeAlias

from eventproto import CallMachine, ClosedError, ConnectionLost, Event, PeerTimeout
from eventproto._timers import Timers
from eventproto.http import Body, Call, Request, Result

__all__ = ["CallNetwork", "Fate"]

AnyRole: TypeAlias = CallMachine[Any]
Application: TypeAlias = Callable[[Event], Iterable[Any]]


class Fate(Enum):
    """What a network does to a call."""

    ARRIVES = "arrives"
    """It arrives, and so does its answer."""
    LOST = "lost"
    """It never arrives; its caller waits in vain."""
    ANSWER_LOST = "answer lost"
    """It arrives and has its effect, but its caller waits in vain."""
    DUPLICATED = "duplicated"
    """It arrives twice; its caller gets the answer that comes first."""


_COPIES: Final = {Fate.ARRIVES: 1, Fate.LOST: 0, Fate.ANSWER_LOST: 1, Fate.DUPLICATED: 2}


class CallNetwork:
    """Carries the calls of each role to the one that the URL belongs to, and the answers back.

    It does what a driver does: it brings calls and results, keeps the time, and says so when a
    call comes to nothing: `ConnectionLost` where nobody listens, `PeerTimeout` where no answer
    comes.

    Args:
        delay: Seconds from one role to another; or what gives them for a request, each way.
        fate: What becomes of a request; they all arrive unless given.
        timeout: Seconds that a caller waits for its answer.
        start: The time on the clock at the beginning, in seconds.

    Attributes:
        now: The time on the simulated clock, in seconds.
        requests: All that were made so far, each with its time.
    """

    def __init__(
        self,
        *,
        delay: float | Callable[[Request], float] = 0.0,
        fate: Callable[[Request], Fate] = lambda _: Fate.ARRIVES,
        timeout: float = 30.0,
        start: float = 0.0,
    ) -> None:
        self.now = start
        self.requests: list[tuple[float, Request]] = []
        self._delay = delay
        self._fate = fate
        self._timeout = timeout
        self._places: dict[str, AnyRole] = {}
        self._events: dict[AnyRole, list[Event]] = {}
        self._applications: dict[AnyRole, Application] = {}
        self._arrivals: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = count()
        self._waiting: dict[Hashable, _Sent] = {}  # by the token that the called role has
        self._timeouts = Timers()

    def add(self, role: AnyRole, *prefixes: str) -> None:
        """Connect a role to the network.

        Args:
            role: Any machine on a wire of calls.
            prefixes: What the URLs begin with that belong to it, none if it is never called; of
                several that fit a URL, the longest counts.
        """
        self._events[role] = []
        self._places.update(dict.fromkeys(prefixes, role))
        role.handle_timeout(self.now)
        self._settle()

    def answer(self, role: AnyRole, application: Application) -> None:
        """Have `application` see each event of a role and return the commands to send to it."""
        self._applications[role] = application

    def send(self, role: AnyRole, *commands: Any) -> None:  # noqa: ANN401  # the role's
        """Send commands to one of the roles, now."""
        for command in commands:
            role.send(command, self.now)
        self._settle()

    def events(self, role: AnyRole) -> list[Event]:
        """All events that a role has reported so far."""
        return self._events[role]

    def run(self, until: float | None = None, *, max_steps: int = 100_000) -> None:
        """Let time pass until nothing is left to happen, or until a given time.

        Raises:
            AssertionError: It did not come to rest in `max_steps` steps.
        """
        for _ in range(max_steps):
            when = self._next
            if when > (math.inf if until is None else until) or when == math.inf:
                self.now = max(self.now, until or self.now)
                return
            self.now = max(self.now, when)
            while self._arrivals and self._arrivals[0][0] <= self.now:
                heappop(self._arrivals)[2]()
            while (sent := self._timeouts.pop_due(self.now)) is not None:
                assert isinstance(sent, _Sent)
                msg = f"no answer from {sent.call.request.url} in {self._timeout} seconds"
                sent.caller.receive(Result(sent.call.token, PeerTimeout(msg)), self.now)
                sent.reachable = False
            for role in self._events:
                role.handle_timeout(self.now)
            self._settle()
        msg = f"still busy after {max_steps} steps, at {self.now} seconds"
        raise AssertionError(msg)

    @property
    def _next(self) -> float:
        """When something happens next."""
        moments = [role.deadline for role in self._events]
        moments.append(self._timeouts.next)
        moments.append(self._arrivals[0][0] if self._arrivals else None)
        return min((when for when in moments if when is not None), default=math.inf)

    def _settle(self) -> None:
        """Take events and output until no role has any."""
        moved = True
        while moved:
            moved = False
            for role in self._events:
                moved |= self._take_event(role) or self._take_output(role)

    def _take_event(self, role: AnyRole) -> bool:
        event = role.next_event()
        if event is None:
            return False
        self._events[role].append(event)
        application = self._applications.get(role)
        for command in application(event) if application else ():
            try:
                role.send(command, self.now)
            except ClosedError:
                break  # a race that any application can lose
        return True

    def _take_output(self, role: AnyRole) -> bool:
        output = role.next_output()
        if output is None:
            return False
        if isinstance(output, Call):
            self._carry(role, output)
        elif (sent := self._waiting.get(output.token)) is not None:
            self._carry_back(sent, output)
        return True

    def _carry(self, caller: AnyRole, call: Call) -> None:
        self.requests.append((self.now, call.request))
        fate = self._fate(call.request)
        sent = _Sent(caller, call, reachable=fate is not Fate.ANSWER_LOST)
        self._timeouts.set(sent, self.now + self._timeout)
        for _ in range(_COPIES[fate]):
            self._later(call.request, lambda: self._arrive(sent))

    def _arrive(self, sent: _Sent) -> None:
        request = sent.call.request
        token = object()
        self._waiting[token] = sent
        fitting = [prefix for prefix in self._places if request.url.startswith(prefix)]
        role = self._places[max(fitting, key=len)] if fitting else None
        if role is None or role.finished:
            lost = ConnectionLost(f"nobody listens at {request.url}")
            self._carry_back(sent, Result(token, lost))
        else:
            role.receive(replace(sent.call, token=token), self.now)

    def _carry_back(self, sent: _Sent, output: Result | Body) -> None:
        """Bring an answer to the caller, unless it has one already, from another copy."""
        if sent.answered_under is None:
            sent.answered_under = output.token
        if sent.answered_under is output.token:
            answer = replace(output, token=sent.call.token)
            self._later(sent.call.request, lambda: self._bring(sent, answer))

    def _bring(self, sent: _Sent, answer: Result | Body) -> None:
        if sent.reachable:
            self._timeouts.stop(sent)
            sent.caller.receive(answer, self.now)

    def _later(self, request: Request, action: Callable[[], None]) -> None:
        delay = self._delay(request) if callable(self._delay) else self._delay
        heappush(self._arrivals, (self.now + delay, next(self._ticket), action))


@dataclass(slots=True, eq=False)
class _Sent:
    """A call, until its answer has come.

    Attributes:
        caller: Who makes it.
        call: As its caller sees it.
        reachable: Whether an answer finds its way to the caller.
        answered_under: The token of the copy that was answered first.
    """

    caller: AnyRole
    call: Call
    reachable: bool
    answered_under: Hashable = None
