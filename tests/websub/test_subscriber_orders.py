"""The subscriber: no order of commands, results, calls and time breaks it."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from eventproto import ConnectionLost, Event, LocalProtocolError
from eventproto.http import Call, Response
from eventproto.websub import (
    ContentRejected,
    Subscribe,
    SubscriptionDenied,
    SubscriptionExpired,
    SubscriptionFailed,
    SubscriptionVerified,
    Unsubscribe,
    Unsubscribed,
)
from tests.websub.roles import call, events, made, respond
from tests.websub.subscriptions import (
    PAGE,
    RESOURCE,
    active,
    delivery,
    deny,
    page,
    redirect,
    verify,
)

OTHER = "https://other.example/"
NAMES = st.sampled_from(["blog", "news"])
ANSWERS: list[Response | Exception] = [
    PAGE,
    page(OTHER, RESOURCE),
    page("http://hub.example/"),
    redirect(307, OTHER),
    Response(202),
    Response(500),
    ConnectionLost("gone"),
]


class Orders(RuleBasedStateMachine):
    """A subscriber with one subscription, to which anything may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.role, first = active()
        self.callbacks = [first]
        self.calls: list[Call] = []
        self.now = 0.0
        self.wanted = Counter({"blog": 1})  # subscriptions by name, without those that ended
        self.verified = {"blog"}

    @rule(name=NAMES)
    def subscribe(self, name: str) -> None:
        try:
            self.role.send(Subscribe(RESOURCE, name), self.now)
        except LocalProtocolError:
            assert self.wanted[name]
        else:
            self.wanted[name] += 1
            self.callbacks += [each.callback for each in self.role._subscriptions.values()]

    @rule(name=NAMES)
    def unsubscribe(self, name: str) -> None:
        try:
            self.role.send(Unsubscribe(name), self.now)
        except LocalProtocolError:
            return  # there is none, or its hub is being told already

    @precondition(lambda self: bool(cast("Orders", self).calls))
    @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
    def answer(self, data: st.DataObject, answer: Response | Exception) -> None:
        index = data.draw(st.integers(0, len(self.calls) - 1))
        respond(self.role, self.calls.pop(index), answer, self.now)

    @rule(
        data=st.data(),
        mode=st.sampled_from(["subscribe", "unsubscribe"]),
        lease=st.sampled_from([None, 1, 1000]),
    )
    def verify(self, data: st.DataObject, mode: str, lease: int | None) -> None:
        callback = data.draw(st.sampled_from(self.callbacks))
        assert verify(self.role, callback, self.now, mode=mode, lease=lease).status in {200, 404}

    @rule(data=st.data())
    def deny(self, data: st.DataObject) -> None:
        callback = data.draw(st.sampled_from(self.callbacks))
        assert deny(self.role, callback, self.now).status in {200, 404}

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        forged = delivery(data.draw(st.sampled_from(self.callbacks)), secret="other")
        assert call(self.role, forged, self.now).status in {403, 404, 410}

    @rule(seconds=st.sampled_from([0.5, 20.0, 300.0, 800.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.role.handle_timeout(self.now)

    @invariant()
    def every_subscription_ends_once(self) -> None:
        self.calls += made(self.role)
        for event in events(self.role):
            self._count(event)
        assert set(self.wanted.values()) <= {0, 1}
        assert self.role.deadline is None or self.role.deadline > self.now

    def _count(self, event: Event) -> None:
        match event:
            case SubscriptionVerified(name):
                assert self.wanted[name]
                self.verified.add(name)
            case SubscriptionDenied(name) if name in self.verified:
                assert self.wanted[name]
            case (
                SubscriptionDenied(name)
                | SubscriptionFailed(name)
                | SubscriptionExpired(name)
                | Unsubscribed(name)
            ):
                self.wanted[name] -= 1
                assert not self.wanted[name]
                self.verified.discard(name)
            case _:
                assert isinstance(event, ContentRejected)


def test_no_order_of_things_breaks_it() -> None:
    """Each call gets one answer, each subscription one end, and what is due lies ahead."""
    # WebSub S25, S30, S31, S34
    machine: Any = Orders
    run_state_machine_as_test(machine)
