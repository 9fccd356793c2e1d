"""Sending webhooks: signed, tried again, given up."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final, TypeAlias, cast

from typing_extensions import override

from eventproto._call import Attempt, RetryingMachine
from eventproto._errors import ClosedError, LocalProtocolError
from eventproto._event import Message
from eventproto._machine import End
from eventproto._retry import Entropy, Schedule, Steps
from eventproto.http import Request, Response
from eventproto.webhook._events import Delivered, Delivery, DeliveryFailed
from eventproto.webhook._limits import Limits
from eventproto.webhook.schemes import Scheme

__all__ = ["STANDARD_SCHEDULE", "Sender"]

_Command: TypeAlias = Message | End

STANDARD_SCHEDULE: Final[Schedule] = Steps(
    (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400), jitter=0.2
)
"""The example of the Standard Webhooks specification: ten attempts in just over three days."""

_GONE: Final = 410


class Sender(RetryingMachine[_Command, Message]):
    """Delivers messages to one endpoint, each of them at least once if it can be done at all.

    Each attempt is a POST that is signed anew, with the same id. A 2xx is success (`Delivered`).
    Anything else is failure (`DeliveryFailed`), redirects included, which are not followed; the
    schedule says when to try again, except after 410, with which the endpoint says never.

    `End` gives up what is pending, reports so for each message, and closes.

    Args:
        url: The endpoint.
        scheme: Signs each attempt, at the machine's Unix time.
        schedule: How long to wait after each failed attempt.
        entropy: For the jitter in the schedule.
        limits: How many messages may be pending.

    Raises:
        LocalProtocolError: The URL is none that can be posted to.
    """

    def __init__(
        self,
        url: str,
        scheme: Scheme,
        *,
        schedule: Schedule = STANDARD_SCHEDULE,
        entropy: Entropy = os.urandom,
        limits: Limits = Limits(),
    ) -> None:
        super().__init__(schedule, entropy)
        self._posted = Request("POST", url)
        if self._posted.scheme not in {"http", "https"}:
            msg = f"webhooks are posted to http or https, got {url!r}"
            raise LocalProtocolError(msg)
        self._scheme = scheme
        self._limits = limits
        self._sent = 0

    @override
    def _on_send(self, command: _Command) -> None:
        match command:
            case Message():
                self._deliver(command)
            case End():
                self._give_up()
            case _:
                msg = f"a sender takes Message and End, got {command!r}"
                raise LocalProtocolError(msg)

    def _deliver(self, message: Message) -> None:
        if len(self._attempts) >= self._limits.pending:
            msg = f"{self._limits.pending} messages are pending already"
            raise LocalProtocolError(msg)
        self._begin(self._sent + 1, message)
        self._sent += 1

    def _give_up(self) -> None:
        for attempt in self._attempts.values():
            self._report(attempt, ClosedError("the sender was told to end"), None)
        self._attempts.clear()
        self._close()

    @override
    def _request(self, task: Message) -> Request:
        headers = self._scheme.sign(task, at=self._at)
        if task.content_type is not None:
            headers = headers.replace("Content-Type", task.content_type)
        return replace(self._posted, headers=headers, body=task.data)

    @override
    def _finish(
        self, attempt: Attempt[Message], outcome: Response | Exception
    ) -> Response | Exception | None:
        if isinstance(outcome, Exception) or not outcome.ok:
            return outcome
        self._events.append(Delivered(_delivery(attempt), outcome))
        return None

    @override
    def _retry_in(self, attempt: Attempt[Message], failure: Response | Exception) -> float | None:
        if isinstance(failure, Response) and failure.status == _GONE:
            return None
        return super()._retry_in(attempt, failure)

    @override
    def _report(
        self, attempt: Attempt[Message], failure: Response | Exception, retry_in: float | None
    ) -> None:
        self._events.append(DeliveryFailed(_delivery(attempt), failure, retry_in))


def _delivery(attempt: Attempt[Message]) -> Delivery:
    number = cast("int", attempt.name)
    return Delivery(number=number, message=attempt.task, attempt=attempt.number)
