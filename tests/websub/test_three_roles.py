"""Publisher, hub and subscriber wired back to back, on a network that loses, doubles and delays."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any, Final

import pytest
from typing_extensions import override

from eventproto import CallMachine, Closed, End, Event, Message, Steps
from eventproto.http import Call, Headers, Request, Response
from eventproto.testing import CallNetwork, Fate
from eventproto.websub import (
    Accept,
    ContentReceived,
    Hub,
    Limits,
    Publisher,
    Refuse,
    Subscribe,
    Subscribed,
    Subscriber,
    SubscriptionDenied,
    SubscriptionEnded,
    SubscriptionExpired,
    SubscriptionFailed,
    SubscriptionVerified,
    Unsubscribe,
    Unsubscribed,
)
from eventproto.websub._states import State
from tests.websub.roles import HUB, TOPIC, asked

PREFIX: Final = "https://reader.example/callbacks/"
VICTIM: Final = "https://victim.example/"
FATES: Final = [Fate.ARRIVES] * 5 + [Fate.LOST, Fate.ANSWER_LOST, Fate.DUPLICATED]
LIMITS: Final = Limits(lease_minimum=60)
CHAOS: Final = 3000.0  # seconds; the attempts of the schedules after that arrive
AFTERWARDS: Final = 30_000.0


class Stranger(CallMachine[Request | End]):
    """Asks whatever it likes, and answers 200 to everything."""

    @override
    def _on_send(self, command: Request | End) -> None:
        if isinstance(command, Request):
            self._call(command, None)
        else:
            self._close()

    @override
    def _on_call(self, call: Call) -> None:
        self._answer(call.token, Response(200, body=b"welcome"))

    @override
    def _on_result(self, about: None, outcome: Response | Exception) -> None:
        pass


class World:
    """Everybody, and what is known of them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.calm = False
        self.network = CallNetwork(delay=self.delay, fate=self.fate)
        self.number = 0
        self.granted: set[str] = set()  # callbacks that the hub delivers to
        self.ended: dict[str, float] = {}
        self.owed: dict[bytes, set[str]] = {}  # contents of this hub, and whom they go to
        self.accepted: dict[bytes, set[str]] = {}
        self.callbacks: dict[str, Subscriber] = {}
        self.latest: dict[tuple[Subscriber, str], str] = {}
        self.stranger = Stranger()
        self.network.add(self.stranger, VICTIM)
        self.subscriber = self.new_subscriber()
        self.hub = self.new_hub()
        self.publisher = self.new_publisher()

    # The network.

    def delay(self, request: Request) -> float:
        return 0.01 if self.calm else self.random.choice([0.0, 0.1, 3.0, 20.0])

    def fate(self, request: Request) -> Fate:
        if request.method == "POST" and request.url.startswith((VICTIM, PREFIX)):
            # What ended in this very moment may have ended behind it.
            wanted = request.url in self.granted or self.ended.get(request.url) == self.network.now
            assert wanted or request.body == b"forged", "content for who has not confirmed"
        return Fate.ARRIVES if self.calm else self.random.choice(FATES)

    # The roles, and what their applications do.

    def new_publisher(self) -> Publisher:
        schedule = Steps((1.0, 5.0, 30.0, 300.0, 4000.0))
        publisher = Publisher(TOPIC, [HUB], schedule=schedule, entropy=self.random.randbytes)
        self.network.add(publisher, TOPIC)
        return publisher

    def new_hub(self) -> Hub:
        hub = Hub(HUB, entropy=self.random.randbytes, limits=LIMITS)
        self.network.answer(hub, self.hub_says)
        self.network.add(hub, HUB)
        return hub

    def new_subscriber(self) -> Subscriber:
        subscriber = Subscriber(PREFIX, entropy=self.random.randbytes, limits=LIMITS)
        self.network.answer(subscriber, lambda event: self.subscriber_says(subscriber, event))
        self.network.add(subscriber, PREFIX)
        return subscriber

    def hub_says(self, event: Event) -> Iterable[Any]:
        match event:
            case Subscribed(topic, callback):
                assert (topic, callback) in {(TOPIC, each) for each in self.callbacks}
                self.granted.add(callback)
            case SubscriptionEnded(_, callback):
                self.granted.discard(callback)
                self.ended[callback] = self.network.now
                for callbacks in self.owed.values():
                    callbacks.discard(callback)
        return ()

    def subscriber_says(self, subscriber: Subscriber, event: Event) -> Iterable[Any]:
        match event:
            case ContentReceived(token, name, _, _, body):
                assert body not in {b"forged", b""}
                decision = 0 if self.calm else self.random.randrange(5)
                if decision == 1:
                    return [Refuse(token)]
                if decision == 2:
                    return []  # it is told to try again in time
                self.accepted.setdefault(body, set()).add(self.callback_of(subscriber, name))
                return [Accept(token)]
            case SubscriptionVerified(name):
                self.callbacks[self.callback_of(subscriber, name)] = subscriber
            case SubscriptionFailed(name) | SubscriptionExpired(name) | Unsubscribed(name):
                return [self.wish(name)]
            case SubscriptionDenied():
                raise AssertionError(event)
            case _:
                pass
        return ()

    @property
    def active(self) -> dict[str, str]:
        """The callbacks of the subscriptions that are in force for the subscriber, by name."""
        subscriptions = self.subscriber._subscriptions
        return {
            name: subscriptions[key].callback
            for name, key in self.subscriber._keys.items()
            if subscriptions[key].state is State.ACTIVE
        }

    @property
    def living(self) -> set[str]:
        """The callbacks of the subscriber that has not been killed."""
        return {each for each, role in self.callbacks.items() if role is self.subscriber}

    def callback_of(self, subscriber: Subscriber, name: str) -> str:
        # What is reported last may be of a subscription that has ended in the same moment.
        if name in subscriber._keys:
            self.latest[subscriber, name] = PREFIX + subscriber._keys[name]
        return self.latest[subscriber, name]

    def wish(self, name: str) -> Subscribe:
        lease = self.random.choice([200, 500, 5000, 50_000])
        return Subscribe(TOPIC, name, lease_seconds=lease)

    # What happens.

    def happen(self) -> None:
        what: Any = self.random.choice(
            [
                self.subscribe,
                self.unsubscribe,
                self.publish,
                self.distribute,
                self.distribute,
                self.forge,
                self.restart,
            ]
        )
        what()
        self.network.run(self.network.now + self.random.choice([0.0, 1.0, 10.0, 100.0]))

    def subscribe(self) -> None:
        name = self.random.choice("abc")
        if name not in self.subscriber._keys:
            self.network.send(self.subscriber, self.wish(name))

    def unsubscribe(self) -> None:
        if self.active:
            name = self.random.choice([*self.active])
            self.network.send(self.subscriber, Unsubscribe(name))

    def publish(self) -> None:
        self.number += 1
        self.network.send(self.publisher, Message(data=b"publisher %d" % self.number))

    def distribute(self) -> None:
        self.number += 1
        content = b"hub %d" % self.number
        self.owed[content] = self.granted & self.living
        self.network.send(self.hub, Message(data=content, source=TOPIC))

    def forge(self) -> None:
        known = self.random.choice([*self.callbacks, PREFIX + "guessed", VICTIM])
        signed = Headers({"X-Hub-Signature": "sha256=" + "0" * 64})
        challenge = f"{known}?hub.mode=unsubscribe&hub.topic={TOPIC}&hub.challenge=x"
        request = self.random.choice(
            [
                asked("subscribe", topic=TOPIC, callback=self.random.choice([VICTIM, PREFIX])),
                asked("subscribe", topic=VICTIM, callback=known),
                asked("unsubscribe", topic=TOPIC, callback=known),
                asked("publish", topic=TOPIC),
                Request("POST", known, signed, b"forged"),
                Request("POST", known, body=b"forged"),
                Request("GET", challenge.replace(TOPIC, VICTIM)),
                Request("GET", f"{known}?hub.mode=denied&hub.topic={VICTIM}"),
            ]
        )
        self.network.send(self.stranger, request)

    def restart(self) -> None:
        match self.random.randrange(8):
            case 0:
                self.granted.clear()
                self.owed.clear()
                del self.network._events[self.hub]
                self.hub = self.new_hub()
            case 1:
                for callbacks in self.owed.values():
                    callbacks.difference_update(self.living)
                del self.network._events[self.subscriber]
                self.subscriber = self.new_subscriber()
            case 2:
                del self.network._events[self.publisher]
                self.publisher = self.new_publisher()
            case _:
                pass


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_lost_and_nobody_is_bothered(seed: int) -> None:
    """Whatever is lost, doubled, delayed, refused, forged and killed."""
    # WebSub H10, H12, H17, H20, H22, H28, H29, S23, S25, S31, S34, S41
    world = World(seed)
    network = world.network
    while network.now < CHAOS:
        world.happen()
    world.calm = True
    network.run(network.now + AFTERWARDS)
    for content, callbacks in world.owed.items():
        assert callbacks <= world.accepted.get(content, set()), content

    # By now all have been renewed, and both sides agree on what is in force.
    network.send(world.publisher, Message(data=b"last"))
    network.run(network.now + 1)
    assert set(world.active.values()) <= world.accepted.get(b"last", set())

    roles: list[CallMachine[Any]] = [*network._events]
    for role in roles:
        network.send(role, End())
    network.run()
    for role in roles:
        assert role.finished
        assert network.events(role)[-1] == Closed()
        assert role.deadline is None
