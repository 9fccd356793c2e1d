"""When to try again: schedules as values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from eventproto._errors import LocalProtocolError
from eventproto._value import value

__all__ = ["Backoff", "Entropy", "Schedule", "Steps", "retry_after"]

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


def retry_after(field: str | None, *, at: float) -> float | None:
    """How long the value of a `Retry-After` field asks to wait (RFC 9110, 10.2.3).

    It may be any number, up to 2**31 seconds: whoever waits has a limit of its own.

    Args:
        field: The value, if there is one: seconds, or a date in any of the three forms of HTTP.
        at: The Unix time at which the response came.

    Returns:
        Seconds from then on, 0.0 for a date that has passed; None if there is no field, or it
        says neither.
    """
    text = (field or "").strip(" \t")
    if _SECONDS(text):
        return min(float(text), _LONGEST)
    date = _http_date(text, at)
    return None if date is None else min(max(date - at, 0.0), _LONGEST)


_LONGEST: Final = 2.0**31  # what counts as infinity (RFC 9111, 1.2.2)
_SECONDS: Final = re.compile(r"[0-9]+").fullmatch
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
# RFC 9110, 5.6.7, without strptime(), to which a locale means other names.
_TIME: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_MONTH: Final = rf"(?P<month>{_MONTHS.replace(' ', '|')})"
_DAY: Final = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY: Final = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_DATES: Final = tuple(
    re.compile(form).fullmatch
    for form in (
        rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


def _http_date(text: str, at: float) -> float | None:
    """The Unix time of a date; None if it is none."""
    found = next(filter(None, (form(text) for form in _DATES)), None)
    if found is None:
        return None
    year, second = int(found["year"]), int(found["second"])
    if len(found["year"]) == 2:
        year = _century(year, at)
    leap = second == 60  # which Unix time does not have
    try:
        date = datetime(
            year,
            _MONTHS.index(found["month"]) // 4 + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            second - leap,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return date.timestamp() + leap


def _century(year: int, at: float) -> int:
    """What two digits mean: of all such years the last one that is not over fifty years ahead."""
    earliest = datetime.fromtimestamp(at, UTC).year - 49
    return earliest + (year - earliest) % 100


def _check_jitter(jitter: float) -> None:
    if not 0 <= jitter <= 1:
        msg = f"jitter is a share from 0 to 1, got {jitter}"
        raise LocalProtocolError(msg)


def _jittered(delay: float, jitter: float, entropy: Entropy) -> float:
    if not jitter:
        return delay
    chance = int.from_bytes(entropy(4), "big") / 2**32
    return delay * (1 - jitter * chance)
