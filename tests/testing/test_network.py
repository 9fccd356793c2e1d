"""The simulated network of calls: who is called, when, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import override

from eventproto import ConnectionLost, PeerTimeout
from eventproto.http import Call, Request, Response
from eventproto.testing import CallNetwork, Fate
from tests.drivers.test_calls import Answered, Asker


class Counter(Asker):
    """Counts how often it was called."""

    calls = 0

    @override
    def _on_call(self, call: Call) -> None:
        self.calls += 1
        super()._on_call(call)


def connected(**options: Any) -> tuple[CallNetwork, Asker, Counter]:
    """Who asks, and who is asked."""
    network = CallNetwork(**options)
    asker, counter = Asker(), Counter()
    network.add(asker)
    network.add(counter, "http://a.example/")
    return network, asker, counter


@pytest.mark.parametrize(
    ("fate", "calls", "answer"),
    [
        (Fate.ARRIVES, 1, Response),
        (Fate.LOST, 0, PeerTimeout),
        (Fate.ANSWER_LOST, 1, PeerTimeout),
        (Fate.DUPLICATED, 2, Response),
    ],
)
def test_fates(fate: Fate, calls: int, answer: type[object]) -> None:
    """What each does to a call; whatever it is, the caller hears of it once."""
    network, asker, counter = connected(fate=lambda _: fate, delay=1.0, timeout=5.0)
    network.send(asker, Request("GET", "http://a.example/"))
    network.run()

    (event,) = network.events(asker)
    assert isinstance(event, Answered)
    assert isinstance(event.outcome, answer)
    assert counter.calls == calls
    assert network.now == (2.0 if answer is Response else 5.0)


def test_a_delay_of_each_request() -> None:
    """So that one overtakes another."""
    network, asker, _ = connected(delay=lambda request: 3.0 if "slow" in request.url else 1.0)
    network.send(asker, Request("GET", "http://a.example/slow"))
    network.send(asker, Request("GET", "http://a.example/fast"))
    network.run()

    bodies = [event.outcome.body for event in network.events(asker)]  # type: ignore[attr-defined]
    assert bodies == [b"http://a.example/fast", b"http://a.example/slow"]
    assert [(when, each.url[-4:]) for when, each in network.requests] == [(0, "slow"), (0, "fast")]


def test_nobody_listens() -> None:
    """At a place that is no role's."""
    network, asker, _ = connected()
    network.send(asker, Request("GET", "http://b.example/"))
    network.run()

    (event,) = network.events(asker)
    assert isinstance(event, Answered)
    assert isinstance(event.outcome, ConnectionLost)


def test_the_longest_prefix_counts() -> None:
    """A role may be found below another one."""
    network, asker, counter = connected()
    below = Counter()
    network.add(below, "http://a.example/below/")
    network.send(asker, Request("GET", "http://a.example/below/x"))
    network.run()

    assert (counter.calls, below.calls) == (0, 1)


def test_what_never_comes_to_rest() -> None:
    """Is told apart from what takes long."""
    network, asker, _ = connected()
    network.answer(asker, lambda _: [Request("GET", "http://a.example/")])
    network.send(asker, 1.0)
    with pytest.raises(AssertionError, match="still busy after 50 steps"):
        network.run(max_steps=50)
