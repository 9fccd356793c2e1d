"""Making calls over HTTP/1.1: a pool of connections that are kept alive between calls."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, TypeVar, cast

from eventproto import ClosedError, End, LocalProtocolError, RemoteProtocolError
from eventproto._address import ANYWHERE, AddressPolicy
from eventproto._drive._connect import Network, Wire, open_connection
from eventproto._drive._session import Session
from eventproto.http import Body, Call, Limits, Request, Response, Result, Unanswered, Unsent
from eventproto.proxy import Proxy

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Answer", "HttpSession", "Pool"]

WireT = TypeVar("WireT", bound=Wire)

_KEPT: Final = 64  # in all, because a hub calls as many origins as it has subscribers
_LIMITS: Final = Limits()


class HttpSession(Session[Call | End]):
    """One client connection."""

    @property
    @abstractmethod
    def usable(self) -> bool:
        """Whether another call may be made over it, as far as can be told without waiting."""

    @abstractmethod
    def abort(self) -> None:
        """Drop the connection now."""


class Pool(ABC):
    """Makes calls, over connections that it keeps open for the next call to the same origin.

    It keeps some, those that were used last.

    Args:
        limits: The bounds of each connection.
        policy: Which addresses may be called; anywhere, unless others choose the URLs.
        tls: How to verify servers; the system's trust by default.
        proxy: Through which proxy all connections go, if through any.
    """

    def __init__(
        self,
        *,
        limits: Limits = _LIMITS,
        policy: AddressPolicy = ANYWHERE,
        tls: SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._limits = limits
        self._policy = policy
        self._tls = tls
        self._proxy = proxy
        self._idle: dict[HttpSession, tuple[str, str, int]] = {}  # the freshest one last

    def perform(self, call: Call) -> Answer:
        """Make a call; what comes of it is waited for on the `Answer`."""
        return Answer(self, call)

    async def request(self, request: Request) -> Response:
        """Send a request and wait for the whole response.

        Raises:
            EventprotoError: There is none, and why.
        """
        answer = self.perform(Call(0, request))
        try:
            outcome = (await answer.result()).outcome
        finally:
            answer.release()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Drop all idle connections."""
        for session in self._idle:
            session.abort()
        self._idle.clear()

    @abstractmethod
    async def connect(self, request: Request) -> HttpSession:
        """Open a connection to the origin of a request.

        Raises:
            OSError: There is none to be had, or the policy refuses the address.
            RemoteProtocolError: The proxy opens none.
        """

    async def open(self, network: Network[WireT], request: Request) -> WireT:
        """Open a connection to the origin of a request, which nobody drives yet."""
        return await open_connection(
            network,
            request,
            tls=self._tls,
            policy=self._policy,
            proxy=self._proxy,
            limits=self._limits,
        )

    def take(self, request: Request) -> HttpSession | None:
        """An idle connection to the origin of this request, the freshest one."""
        origin = request.origin
        for session in [each for each in reversed(self._idle) if self._idle[each] == origin]:
            del self._idle[session]
            if session.usable:
                return session
            session.abort()
        return None

    def give_back(self, request: Request, session: HttpSession) -> None:
        """Keep a connection for the next call, if it can serve one."""
        if not session.usable:
            session.abort()
            return
        self._idle[session] = request.origin
        if len(self._idle) > _KEPT:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.abort()


class Answer:
    """What comes of one call: a `Result`, then `Body` values if the result says so."""

    def __init__(self, pool: Pool, call: Call) -> None:
        self._pool = pool
        self._call = call
        self._session: HttpSession | None = None
        self._kept = False  # whether the session has served another call before
        self._released = False

    async def result(self) -> Result:
        """Make the call, and wait for its result.

        It is made once, also if the waiting is cancelled and begins anew.
        """
        token, request = self._call.token, self._call.request
        while True:
            if self._session is None:
                try:
                    self._session = await self._send()
                except (OSError, ClosedError, RemoteProtocolError) as error:  # the last: a proxy's
                    if self._kept:
                        continue
                    unsent = Unsent(f"no connection to {request.authority}: {_reason(error)}")
                    unsent.__cause__ = error
                    return Result(token, unsent)
            session = self._session
            result = cast("Result", await session.next_event())  # what a connection reports first
            # The server may have closed an idle connection while the call was on its way to it.
            stale = self._kept and isinstance(result.outcome, Unanswered)
            if not (stale and request.idempotent):
                return result
            session.abort()
            self._session = None

    async def _send(self) -> HttpSession:
        """Send the call over a connection that was kept, or over a new one."""
        self._kept = False
        self._check_wanted()
        session = self._pool.take(self._call.request)
        self._kept = session is not None
        if session is None:
            session = await self._pool.connect(self._call.request)
        try:
            self._check_wanted()
            await session.send(self._call)
        except BaseException:
            session.abort()
            raise
        return session

    async def body(self) -> Body:
        """Wait for the next piece of an answer that is streamed."""
        if self._session is None:
            msg = "there is no body before the result, nor after release()"
            raise LocalProtocolError(msg)
        return cast("Body", await self._session.next_event())

    def release(self) -> None:
        """Give the connection back to the pool, or drop it if the answer is not complete."""
        self._released = True
        session, self._session = self._session, None
        if session is not None:
            self._pool.give_back(self._call.request, session)

    def _check_wanted(self) -> None:
        if self._released:
            msg = "nobody waits for the answer any more"
            raise ConnectionAbortedError(msg)


def _reason(error: Exception) -> str:
    """What went wrong; with the network, in the words of the system, not of the runtime."""
    number = error.errno if isinstance(error, OSError) else None
    if number and (type(error) is OSError or isinstance(error, ConnectionError | TimeoutError)):
        return os.strerror(number)
    return str(error)
