"""The hub: verifies subscribers, and distributes to them what publishers have (5, 6, 7)."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from dataclasses import replace
from itertools import count
from typing import Final, Literal, TypeAlias

from typing_extensions import override

from eventproto._call import Attempt, RetryingMachine, refusal
from eventproto._errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto._event import Message
from eventproto._machine import End
from eventproto._retry import Entropy, Schedule, Steps
from eventproto.http import Call, Request, Response
from eventproto.http._redirects import redirected
from eventproto.websub._callbacks import (
    Content,
    Denial,
    Verification,
    content_request,
    denial_request,
    hub_links,
    verification_request,
)
from eventproto.websub._discovery import resource_request
from eventproto.websub._events import (
    Delivered,
    DeliveryFailed,
    FetchFailed,
    Subscribed,
    SubscriptionEnded,
    VerificationFailed,
)
from eventproto.websub._limits import Limits
from eventproto.websub._requests import (
    PublishRequest,
    SubscriptionRequest,
    parse_hub_request,
)
from eventproto.websub._signature import METHODS, Method
from eventproto.websub._tasks import Deliver, Deny, Fetch, Grant, Key, Task, Verify, key_of
from eventproto.websub._urls import checked_url, normalized

__all__ = ["DELIVERY_SCHEDULE", "Hub"]

_Command: TypeAlias = Message | End
_Admit: TypeAlias = Callable[[SubscriptionRequest], str | None]

DELIVERY_SCHEDULE: Final[Schedule] = Steps((2.0, 15.0, 120.0, 900.0, 3600.0, 14_400.0), jitter=0.2)
"""How long a hub waits before it tries a call again: seven attempts in five hours."""

_MOST_VERIFICATIONS: Final = 3  # of one request: nobody may hold the place of others for hours


class Hub(RetryingMachine[_Command, Task]):
    """Takes subscriptions and publish requests at one URL.

    A request to subscribe or to unsubscribe is accepted (202) if it is well-formed and then
    verified with its callback; it changes nothing before that (`Subscribed`, `SubscriptionEnded`,
    `VerificationFailed`). A subscriber that does not answer is asked twice more, since it may have
    confirmed.

    A publish request, with the topic as `hub.topic` or `hub.url`, has the hub fetch the topic, if
    it has subscribers, and deliver to all of them what it got. Sending a `Message` delivers its
    data to the subscribers of its `source`, without a fetch.

    Each delivery is a task of its own: none waits for another one, and one that is tried again
    may come after a later one (`Delivered`, `DeliveryFailed`). 410 ends a subscription; nothing
    else does before its lease is over.

    A hub may run without anybody who takes its events: of those, it keeps the first 256.

    `End` gives up what was not delivered, and closes.

    Args:
        url: Where the hub is: calls to any path but this one are answered with 404.
        admit: Decides about a subscription before it is verified: None admits it, and a string is
            the reason why it is denied, which its subscriber is told (5.2). Admits all by default.
            What it raises is answered with 500 (`VerificationFailed`).
        method: What to sign with; subscribers from before WebSub know only `"sha1"`.
        schedule: How long to wait before a delivery, a fetch or a verification is tried again.
        entropy: For challenges, and the jitter in the schedule.
        limits: How much is held, and for how long.

    Raises:
        LocalProtocolError: The URL is none, or the method is unknown.
    """

    def __init__(
        self,
        url: str,
        *,
        admit: _Admit = lambda _: None,
        method: Method = "sha256",
        schedule: Schedule = DELIVERY_SCHEDULE,
        entropy: Entropy = os.urandom,
        limits: Limits = Limits(),
    ) -> None:
        super().__init__(schedule, entropy)
        if method not in METHODS:
            msg = f"method must be one of {', '.join(METHODS)}, got {method!r}"
            raise LocalProtocolError(msg)
        self._url = checked_url(url, "url")
        self._path = Request("POST", url).path
        self._admit = admit
        self._method: Method = method
        self._limits = limits
        self._grants: dict[Key, Grant] = {}
        self._keys: dict[str, dict[Key, None]] = {}  # of the grants, by topic
        self._changed: set[str] = set()  # topics that changed again while they are being fetched
        self._numbers = count()

    # What the application and other parties ask for.

    @override
    def _on_send(self, command: _Command) -> None:
        match command:
            case Message(source=None):
                msg = "a message for subscribers needs their topic as its source"
                raise LocalProtocolError(msg)
            case Message(source=str(topic)):
                self._distribute(topic, Content.of_message(command))
            case End():
                self._close()
            case _:
                msg = f"a hub takes no {type(command).__name__}"
                raise LocalProtocolError(msg)

    @override
    def _on_call(self, call: Call) -> None:
        try:
            response = self._called(call.request)
        except RemoteProtocolError as error:
            response = refusal(error, allow="POST")
        self._answer(call.token, response)

    def _called(self, request: Request) -> Response:
        if request.path != self._path:
            msg = "this is not the hub"
            raise RemoteProtocolError(msg, code=404)
        asked = parse_hub_request(request, self._limits)
        if isinstance(asked, PublishRequest):
            for topic in asked.topics:
                self._fetch(topic)
            return Response(204)  # what hubs have said since PubSubHubbub 0.3
        self._subscribe(asked)
        return Response(202)

    # Subscriptions.

    def _subscribe(self, asked: SubscriptionRequest) -> None:
        key = key_of(asked.topic, asked.callback)
        name = ("verify", key)
        under_way = self._attempts[name].task if self._under_way(name) else None
        if isinstance(under_way, Verify) and under_way.request == asked:
            return  # it came twice
        # Without the one that this request replaces.
        waiting = self._count[Verify] + self._count[Deny] - (name in self._attempts)
        if waiting >= self._limits.verifications:
            msg = f"{self._limits.verifications} requests are being verified, try again later"
            raise LimitExceeded(msg, code=503, limit="verifications")
        subscribing = asked.mode == "subscribe"
        room = self._limits.subscriptions - len(self._grants) - waiting
        if subscribing and key not in self._grants and room <= 0:
            msg = f"this hub takes no more than {self._limits.subscriptions} subscriptions"
            raise LimitExceeded(msg, code=503, limit="subscriptions")
        denial = self._denial(asked) if subscribing else None
        if denial is not None:
            self._begin(name, Deny(asked.callback, denial))
            return
        intent = Verification(
            asked.mode,
            asked.topic,
            self._entropy(16).hex(),
            self._lease(asked.lease_seconds) if subscribing else None,
        )
        self._begin(name, Verify(asked, intent, self._now))

    def _denial(self, asked: SubscriptionRequest) -> Denial | None:
        """What the application has against a subscription; None if it admits it."""
        try:
            reason = self._admit(asked)
            if not isinstance(reason, str | None):
                msg = f"admit must return a reason or None, got {reason!r}"
                raise TypeError(msg)
            denial = None if reason is None else Denial(asked.topic, reason)
            if denial is not None:
                denial_request(asked.callback, denial)  # which has no form for half a character
        except Exception as error:  # whatever the application's function raises
            self._note(VerificationFailed(asked.topic, asked.callback, error))
            msg = "this hub could not decide about the subscription"
            raise RemoteProtocolError(msg, code=500) from error
        return denial

    def _lease(self, wanted: int | None) -> int:
        limits = self._limits
        return max(limits.lease_minimum, min(wanted or limits.lease_default, limits.lease_maximum))

    def _verified(self, task: Verify, outcome: Response | Exception) -> Response | Exception | None:
        asked, intent = task.request, task.intent
        key = key_of(asked.topic, asked.callback)
        if isinstance(outcome, Exception):
            return outcome  # it may have confirmed, so both sides must not be left to differ
        if not task.is_confirmed_by(outcome):
            self._note(VerificationFailed(asked.topic, asked.callback, outcome))
        elif intent.lease_seconds is None:
            self._end(key, "unsubscribed")
        else:
            expires = task.at + intent.lease_seconds
            self._grants[key] = Grant(asked.topic, asked.callback, asked.secret, expires)
            self._keys.setdefault(key[0], {})[key] = None
            self._timers.set(("lease", key), expires)
            event = Subscribed(asked.topic, asked.callback, intent.lease_seconds)
            self._note(event)
        return None

    def _end(self, key: Key, reason: Literal["unsubscribed", "expired", "gone"]) -> None:
        grant = self._grants.pop(key, None)
        if grant is None:
            return  # it was asked to end once more
        self._timers.stop(("lease", key))
        del self._keys[key[0]][key]
        if not self._keys[key[0]]:
            del self._keys[key[0]]
        self._note(SubscriptionEnded(grant.topic, grant.callback, reason))

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        match timer:
            case ("lease", (str(topic), str(callback))):
                self._end((topic, callback), "expired")
            case _:
                super()._on_timeout(timer)

    # Content.

    def _fetch(self, topic: str) -> None:
        if normalized(topic) not in self._keys:
            return
        name = ("fetch", normalized(topic))
        if self._under_way(name):
            # However many requests come, one fetch after this one has all that they mean.
            self._changed.add(normalized(topic))
        else:
            self._begin(name, Fetch.of_topic(topic))

    def _fetched(
        self, attempt: Attempt[Task], task: Fetch, outcome: Response | Exception
    ) -> Exception | Response | None:
        failure = self._take_fetched(attempt, task, outcome)
        topic = normalized(task.topic)
        if topic not in self._changed or attempt.name in self._attempts:
            return failure
        self._changed.remove(topic)
        if failure is not None:
            self._note(FetchFailed(task.topic, failure, 0.0))
        self._begin(attempt.name, Fetch.of_topic(task.topic))
        return None

    def _take_fetched(
        self, attempt: Attempt[Task], task: Fetch, outcome: Response | Exception
    ) -> Response | Exception | None:
        if isinstance(outcome, Exception):
            return outcome
        followed, limit = task.redirects, self._limits.redirects
        try:
            asked = resource_request(task.url)
            there = redirected(asked, outcome, followed=followed, limit=limit)
        except RemoteProtocolError as error:
            return error
        if there is not None:
            moved = Fetch(task.topic, there.url, followed + 1)
            self._try(Attempt(attempt.name, moved, attempt.number))
            return None
        if not outcome.ok:
            return outcome
        if outcome.status == 204:
            return None  # the topic says nothing yet, as a `Publisher` has it
        size = self._limits.content_size
        if len(outcome.body) > size:
            msg = f"content may have {size} bytes, {task.url} has {len(outcome.body)}"
            return LimitExceeded(msg, code=413, limit="content_size")
        self._distribute(task.topic, Content.of_response(outcome))
        return None

    def _distribute(self, topic: str, content: Content) -> None:
        for key in self._keys.get(normalized(topic), ()):
            grant = self._grants[key]
            if self._count[Deliver] < self._limits.deliveries:
                self._begin(("deliver", next(self._numbers)), Deliver(grant, content))
            else:
                msg = f"{self._limits.deliveries} deliveries are owed already"
                error = LimitExceeded(msg, code=503, limit="deliveries")
                self._note(DeliveryFailed(grant.topic, grant.callback, error, None))

    def _delivered(
        self, grant: Grant, outcome: Response | Exception
    ) -> Response | Exception | None:
        if isinstance(outcome, Response) and outcome.status == 410:
            self._end(grant.key, "gone")
            return None
        if isinstance(outcome, Exception) or not outcome.ok:
            return outcome
        self._note(Delivered(grant.topic, grant.callback))
        return None

    # Tasks.

    @override
    def _request(self, task: Task) -> Request | None:
        match task:
            case Verify(asked, intent):
                return verification_request(asked.callback, intent)
            case Deny(callback, denial):
                return denial_request(callback, denial)
            case Fetch(topic, url):
                if normalized(topic) not in self._keys:
                    return None
                return resource_request(url)
            case _:
                return self._delivery(task)

    def _delivery(self, task: Deliver) -> Request | None:
        grant = self._grants.get(task.grant.key)  # the secret may have changed since
        if grant is None or grant.expires <= self._now:
            return None
        links = hub_links([self._url], grant.topic)
        return content_request(
            grant.callback, task.content, links=links, secret=grant.secret, method=self._method
        )

    @override
    def _finish(
        self, attempt: Attempt[Task], outcome: Response | Exception
    ) -> Response | Exception | None:
        match attempt.task:
            case Verify() as task:
                return self._verified(task, outcome)
            case Deny():
                return None  # nothing hangs on it
            case Fetch() as task:
                return self._fetched(attempt, task, outcome)
            case task:
                return self._delivered(task.grant, outcome)

    @override
    def _retry_in(self, attempt: Attempt[Task], failure: Response | Exception) -> float | None:
        if isinstance(attempt.task, Verify) and attempt.number >= _MOST_VERIFICATIONS:
            return None
        return super()._retry_in(attempt, failure)

    @override
    def _again(self, task: Task) -> Task:
        match task:
            case Verify():
                return replace(task, at=self._now)
            case Fetch(topic):
                # From the beginning: where a redirect led may have been for that time only.
                return Fetch.of_topic(topic)
            case _:
                return task

    @override
    def _report(
        self, attempt: Attempt[Task], failure: Response | Exception, retry_in: float | None
    ) -> None:
        match attempt.task:
            case Verify(asked):
                if retry_in is None:
                    self._note(VerificationFailed(asked.topic, asked.callback, failure))
            case Fetch(topic):
                self._note(FetchFailed(topic, failure, retry_in))
            case Deliver(grant):
                event = DeliveryFailed(grant.topic, grant.callback, failure, retry_in)
                self._note(event)
            case task:
                raise AssertionError(task, failure)  # not tried again
