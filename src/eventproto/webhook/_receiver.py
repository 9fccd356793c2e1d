"""Receiving webhooks: verified, reported, answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from typing_extensions import override

from eventproto._answer import LATER, Accept, AnsweringMachine, Refuse
from eventproto._call import refusal
from eventproto._errors import LimitExceeded, RemoteProtocolError
from eventproto._machine import End
from eventproto.http import Call, Request, Response
from eventproto.webhook._events import Received, Rejected
from eventproto.webhook._limits import Limits
from eventproto.webhook.schemes import Scheme

__all__ = ["Receiver"]

_Command: TypeAlias = Accept | Refuse | End


class Receiver(AnsweringMachine[_Command]):
    """The endpoint that webhooks are posted to.

    It reports a `Received` for each request that verifies; its sender waits until the application
    sends `Accept` (204) or `Refuse` with the event's token. An answer that comes after
    `Limits.answer_time` is too late (`ClosedError`): the sender was told to try again (503). It
    reports a `Rejected` for each request that does not verify, and has then answered it.

    While the application is behind by `Limits.unanswered`, all requests are answered with 503,
    unseen. Half of that room is for messages alone: what is rejected while the other half is taken
    is answered but not reported, so that nobody without a secret can keep messages out. `End` tells
    all who wait to try again, and closes.

    Args:
        scheme: Verifies requests, at the machine's Unix time.
        limits: How much is held, and for how long.
    """

    def __init__(self, scheme: Scheme, *, limits: Limits = Limits()) -> None:
        super().__init__(
            unanswered=limits.unanswered,
            answer_time=limits.answer_time,
            max_backlog=max(1, limits.unanswered // 2),
        )
        self._scheme = scheme
        self._limits = limits

    @override
    def _on_call(self, call: Call) -> None:
        # No message is verified that could not be reported.
        if self._is_behind:
            self._answer(call.token, LATER)
            return
        try:
            received = self._verify(call.request)
        except RemoteProtocolError as error:
            self._answer(call.token, refusal(error, allow="POST"))
            self._note(Rejected(error))
            return
        self._ask(call, replace(received, token=call.token))

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
