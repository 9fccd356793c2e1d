"""The laws notice machines that break them."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Final

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from typing_extensions import override

from eventproto import (
    EOF,
    Chunk,
    Closed,
    End,
    Event,
    LocalProtocolError,
    Machine,
    RemoteProtocolError,
)
from eventproto._value import value
from eventproto.testing import check_machine
from eventproto.testing._state import state_of

# Not shrinking: that it fails is enough.
QUICK: Final = settings(max_examples=100, stateful_step_count=20, phases=[Phase.generate])


@value()
class Line(Event):
    """One line."""

    text: bytes


class Lines(Machine[bytes | End, Chunk, Chunk]):
    """Reports each line, writes lines, and one of its own every ten seconds."""

    def __init__(self) -> None:
        super().__init__(max_backlog=2)
        self.waiting = bytearray()
        self.ended = False

    @override
    def _on_start(self) -> None:
        self._timers.set("tick", self._now + 10)

    @override
    def _on_send(self, command: Any) -> None:
        if isinstance(command, End):
            self._outputs.append(EOF)
            self._close()
        elif isinstance(command, bytes) and b"\n" not in command:
            self._outputs.append(command + b"\n")
        else:
            msg = f"told a line, not {command!r}"
            raise LocalProtocolError(msg)

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data is EOF:
            self.ended = True
        else:
            self.waiting += data

    @override
    def _parse(self) -> bool:
        line, found, rest = bytes(self.waiting).partition(b"\n")
        if not found:
            if self.ended:
                self._close()
            return False
        if b"\0" in line:
            msg = "NUL"
            raise RemoteProtocolError(msg, code=400)
        self.waiting[:] = rest
        self._events.append(Line(line))
        return True

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._outputs.append(b"tick\n")
        self._on_start()


def check(make: Callable[[], Lines]) -> None:
    chunks: list[Chunk] = [b"a\n", b"b", b"\nc\n\n\nd\n", b"\0\n", EOF]
    commands: list[bytes | End] = [b"a", b"a\nb", End()]
    check_machine(
        make,
        inputs=lambda _: st.sampled_from(chunks),
        commands=lambda _: st.sampled_from(commands),
        settings=QUICK,
    )


def test_a_machine_that_keeps_them_passes() -> None:
    check(Lines)


class ChangesBeforeItRefuses(Lines):
    @override
    def _on_send(self, command: bytes | End) -> None:
        self._outputs.append(b"sent:")
        super()._on_send(command)


class ForgetsAndRefuses(Lines):
    """What no output shows."""

    @override
    def _on_send(self, command: bytes | End) -> None:
        if not isinstance(command, End):
            self.waiting.clear()
        super()._on_send(command)


class RaisesForThePeer(Lines):
    @override
    def _on_receive(self, data: Chunk) -> None:
        if data == b"\0\n":
            raise LocalProtocolError
        super()._on_receive(data)


class RaisesAnythingElse(Lines):
    @override
    def _on_send(self, command: bytes | End) -> None:
        if command == b"a\nb":
            raise ValueError(command)
        super()._on_send(command)


class IsStillDue(Lines):
    @property
    @override
    def deadline(self) -> float | None:
        return None if super().deadline is None else 1010.0


class FiresAgain(Lines):
    @override
    def handle_timeout(self, now: float) -> None:
        super().handle_timeout(now)
        if now > 1015:
            self._outputs.append(b"tick\n")


class FiresEarly(Lines):
    @override
    def handle_timeout(self, now: float) -> None:
        super().handle_timeout(now + 5)


class EndsTwice(Lines):
    @override
    def next_event(self) -> Event | None:
        return super().next_event() or self._closed


class SpeaksAfterItsEnd(Lines):
    @override
    def next_event(self) -> Event | None:
        event = super().next_event()
        if isinstance(event, Closed):
            self._events.append(Line(b"by the way"))
        return event


class TicksAfterItsEnd(Lines):
    @override
    def _close(self, error: Exception | None = None) -> None:
        super()._close(error)
        self._on_start()


class HearsAfterItsEnd(Lines):
    @override
    def receive(self, data: Chunk, now: float) -> None:
        super().receive(data, now)
        if self._closed is not None and data is not EOF:
            self.waiting += data


class TakesCommandsAfterItsEnd(Lines):
    @override
    def send(self, command: bytes | End, now: float) -> None:
        if self._closed is None or isinstance(command, End):
            super().send(command, now)


class RefusesWhatComesTooLate(Lines):
    @override
    def send(self, command: bytes | End, now: float) -> None:
        if self._closed is not None:
            msg = "closed"
            raise LocalProtocolError(msg)
        super().send(command, now)


class FinishesTooEarly(Lines):
    @property
    @override
    def finished(self) -> bool:
        return self.ended or super().finished


class NeverFinishes(Lines):
    @property
    @override
    def finished(self) -> bool:
        return False


class HasABacklogForEver(Lines):
    @property
    @override
    def backlog(self) -> int:
        return super().backlog + bool(self.waiting)


class NeverEnds(Lines):
    @override
    def _on_send(self, command: bytes | End) -> None:
        if not isinstance(command, End):
            super()._on_send(command)

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data is not EOF:
            super()._on_receive(data)


class NeverEndsInSilence(NeverEnds):
    @override
    def _on_start(self) -> None:
        pass


class LosesWhatIsTakenLate(Lines):
    @override
    def _on_receive(self, data: Chunk) -> None:
        if len(self._events) < 2:
            super()._on_receive(data)


class TakesAnything(Lines):
    @override
    def receive(self, data: Any, now: float) -> None:
        if isinstance(data, bytes) or data is EOF:
            super().receive(data, now)


class ObeysAnything(Lines):
    @override
    def _on_send(self, command: Any) -> None:
        if isinstance(command, bytes | End):
            super()._on_send(command)


BROKEN: Final = [
    each
    for each in vars().values()
    if isinstance(each, type) and issubclass(each, Lines) and each is not Lines
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_machine_that_breaks_one_is_noticed(broken: type[Lines]) -> None:
    with pytest.raises((AssertionError, ValueError, LocalProtocolError, ExceptionGroup)):
        check(broken)


def test_states_are_equal_until_something_changes() -> None:
    """However deep, and whatever holds it."""

    class Holder:
        __slots__ = ("content",)

        def __init__(self, content: object) -> None:
            self.content = content

    def numbers() -> Iterator[int]:
        yield 1
        yield 2

    compressor = zlib.compressobj()
    counter = itertools.count()
    generator = numbers()
    buffer = bytearray(b"a")
    changes: list[tuple[object, Callable[[], object]]] = [
        (buffer, lambda: buffer.append(1)),
        (counter, lambda: next(counter)),
        (generator, lambda: next(generator)),
        (compressor, lambda: compressor.compress(b"x")),
    ]
    for content, change in changes:
        deep = {"a": [(Holder(content), {1, 2}, None)]}
        before = state_of(deep)
        assert state_of(deep) == before
        change()
        assert state_of(deep) != before
        hash(before)
