"""Two connections on a wire that may do anything always come to rest, closed on both sides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventproto import Closed, ClosedError, End, Event, LocalProtocolError
from eventproto.testing import Wire
from eventproto.websocket import (
    Binary,
    ClientConnection,
    Close,
    Connection,
    Deflate,
    Fragment,
    Limits,
    Ping,
    Pong,
    Role,
    ServerConnection,
    State,
    Text,
)

SMALL = Limits(
    message_size=200,
    frame_size=150,
    fragments=4,
    backlog=3,
    control_rate=5,
    open_time=3,
    close_time=2,
    ping_interval=4,
    ping_timeout=3,
    idle_time=9,
)


def commands() -> st.SearchStrategy[Any]:
    data = st.text(max_size=100) | st.binary(max_size=160)
    return st.one_of(
        data,
        st.builds(Fragment, data, st.booleans()),
        st.builds(Ping, st.binary(max_size=3)),
        st.builds(Pong, st.binary(max_size=3)),
        st.just(Close(4000, "done")),
        st.just(End()),
    )


def nod(event: Event) -> Iterable[object]:
    """What an application says to each message; a Ping, since that may be said at any time."""
    return [Ping(b"heard")] if isinstance(event, Text | Binary | Fragment) else []


def told(wire: Wire, machine: Any, command: Any) -> None:
    """Say what can be said, and no more."""
    with suppress(ClosedError, LocalProtocolError):
        wire.send(machine, command)


def cut(size: int) -> Callable[[bytes], list[bytes]]:
    return lambda data: [data[at : at + size] for at in range(0, len(data), size)]


@st.composite
def wires(draw: st.DrawFn, left: Any, right: Any) -> Wire:
    """Slow, cut into pieces, broken off in the middle, with applications that answer or not."""
    wire = Wire(
        left,
        right,
        delay=draw(st.sampled_from([0, 0.3, 1.7, 5])),
        split=draw(st.sampled_from([None, cut(1), cut(50)])),
        cut_after=draw(st.none() | st.integers(1, 500)),
    )
    for machine in (left, right):
        if draw(st.booleans()):
            wire.answer(machine, nod)
    return wire


def talk(data: st.DataObject, wire: Wire, left: Any, right: Any) -> None:
    for _ in range(data.draw(st.integers(0, 6))):
        told(wire, data.draw(st.sampled_from([left, right])), data.draw(commands()))
        wire.run(until=wire.now + data.draw(st.sampled_from([0, 0.5, 3])))
    wire.run(max_steps=20_000)


def check(wire: Wire, *machines: Any) -> None:
    for machine in machines:
        events = wire.events(machine)
        assert isinstance(events[-1], Closed)
        assert sum(isinstance(event, Closed) for event in events) == 1
        assert sum(isinstance(event, Close) for event in events) <= 1
        assert machine.finished
        assert machine.deadline is None
        assert machine.next_output() is None


@given(st.data())
def test_connections(data: st.DataObject) -> None:
    """Whatever is said, compressed or not; in the end nobody speaks, so somebody closes."""
    ends: list[Connection] = []
    compression = data.draw(st.sampled_from([None, Deflate(threshold=0, peer_window_bits=12)]))
    for role in (Role.CLIENT, Role.SERVER):
        fragments = data.draw(st.booleans())
        ends.append(Connection(role, compression=compression, fragments=fragments, limits=SMALL))
    left, right = ends
    wire = data.draw(wires(left, right))
    talk(data, wire, left, right)
    check(wire, left, right)
    assert left.state is right.state is State.CLOSED


@given(st.data())
def test_openings(data: st.DataObject) -> None:
    """From the first byte on."""
    compression = data.draw(st.sampled_from([None, Deflate(threshold=0)]))
    left = ClientConnection("ws://example.com/", compression=compression, limits=SMALL)
    right = ServerConnection(compression=compression, limits=SMALL)
    wire = data.draw(wires(left, right))
    talk(data, wire, left, right)
    check(wire, left, right)


@given(st.data(), st.sampled_from(Role))
def test_any_peer(data: st.DataObject, role: Role) -> None:
    """That sends anything at any time, and may never end."""
    compression = data.draw(st.sampled_from([None, Deflate()]))
    connection = Connection(role, compression=compression, limits=SMALL)
    now = 0.0
    connection.handle_timeout(now)
    for chunk in data.draw(st.lists(st.binary(max_size=20), max_size=20)):
        now += data.draw(st.sampled_from([0, 1]))
        connection.receive(chunk, now)
        if data.draw(st.booleans()):
            connection.next_event()
    deadlines = 0
    while connection.next_event() is not None or connection.deadline is not None:
        while connection.next_output() is not None:
            pass
        before = connection.deadline
        if before is not None:
            connection.handle_timeout(before)
            assert (connection.deadline or math.inf) > before
            deadlines += 1
            assert deadlines < 20
    assert connection.finished
