"""The subscriber: follows resources, and takes what their hubs deliver (sections 3.1, 4, 5, 7)."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import TypeAlias
from urllib.parse import urlsplit

from typing_extensions import override

from eventproto._answer import Accept, AnsweringMachine, Refuse
from eventproto._call import refusal
from eventproto._errors import (
    LimitExceeded,
    LocalProtocolError,
    RemoteProtocolError,
    VerificationError,
)
from eventproto._event import Event
from eventproto._machine import End
from eventproto._retry import Entropy
from eventproto.http import Call, Request, Response
from eventproto.websub._callbacks import Verification, parse_intent, verification_response
from eventproto.websub._commands import Subscribe, Unsubscribe
from eventproto.websub._deliveries import read_content
from eventproto.websub._events import ContentRejected
from eventproto.websub._limits import Limits
from eventproto.websub._signature import METHODS, Method
from eventproto.websub._states import Phase, State
from eventproto.websub._subscription import Step, Subscription
from eventproto.websub._urls import checked_url

__all__ = ["Subscriber"]

_Command: TypeAlias = Subscribe | Unsubscribe | Accept | Refuse | End


class Subscriber(AnsweringMachine[_Command]):
    """Follows resources through their hubs, any number at a time.

    For each `Subscribe` it fetches the resource, finds hubs and topic, and asks one hub after the
    other until one has verified the subscription under a callback that nobody can guess
    (`SubscriptionVerified`). It renews the subscription before the lease ends, from discovery on,
    so that it follows a resource that moves. It ends with `SubscriptionFailed`,
    `SubscriptionDenied`, `SubscriptionExpired` or `Unsubscribed`.

    It reports a `ContentReceived` for each delivery whose signature is right; the hub waits until
    the application sends `Accept` (204) or `Refuse` with the event's token. An answer that comes
    after `Limits.answer_time` is too late (`ClosedError`): the hub was told to try again (503).
    A delivery to a subscription that has ended is answered with 410.

    `End` tells all hubs that wait to try again, and closes; subscriptions stay in force at their
    hubs until the leases end.

    Args:
        callback_prefix: What the URL of each callback begins with, up to a `/`: calls to all that
            begins with it are for this machine. Should be https.
        insecure: Whether secrets may go to hubs over http, where others can read them.
        min_method: The weakest signature to accept. `"sha256"` is advised where callbacks are
            http (8.3); many hubs sign with `"sha1"`, the default.
        mismatch_status: What answers a wrong signature: 202 hides from whoever forged it that it
            was noticed (7.1.2), 403, the default, shows a hub that something is wrong.
        entropy: For callbacks and secrets.
        limits: How much is held, and for how long.

    Raises:
        LocalProtocolError: A prefix that is no URL ending with the `/` of a path, or a status out
            of place.
    """

    def __init__(
        self,
        callback_prefix: str,
        *,
        insecure: bool = False,
        min_method: Method = "sha1",
        mismatch_status: int = 403,
        entropy: Entropy = os.urandom,
        limits: Limits = Limits(),
    ) -> None:
        super().__init__(unanswered=limits.unanswered, answer_time=limits.answer_time)
        prefix = checked_url(callback_prefix, "callback_prefix")
        if not prefix.endswith("/") or "?" in prefix:  # callbacks are told apart by their path
            msg = f"callback_prefix must end with / and have no query, got {prefix!r}"
            raise LocalProtocolError(msg)
        if min_method not in METHODS:
            msg = f"min_method must be one of {', '.join(METHODS)}, got {min_method!r}"
            raise LocalProtocolError(msg)
        # 7: "Subscribers MUST NOT use HTTP redirects", and 410 would end the subscription.
        if not (200 <= mismatch_status <= 299 or 400 <= mismatch_status <= 599) or (
            mismatch_status == 410
        ):
            msg = f"mismatch_status must be a 2xx, 4xx or 5xx but 410, got {mismatch_status}"
            raise LocalProtocolError(msg)
        self._prefix = prefix
        self._insecure = insecure
        self._min_method: Method = min_method
        self._mismatch_status = mismatch_status
        self._entropy = entropy
        self._limits = limits
        self._subscriptions: dict[str, Subscription] = {}  # by the last part of the callback
        self._keys: dict[str, str] = {}  # of those that have not ended, by name

    # What the application asks for.

    @override
    def _on_send(self, command: _Command) -> None:
        match command:
            case Subscribe():
                self._subscribe(command)
            case Unsubscribe(name):
                self._unsubscribe(name)
            case _:
                super()._on_send(command)

    def _subscribe(self, wanted: Subscribe) -> None:
        if wanted.name in self._keys:
            msg = f"there is a subscription {wanted.name!r} already"
            raise LocalProtocolError(msg)
        if len(self._subscriptions) >= self._limits.subscriptions:
            msg = f"there are {self._limits.subscriptions} subscriptions already"
            raise LocalProtocolError(msg)
        key = self._entropy(16).hex()
        secret = (wanted.secret or self._entropy(32).hex()) if wanted.signed else None
        self._keys[wanted.name] = key
        subscription = self._subscriptions[key] = Subscription(
            wanted=wanted,
            callback=self._prefix + key,
            secret=secret,
            insecure=self._insecure,
        )
        self._take(key, subscription.begin())

    def _unsubscribe(self, name: str) -> None:
        key = self._keys.get(name)
        if key is None:
            msg = f"there is no subscription {name!r}"
            raise LocalProtocolError(msg)
        subscription = self._subscriptions[key]
        if subscription.state is State.UNSUBSCRIBING:
            msg = f"the hub of subscription {name!r} is being told already"
            raise LocalProtocolError(msg)
        self._take(key, subscription.unwanted(self._now))

    # What time brings.

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        match timer:
            case ("lease", str(key)):
                self._take(key, self._subscriptions[key].due(self._now))
            case _:
                super()._on_timeout(timer)

    # What the hubs say.

    @override
    def _on_result(self, about: tuple[str, Phase | None], outcome: Response | Exception) -> None:
        key, phase = about
        subscription = self._subscriptions.get(key)
        # By identity: this request, not an equal one that came later.
        if subscription is not None and subscription.phase is phase:
            self._take(key, subscription.answered(outcome, self._now, self._limits))

    @override
    def _on_call(self, call: Call) -> None:
        try:
            response = self._called(call)
        except VerificationError as error:
            response = Response.of_text(error.code, str(error))
        except RemoteProtocolError as error:
            response = refusal(error, allow="GET, POST")
        if response is not None:
            self._answer(call.token, response)

    def _called(self, call: Call) -> Response | None:
        """The answer to a call; None if the application is to give it."""
        request = call.request
        path = urlsplit(self._prefix).path
        key = request.path.removeprefix(path)
        subscription = self._subscriptions.get(key)
        if subscription is None or request.path != path + key:
            msg = "there is no such subscription"
            raise RemoteProtocolError(msg, code=404)
        match request.method:
            case "GET":
                return self._asked(key, subscription, request)
            case "POST":
                self._take_content(call, subscription)
                return None
            case method:
                msg = f"a callback takes GET and POST, got {method}"
                raise RemoteProtocolError(msg, code=405)

    def _take_content(self, call: Call, subscription: Subscription) -> None:
        try:
            content = read_content(
                call,
                subscription,
                min_method=self._min_method,
                mismatch_status=self._mismatch_status,
                limits=self._limits,
            )
        except VerificationError as error:
            self._note(ContentRejected(subscription.wanted.name, error))
            raise
        if self._is_behind:
            msg = f"{self._limits.unanswered} contents are waiting for the application already"
            raise LimitExceeded(msg, code=503, limit="unanswered")
        self._ask(call, content)

    def _asked(self, key: str, subscription: Subscription, request: Request) -> Response:
        intent = parse_intent(request)
        response = Response(200)
        step: Step | None
        if intent is None:
            step = None
        elif isinstance(intent, Verification):
            step = subscription.confirm(intent, self._now, self._limits)
            response = verification_response(intent.challenge)
        else:
            step = subscription.denied(intent)
        if step is None:
            msg = "that is not what this subscription is waiting for"
            raise RemoteProtocolError(msg, code=404)  # 5.3.1
        self._take(key, step)
        return response

    def _take(self, key: str, step: Step) -> None:
        """Keep the next record, and let out what came with it."""
        before = self._subscriptions.pop(key)
        after, outputs = step
        timer = ("lease", key)
        self._timers.stop(timer)
        if after is not None:
            self._subscriptions[key] = after
            if after.deadline is not None:
                self._timers.set(timer, after.deadline)
        name = before.wanted.name
        if (after is None or after.state is State.ENDED) and self._keys.get(name) == key:
            del self._keys[name]
        for output in outputs:
            if not isinstance(output, Event):
                self._call(output, (key, after and after.phase))
            elif after is before:
                self._note(output)  # what changes nothing may be said any number of times
            else:
                self._events.append(output)
