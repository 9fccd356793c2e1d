"""Receiving webhooks: verified, reported, answered."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Final, TypeAlias

from typing_extensions import override

from eventproto._answer import Accept, Refuse
from eventproto._call import CallMachine
from eventproto._errors import (
    ClosedError,
    LimitExceeded,
    LocalProtocolError,
    RemoteProtocolError,
)
from eventproto._machine import End
from eventproto.http import Call, Headers, Request, Response
from eventproto.webhook._events import Received, Rejected
from eventproto.webhook._limits import Limits
from eventproto.webhook.schemes import Scheme

__all__ = ["Receiver"]

_Command: TypeAlias = Accept | Refuse | End

_LATER: Final = Response.of_text(503, "try again later")


class Receiver(CallMachine[_Command]):
    """The endpoint that webhooks are posted to.

    It reports a `Received` for each request that verifies; its sender waits until the application
    sends `Accept` (204) or `Refuse` with the event's token. An answer that comes after
    `Limits.answer_time` is too late (`ClosedError`): the sender was told to try again (503). It
    reports a `Rejected` for each request that does not verify, and has then answered it.

    While the application is behind by `Limits.unanswered`, all requests are answered with 503,
    unseen. `End` tells all who wait to try again, and closes.

    Args:
        scheme: Verifies requests, at the machine's Unix time.
        limits: How much is held, and for how long.
    """

    def __init__(self, scheme: Scheme, *, limits: Limits = Limits()) -> None:
        super().__init__()
        self._scheme = scheme
        self._limits = limits
        self._unanswered: set[Hashable] = set()

    @override
    def _on_call(self, call: Call) -> None:
        # Nothing is verified that could not be reported, so that a flood costs next to nothing.
        if max(len(self._unanswered), len(self._events)) >= self._limits.unanswered:
            self._answer(call.token, _LATER)
            return
        try:
            received = self._verify(call.request)
        except RemoteProtocolError as error:
            self._answer(call.token, _refusal(error))
            self._note(Rejected(error))
            return
        self._unanswered.add(call.token)
        self._timers.set(call.token, self._now + self._limits.answer_time)
        self._events.append(replace(received, token=call.token))

    def _verify(self, request: Request) -> Received:
        if request.method != "POST":
            msg = f"a webhook is a POST, got {request.method}"
            raise RemoteProtocolError(msg, code=405)
        if len(request.body) > self._limits.body_size:
            msg = f"a body may have {self._limits.body_size} bytes, got {len(request.body)}"
            raise LimitExceeded(msg, code=413, limit="body_size")
        return self._scheme.verify(request, at=self._at)

    @override
    def _on_result(self, about: object, outcome: Response | Exception) -> None:
        raise AssertionError(about, outcome)  # it makes no calls

    @override
    def _on_send(self, command: _Command) -> None:
        match command:
            case Accept(token):
                self._settle(token, Response(204))
            case Refuse(token, status, reason):
                self._settle(token, Response.of_text(status, reason))
            case End():
                for token in tuple(self._unanswered):
                    self._settle(token, _LATER)
                self._close()
            case _:
                msg = f"a receiver takes Accept, Refuse and End, got {command!r}"
                raise LocalProtocolError(msg)

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._settle(timer, _LATER)

    def _settle(self, token: Hashable, response: Response) -> None:
        if token not in self._unanswered:
            msg = f"nobody waits for an answer under {token!r}: it was given, or it is too late"
            raise ClosedError(msg)
        self._unanswered.remove(token)
        self._timers.stop(token)
        self._answer(token, response)


def _refusal(error: RemoteProtocolError) -> Response:
    response = Response.of_text(error.code, str(error))
    if error.code == 405:
        return replace(response, headers=response.headers + Headers({"Allow": "POST"}))
    return response
