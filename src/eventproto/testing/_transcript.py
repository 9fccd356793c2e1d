"""Feeding one byte-stream machine, and the law that no chunking changes what it reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from eventproto import EOF, Chunk, Event, Machine

__all__ = ["Transcript", "check_chunking", "comparable", "feed"]

MachineT = TypeVar("MachineT", bound=Machine[Any, Chunk, Chunk])
AnyStream: TypeAlias = Machine[Any, Chunk, Chunk]


@dataclass(frozen=True, slots=True)
class Transcript(Generic[MachineT]):
    """What came out of a machine.

    Attributes:
        machine: The machine, as it was left.
        events: All events, in order.
        output: All bytes it wrote, joined.
        ended: Whether it wrote EOF.
    """

    machine: MachineT
    events: tuple[Event, ...]
    output: bytes
    ended: bool


def feed(machine: MachineT, chunks: Iterable[Chunk], *, now: float = 0.0) -> Transcript[MachineT]:
    """Give a machine each chunk in turn, and after each take all its events and output.

    Args:
        machine: Any machine on a byte-stream wire.
        chunks: What the wire brings; EOF for its end.
        now: The time at which it all happens, in seconds.
    """
    events: list[Event] = []
    output = bytearray()
    machine.handle_timeout(now)
    ended = _drain(machine, events, output)
    for chunk in chunks:
        machine.receive(chunk, now)
        ended |= _drain(machine, events, output)
    return Transcript(machine, tuple(events), bytes(output), ended)


def check_chunking(
    make_machine: Callable[[], AnyStream],
    data: bytes,
    *chunkings: Sequence[bytes],
    eof: bool = True,
) -> tuple[Event, ...]:
    """Check that a machine reports and writes the same however its input is cut.

    The input is given whole, byte by byte, and in each of the given chunkings.

    Args:
        make_machine: Makes a new machine, the same each time.
        data: The whole input.
        chunkings: Further ways to cut it; `eventproto.strategies.chunkings` draws them.
        eof: Whether the input ends with EOF.

    Returns:
        The events.

    Raises:
        AssertionError: Two ways to cut the input differ.
    """
    end: list[Chunk] = [EOF] if eof else []
    whole = feed(make_machine(), [data, *end])
    expected = [comparable(event) for event in whole.events]
    single = [data[at : at + 1] for at in range(len(data))]
    for chunks in (single, *chunkings):
        cut = feed(make_machine(), [*chunks, *end])
        found = [comparable(event) for event in cut.events]
        if (found, cut.output, cut.ended) != (expected, whole.output, whole.ended):
            msg = (
                f"cut into {list(chunks)[:50]} the input gives\n{found}, {cut.output!r}\n"
                f"but whole it gives\n{expected}, {whole.output!r}"
            )
            raise AssertionError(msg)
    return whole.events


def comparable(thing: object) -> object:
    """An event, or anything in one, in a form in which equal errors are equal.

    Exceptions compare by identity; here they become their type, text and code.
    """
    if isinstance(thing, BaseException):
        return type(thing), str(thing), getattr(thing, "code", None)
    if is_dataclass(thing) and not isinstance(thing, type):
        parts = (comparable(getattr(thing, each.name)) for each in fields(thing))
        return type(thing), *parts
    return thing


def _drain(machine: AnyStream, events: list[Event], output: bytearray) -> bool:
    """Take all there is; taking an event may make output, and the other way round."""
    ended = False
    moved = True
    while moved:
        moved = False
        while (event := machine.next_event()) is not None:
            events.append(event)
            moved = True
        while (chunk := machine.next_output()) is not None:
            if chunk is EOF:
                ended = True
            else:
                output += chunk
            moved = True
    return ended
