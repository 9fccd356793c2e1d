"""One subscription, as its subscriber keeps it: a record, and pure steps from record to record."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from eventproto._errors import (
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto._event import Event
from eventproto._value import value
from eventproto.http import HandshakeRejected, Request, Response
from eventproto.http._redirects import redirected
from eventproto.websub._callbacks import Denial, Verification
from eventproto.websub._commands import Subscribe
from eventproto.websub._discovery import discover, resource_request
from eventproto.websub._events import (
    SubscriptionDenied,
    SubscriptionExpired,
    SubscriptionFailed,
    SubscriptionVerified,
    Unsubscribed,
)
from eventproto.websub._limits import Limits
from eventproto.websub._requests import SubscriptionRequest, subscription_request
from eventproto.websub._states import (
    TRANSITIONS,
    Discovering,
    Lease,
    Phase,
    Requesting,
    State,
    Turn,
    Verifying,
)
from eventproto.websub._urls import normalized

__all__ = ["Step", "Subscription"]


@value(kw_only=True)
class Subscription:
    """All that a subscriber knows of one subscription.

    Each step takes what has happened and gives what to do: the next record, None if there is
    nothing left to know, and requests to make and events to report. At most one request is made
    at a time, and `answered` is for the answer to the latest one.

    Renewal follows DHCP (RFC 2131, 4.4.5): it begins when half of the lease is over, and each
    time it does not work out, again after half of what is left, but at least a second.

    Attributes:
        wanted: What the application has asked for.
        callback: Where the hub is to send content; nobody else knows it.
        secret: What the hub is to sign with; the same for all renewals, so that contents on their
            way meanwhile stay verifiable.
        insecure: Whether the secret may be sent over http.
        state: How far it has come.
        lease: What is in force; stays known when the subscription has ended.
        phase: Where the request is that is being made, or None if none is.
        renewal: When the next one is due, or None if it is no matter of time.
        error: Why the latest renewal has failed, or None if it has not.
    """

    wanted: Subscribe
    callback: str
    secret: str | None
    insecure: bool
    state: State = State.PENDING
    lease: Lease | None = None
    phase: Phase | None = None
    renewal: float | None = None
    error: Exception | None = None

    @property
    def deadline(self) -> float | None:
        """When the step `due` is, or None for never."""
        moments = (
            self.lease.expires if self.lease else None,
            self.phase.until if isinstance(self.phase, Verifying) else None,
            self.renewal,
        )
        return min((each for each in moments if each is not None), default=None)

    def begin(self) -> Step:
        """Ask for the subscription, or for its renewal."""
        return self._discover(self.wanted.url, redirects=0)

    def ask(self, hubs: tuple[str, ...], topic: str, now: float) -> Step:
        """Ask the first of these hubs; the others if it does not work out."""
        try:
            return self._requesting(Requesting(topic, hubs, hubs[0]))
        except LocalProtocolError as error:
            return self._ask_next(hubs, topic, error, now)

    def answered(self, outcome: Response | Exception, now: float, limits: Limits) -> Step:
        """The request has its answer, or will not get one."""
        match self.phase:
            case Discovering(url, redirects):
                return self._discovered(url, redirects, outcome, now, limits)
            case Requesting():
                return self._requested(self.phase, outcome, now, limits)
            case _:
                raise AssertionError(self)

    def confirm(self, asked: Verification, now: float, limits: Limits) -> Step | None:
        """A hub asks whether this is wanted; None says that it is not."""
        asking = self._asking if _is_about(self._asking, asked.topic) else None
        known = _is_about(self.lease, asked.topic)
        match asked.mode, self.state:
            case "subscribe", State.PENDING | State.ACTIVE if asking:
                return self._verified(asking, asked.lease_seconds, now, limits)
            case "subscribe", State.ACTIVE if known:
                return self, ()  # nothing was asked for, so whoever this is changes nothing
            case "unsubscribe", State.UNSUBSCRIBING if known:
                return _turned(self, Turn.VERIFIED, Unsubscribed(self.wanted.name))
            case "unsubscribe", State.ENDED if known:
                return self, ()  # the hub has not heard it the first time
            case _:
                return None

    def denied(self, denial: Denial) -> Step | None:
        """A hub says that this is not possible; None if it is not about this."""
        if not (_is_about(self._asking, denial.topic) or _is_about(self.lease, denial.topic)):
            return None
        name = self.wanted.name
        match self.state:
            case State.ENDED:
                return self, ()
            case State.UNSUBSCRIBING:
                return _turned(self, Turn.DENIED, Unsubscribed(name))
            case State.ACTIVE:
                # Nor is a renewal put off, or whoever knows the callback could do so for ever.
                return self, (SubscriptionDenied(name, denial.reason),)
            case _:
                return _turned(self, Turn.DENIED, SubscriptionDenied(name, denial.reason))

    def unwanted(self, now: float) -> Step:
        """The application does not want it any more."""
        name = self.wanted.name
        if self.lease is None:
            return _turned(self, Turn.UNWANTED, Unsubscribed(name))
        state = TRANSITIONS[self.state, Turn.UNWANTED]
        after = replace(self, state=state, renewal=None)
        return after.ask((self.lease.hub,), self.lease.topic, now)

    def due(self, now: float) -> Step:
        """The deadline has come."""
        if self.lease is not None and now >= self.lease.expires:
            return self._expired()
        if isinstance(self.phase, Verifying):
            hubs = self.phase.hubs
            error = PeerTimeout(f"{hubs[0]} accepted a request, but did not verify it in time")
            return self._ask_next(hubs, self.phase.topic, error, now)
        return self.begin()

    def _discover(self, url: str, *, redirects: int) -> Step:
        phase = Discovering(url, redirects)
        return replace(self, phase=phase, renewal=None), (resource_request(url),)

    def _discovered(
        self,
        url: str,
        redirects: int,
        outcome: Response | Exception,
        now: float,
        limits: Limits,
    ) -> Step:
        if isinstance(outcome, Exception):
            return self._failed(outcome, now)
        try:
            asked, limit = resource_request(url), limits.redirects
            there = redirected(asked, outcome, followed=redirects, limit=limit)
            if there is not None:
                return self._discover(there.url, redirects=redirects + 1)
            if not outcome.ok:
                msg = f"{url} answered {outcome.status}"
                raise HandshakeRejected(msg, response=outcome)
            found = discover(outcome, url=url)
            if not found.hubs or found.topic is None:
                msg = f"{url} names no {'topic' if found.hubs else 'hub'} to subscribe to"
                raise HandshakeRejected(msg, response=outcome)
        except RemoteProtocolError as error:
            return self._failed(error, now)
        return self.ask(found.hubs, found.topic, now)

    def _ask_next(self, hubs: tuple[str, ...], topic: str, error: Exception, now: float) -> Step:
        """The first of these hubs did not work out."""
        return self.ask(hubs[1:], topic, now) if hubs[1:] else self._failed(error, now)

    def _requesting(self, phase: Requesting) -> Step:
        return replace(self, phase=phase), (self._request(phase),)

    def _request(self, phase: Requesting) -> Request:
        """What a hub is asked; raises LocalProtocolError where the secret must not go."""
        subscribing = self.state is not State.UNSUBSCRIBING
        secret = self.secret if subscribing else None
        if secret is not None and not (self.insecure or Request("POST", phase.url).secure):
            msg = f"a secret is only sent over https unless `insecure` is set, not to {phase.url}"
            raise LocalProtocolError(msg)
        wanted = SubscriptionRequest(
            mode="subscribe" if subscribing else "unsubscribe",
            topic=phase.topic,
            callback=self.callback,
            lease_seconds=self.wanted.lease_seconds if subscribing else None,
            secret=secret,
        )
        return subscription_request(phase.url, wanted)

    def _requested(
        self, phase: Requesting, outcome: Response | Exception, now: float, limits: Limits
    ) -> Step:
        if isinstance(outcome, Exception):
            return self._ask_next(phase.hubs, phase.topic, outcome, now)
        if outcome.ok:  # 202; hubs of PubSubHubbub 0.3 that have verified before say 204
            until = now + limits.verification_time
            return replace(self, phase=Verifying(phase.topic, phase.hubs, until)), ()
        try:
            followed, limit = phase.redirects, limits.redirects
            there = redirected(self._request(phase), outcome, followed=followed, limit=limit)
            if there is not None and there.method == "POST":  # 307 and 308 (5.1.2)
                moved = replace(phase, url=there.url, redirects=phase.redirects + 1)
                return self._requesting(moved)
            said = outcome.body[:200].decode(errors="replace")
            msg = f"{phase.url} answered {outcome.status}: {said}"
            raise HandshakeRejected(msg, response=outcome)
        except (RemoteProtocolError, LocalProtocolError) as error:
            return self._ask_next(phase.hubs, phase.topic, error, now)

    def _verified(
        self, request: Requesting | Verifying, seconds: int | None, now: float, limits: Limits
    ) -> Step:
        granted = seconds or self.wanted.lease_seconds or limits.lease_default
        granted = min(granted, limits.lease_maximum)
        lease = Lease(request.topic, request.hubs[0], now + granted)
        event = SubscriptionVerified(self.wanted.name, request.topic, granted)
        after = replace(self, lease=lease, error=None)
        return _turned(after, Turn.VERIFIED, event, renewal=now + granted / 2)

    def _failed(self, error: Exception, now: float) -> Step:
        name = self.wanted.name
        if self.state is State.UNSUBSCRIBING:
            return _turned(self, Turn.FAILED, Unsubscribed(name, error))
        if self.lease is None:
            return _turned(self, Turn.FAILED, SubscriptionFailed(name, error))
        left = self.lease.expires - now
        after = replace(self, error=error)
        return _turned(after, Turn.FAILED, renewal=now + max(left / 2, 1.0))

    def _expired(self) -> Step:
        after = replace(self, lease=None)
        match self.state:
            case State.ACTIVE:
                event = SubscriptionExpired(self.wanted.name, self.error)
                return _turned(after, Turn.EXPIRED, event)
            case State.UNSUBSCRIBING:
                return _turned(after, Turn.EXPIRED, Unsubscribed(self.wanted.name))
            case _:
                return _turned(after, Turn.EXPIRED)

    @property
    def _asking(self) -> Requesting | Verifying | None:
        """The phase, if a hub was asked."""
        return None if isinstance(self.phase, Discovering) else self.phase


Step: TypeAlias = tuple[Subscription | None, tuple[Request | Event, ...]]
"""What comes of a step: the next record, what to ask and what to report."""


def _turned(
    subscription: Subscription, turn: Turn, *events: Event, renewal: float | None = None
) -> Step:
    """The state changes as the table says, and no request is being made any more."""
    state = TRANSITIONS[subscription.state, turn]
    if state is State.ENDED and subscription.lease is None:
        return None, events
    return replace(subscription, state=state, phase=None, renewal=renewal), events


def _is_about(known: Requesting | Verifying | Lease | None, topic: str) -> bool:
    """Whether this is about a topic, which a hub may spell in another way."""
    return known is not None and normalized(known.topic) == normalized(topic)
