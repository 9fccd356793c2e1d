"""When to try again: schedules as values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from eventproto._errors import LocalProtocolError
from eventproto._value import value

__all__ = ["Backoff", "Entropy", "Schedule", "Steps"]

Entropy = Callable[[int], bytes]
"""A source of randomness, such as `os.urandom`; `random.Random(seed).randbytes` repeats itself."""


class Schedule(Protocol):
    """How long to wait before each new attempt."""

    def delay(self, attempt: int, entropy: Entropy) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1); None means give up."""
        ...


@value()
class Backoff:
    """Exponentially growing delays with a ceiling and full jitter.

    Attributes:
        initial: The first delay, in seconds, before jitter.
        factor: What each delay is multiplied with to give the next one.
        ceiling: The longest delay, in seconds.
        attempts: How many attempts there are in all; None for no end.
        jitter: The share of each delay that chance decides, 0 to 1. At 1, the default, many
            clients that lost one server come back spread over the whole delay.
    """

    initial: float = 1.0
    factor: float = 2.0
    ceiling: float = 60.0
    attempts: int | None = None
    jitter: float = 1.0

    def __post_init__(self) -> None:
        if not (self.initial > 0 and self.factor >= 1 and self.ceiling > 0):
            msg = f"a backoff needs positive delays and a factor of at least 1, got {self}"
            raise LocalProtocolError(msg)
        _check_jitter(self.jitter)

    def delay(self, attempt: int, entropy: Entropy) -> float | None:
        """See `Schedule`."""
        if self.attempts is not None and attempt >= self.attempts:
            return None
        try:
            grown = self.initial * self.factor ** (attempt - 1)
        except OverflowError:
            grown = self.ceiling
        return _jittered(min(grown, self.ceiling), self.jitter, entropy)


@value()
class Steps:
    """A fixed list of delays, then the end.

    Attributes:
        delays: Seconds before the second attempt, the third, and so on.
        jitter: The share of each delay that chance decides, 0 to 1.
    """

    delays: tuple[float, ...]
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if any(not each > 0 for each in self.delays):
            msg = f"delays must be positive, got {self.delays}"
            raise LocalProtocolError(msg)
        _check_jitter(self.jitter)

    def delay(self, attempt: int, entropy: Entropy) -> float | None:
        """See `Schedule`."""
        if attempt > len(self.delays):
            return None
        return _jittered(self.delays[attempt - 1], self.jitter, entropy)


def _check_jitter(jitter: float) -> None:
    if not 0 <= jitter <= 1:
        msg = f"jitter is a share from 0 to 1, got {jitter}"
        raise LocalProtocolError(msg)


def _jittered(delay: float, jitter: float, entropy: Entropy) -> float:
    if not jitter:
        return delay
    chance = int.from_bytes(entropy(4), "big") / 2**32
    return delay * (1 - jitter * chance)
