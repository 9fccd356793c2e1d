"""When a client comes back, how soon, and when it does not."""

from __future__ import annotations

from random import Random

import pytest

from eventproto import (
    EOF,
    Backoff,
    ConnectionLost,
    PeerTimeout,
    Steps,
)
from eventproto.http import Response
from eventproto.sse import (
    Disconnected,
    Limits,
    Opened,
    RetryChanged,
    ServerSentEvent,
    State,
)
from tests.sse.carrier import LOST, STREAM, URL, Carrier


def test_end_of_the_stream_is_no_end() -> None:
    """It waits for the reconnection time and comes back."""  # SSE F5, F11, F12
    carrier = Carrier()
    carrier.open()
    carrier.body(b"data: a\n\n", EOF)
    assert carrier.events()[2:] == [Disconnected(None, 3.5)]
    assert carrier.client.state is State.CONNECTING
    carrier.wait(3.4)
    assert len(carrier.calls) == 1
    carrier.wait(0.1)
    assert len(carrier.calls) == 2
    carrier.open()
    assert carrier.events() == [Opened(URL, Response(200, STREAM))]


def test_error_in_the_stream() -> None:
    """It is reported, and the connection made again."""  # SSE F7
    carrier = Carrier()
    carrier.open()
    carrier.body(b"data: a\n\ndata: b\n", EOF, error=LOST)
    assert carrier.events()[1:] == [ServerSentEvent("a", id=""), Disconnected(LOST, 3.5)]


def test_no_connection() -> None:
    """Also the first one is tried again."""  # SSE F7
    carrier = Carrier()
    carrier.answer(LOST)
    assert carrier.events() == [Disconnected(LOST, 3.5)]
    assert carrier.client.state is State.CONNECTING
    carrier.wait(3.5)
    assert len(carrier.calls) == 2


def test_backoff_grows_until_a_connection_is_healthy() -> None:
    """On top of the reconnection time, which is the least; opening is not enough."""  # SSE F13
    carrier = Carrier(backoff=Backoff(ceiling=6.0), healthy_after=60.0, read_timeout=None)
    delays: list[float] = []
    for seconds in (None, None, 0, 59.9, 0, 60, None):
        if seconds is None:
            carrier.answer(LOST)
        else:
            carrier.open()
            carrier.wait(seconds)
            carrier.body(EOF)
        delays.append(carrier.disconnected().delay)
    assert delays == [3.5, 4.0, 5.0, 6.0, 6.0, 3.5, 4.0]


def test_healthy_is_how_long_it_was_open() -> None:
    """Not how long the application took to read what had come."""
    carrier = Carrier(healthy_after=60.0)
    carrier.answer(LOST)
    carrier.disconnected()
    carrier.open()
    carrier.body(b":\n" * 10_000, EOF)
    carrier.wait(100)
    assert carrier.disconnected().delay == 4.0


def test_any_stream_may_be_healthy() -> None:
    """For servers that end each one soon, and mean it."""
    carrier = Carrier(healthy_after=0)
    for _ in range(5):
        carrier.open()
        carrier.body(EOF)
        assert carrier.disconnected().delay == 3.5


@pytest.mark.parametrize(
    "stream", ["id: {}\ndata: a\n\n", "id: {}\n\n", "id: {}\ndata: a\n\ndata:"]
)
def test_who_gets_further_has_not_failed(stream: str) -> None:
    """However soon it ends: so one that polls is asked again when it wants to be."""  # SSE F13
    carrier = Carrier(retry=1000)
    for number in range(20):
        carrier.answer(LOST)
        carrier.disconnected()
        carrier.open()
        carrier.body(stream.format(number).encode(), EOF)
        assert carrier.disconnected().delay == 1.5


@pytest.mark.parametrize("stream", [b"data: a\n\n", b"id: 7\ndata: a\n\n", b"id: 8\ndata: a"])
def test_who_gets_no_further_has_failed(stream: bytes) -> None:
    """As when a server falls over the same event each time."""
    carrier = Carrier(retry=1000, last_event_id="7")
    delays: list[float] = []
    for _ in range(4):
        carrier.open()
        carrier.body(stream, EOF)
        delays.append(carrier.disconnected().delay)
    assert delays == [1.5, 2.0, 3.0, 5.0]


def test_backoff_goes_by_the_reconnection_time() -> None:
    """Unless the application has another idea: who is asked soon is asked soon again."""
    carrier = Carrier(backoff=None, retry=1000)
    delays: list[float] = []
    for _ in range(8):
        carrier.answer(LOST)
        delays.append(carrier.disconnected().delay)
    assert delays == [1.5, 2, 3, 5, 9, 17, 31, 31]
    carrier.open()
    carrier.body(b"retry: 0\n", EOF)
    assert 0 < carrier.disconnected().delay < 31
    carrier = Carrier(backoff=None, retry=0)
    carrier.answer(LOST)
    assert carrier.disconnected().delay == 0.05
    carrier = Carrier(backoff=None, retry=10**9)
    carrier.answer(LOST)
    assert carrier.disconnected().delay == 3630


def test_chance_is_what_entropy_says() -> None:
    """The same chance, the same delays; another chance, others."""

    def delay(seed: int) -> object:
        carrier = Carrier(entropy=Random(seed).randbytes)
        carrier.answer(LOST)
        [event] = carrier.events()
        assert isinstance(event, Disconnected)
        assert 3 <= event.delay <= 4
        return event.delay

    assert delay(1) == delay(1) != delay(2)


def test_a_schedule_may_give_up() -> None:
    """With the last error, or one that says what happened."""
    carrier = Carrier(backoff=Steps((1.0,)))
    carrier.answer(LOST)
    carrier.wait(4)
    carrier.answer(LOST)
    assert carrier.closed() is LOST

    carrier = Carrier(backoff=Steps(()))
    carrier.open()
    carrier.body(EOF)
    assert isinstance(carrier.closed(), ConnectionLost)


def test_retry_of_the_server() -> None:
    """It stays until the server changes it."""  # SSE D8, F12, F25
    carrier = Carrier(retry=1000, healthy_after=0)
    for stream, seconds in [(b"", 1.5), (b"retry: 7000\n", 7.5), (b"", 7.5), (b"retry: 0\n", 0.5)]:
        carrier.open()
        carrier.body(stream, EOF)
        assert carrier.events()[-1] == Disconnected(None, seconds)
        carrier.wait(seconds)


@pytest.mark.parametrize("retry", [10_001, 2**64 - 1])
def test_retry_is_capped_where_it_is_applied(retry: int) -> None:
    """What was said is reported as it was said."""  # SSE J7
    carrier = Carrier(limits=Limits(retry=10_000))
    carrier.open()
    carrier.body(b"retry: %d\n" % retry, EOF)
    assert carrier.events()[1:] == [RetryChanged(retry), Disconnected(None, 10.5)]


# Servers that fall silent.


def test_silence_is_the_end_of_a_connection() -> None:
    """It is reported, and the next one goes on where this one was."""
    carrier = Carrier(read_timeout=60.0)
    carrier.open()
    carrier.body(b"id: 1\ndata: a\n\ndata: b\n")
    carrier.wait(59.9)
    assert carrier.client.state is State.OPEN
    carrier.wait(0.1)
    [_, event, disconnected] = carrier.events()
    assert event == ServerSentEvent("a", id="1")
    assert isinstance(disconnected, Disconnected)
    assert isinstance(disconnected.error, PeerTimeout)
    carrier.body(b"\n", EOF)  # too late
    assert carrier.events() == []
    carrier.wait(disconnected.delay)
    assert carrier.request.headers["Last-Event-ID"] == "1"
    carrier.open()
    assert len(carrier.events()) == 1


@pytest.mark.parametrize("sign", [b":\n", b"d", b"\n", b"data: a\n\n"])
def test_any_byte_is_a_sign_of_life(sign: bytes) -> None:
    """Whether it means anything or not."""
    carrier = Carrier(read_timeout=10.0)
    carrier.open()
    for _ in range(10):
        carrier.wait(9.9)
        carrier.body(sign)
    assert carrier.client.state is State.OPEN
    carrier.wait(10)
    assert isinstance(carrier.events()[-1], Disconnected)


def test_silence_before_the_answer_is_for_the_carrier_to_notice() -> None:
    """And it is none while the client waits for its next attempt."""
    carrier = Carrier(read_timeout=1.0)
    carrier.wait(100)
    carrier.answer(PeerTimeout("no answer"))
    carrier.disconnected()
    carrier.open()
    carrier.body(EOF)
    assert len(carrier.events()) == 2
    carrier.wait(1.1)
    assert carrier.events() == []


def test_silence_may_be_golden() -> None:
    """If the application knows that the server has no heartbeat."""
    carrier = Carrier(read_timeout=None)
    carrier.open()
    carrier.wait(1_000_000)
    assert carrier.client.deadline is None
    assert carrier.client.state is State.OPEN


def test_what_came_before_the_silence_is_not_lost() -> None:
    """Also what nobody has made into events yet."""
    carrier = Carrier(read_timeout=60.0)
    carrier.open()
    carrier.body(b"data: a\n\n" * 3000)
    carrier.wait(60)
    events = carrier.events()
    assert len(events) == 3002
    assert isinstance(events[-1], Disconnected)
