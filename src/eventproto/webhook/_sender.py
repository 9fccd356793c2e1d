"""Sending webhooks: signed, tried again, given up."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import replace
from typing import Final, TypeAlias

from typing_extensions import override

from eventproto._call import CallMachine
from eventproto._errors import ClosedError, LocalProtocolError
from eventproto._event import Message
from eventproto._machine import End
from eventproto._retry import Entropy, Schedule, Steps
from eventproto.http import Call, Request, Response
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


class Sender(CallMachine[_Command]):
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
        super().__init__()
        self._request = Request("POST", url)
        if self._request.scheme not in {"http", "https"}:
            msg = f"webhooks are posted to http or https, got {url!r}"
            raise LocalProtocolError(msg)
        self._scheme = scheme
        self._schedule = schedule
        self._entropy = entropy
        self._limits = limits
        self._deliveries: dict[Hashable, Delivery] = {}
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
        if len(self._deliveries) >= self._limits.pending:
            msg = f"{self._limits.pending} messages are pending already"
            raise LocalProtocolError(msg)
        self._attempt(Delivery(number=self._sent + 1, message=message))
        self._sent += 1

    def _give_up(self) -> None:
        for delivery in self._deliveries.values():
            error = ClosedError("the sender was told to end")
            self._events.append(DeliveryFailed(delivery, error, None))
        self._deliveries.clear()
        self._close()

    def _attempt(self, delivery: Delivery) -> None:
        message = delivery.message
        headers = self._scheme.sign(message, at=self._at)
        if message.content_type is not None:
            headers = headers.replace("Content-Type", message.content_type)
        self._deliveries[delivery.number] = delivery
        self._call(replace(self._request, headers=headers, body=message.data), delivery.number)

    @override
    def _on_result(self, about: int, outcome: Response | Exception) -> None:
        delivery = self._deliveries[about]
        if isinstance(outcome, Response) and outcome.ok:
            del self._deliveries[about]
            self._events.append(Delivered(delivery, outcome))
            return
        retry_in = self._retry_in(delivery, outcome)
        if retry_in is None:
            del self._deliveries[about]
        else:
            self._timers.set(about, self._now + retry_in)
        self._events.append(DeliveryFailed(delivery, outcome, retry_in))

    def _retry_in(self, delivery: Delivery, outcome: Response | Exception) -> float | None:
        if isinstance(outcome, Response) and outcome.status == _GONE:
            return None
        return self._schedule.delay(delivery.attempt, self._entropy)

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        delivery = self._deliveries[timer]
        self._attempt(replace(delivery, attempt=delivery.attempt + 1))

    @override
    def _on_call(self, call: Call) -> None:
        self._answer(call.token, Response.of_text(404, "nobody takes calls here"))
