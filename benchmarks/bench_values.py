"""What one immutable event costs, against the other ways to make one."""

from __future__ import annotations

from dataclasses import dataclass
from timeit import repeat
from typing import TYPE_CHECKING, NamedTuple

from eventproto._value import value

if TYPE_CHECKING:
    from collections.abc import Callable


@value()
class Value:
    """As in this library."""

    data: str
    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """The standard library's immutable class."""

    data: str
    type: str
    id: str


@dataclass(slots=True)
class Mutable:
    """The floor: what a slotted object costs without immutability."""

    data: str
    type: str
    id: str


class Tuple(NamedTuple):
    """Immutable, but equal to any other tuple of the same items."""

    data: str
    type: str
    id: str


def main() -> None:
    """Print the time of one construction, and its ratio to the frozen dataclass."""
    makers: list[Callable[[str, str, str], object]] = [Frozen, Value, Tuple, Mutable]
    times = {make.__name__: _seconds(make) for make in makers}
    for name, seconds in times.items():
        ratio = seconds / times["Frozen"]
        print(f"{name:8} {seconds * 1e9:6.0f} ns  {ratio:.2f}x a frozen dataclass")


def _seconds(make: Callable[[str, str, str], object], number: int = 200_000) -> float:
    return min(repeat(lambda: make("data", "message", "1"), number=number, repeat=5)) / number


if __name__ == "__main__":
    main()
