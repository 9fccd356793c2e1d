"""What one immutable event costs, against the other ways to make one."""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, Final, NamedTuple

from eventproto._value import constructor, value

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBER: Final = 50_000
_ROUNDS: Final = 20


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
    makers: dict[str, Callable[[str, str, str], object]] = {
        "Frozen": Frozen,
        "Value": Value,
        "Tuple": Tuple,
        "constructor(Value)": constructor(Value),
        "Mutable": Mutable,
    }
    times = dict.fromkeys(makers, float("inf"))
    for _ in range(_ROUNDS):  # in turns, so that a busy machine slows all alike
        for name, make in makers.items():
            times[name] = min(times[name], _seconds(make))
    for name, seconds in times.items():
        ratio = seconds / times["Frozen"]
        print(f"{name:18} {seconds * 1e9:6.0f} ns  {ratio:.2f}x a frozen dataclass")


def _seconds(make: Callable[[str, str, str], object]) -> float:
    start = process_time()
    for _ in range(_NUMBER):
        make("data", "message", "1")
    return (process_time() - start) / _NUMBER


if __name__ == "__main__":
    main()
