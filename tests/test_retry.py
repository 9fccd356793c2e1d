"""Schedules: when to try again."""

from __future__ import annotations

import locale
import random
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Backoff, LocalProtocolError, Schedule, Steps, retry_after

positive = st.floats(min_value=0.001, max_value=1e6)
shares = st.floats(min_value=0, max_value=1)


def never(count: int) -> bytes:
    """Entropy that chance gives at one end."""
    return b"\x00" * count


def always(count: int) -> bytes:
    """And at the other."""
    return b"\xff" * count


def test_backoff_grows_to_its_ceiling() -> None:
    """Exponentially, and without jitter exactly."""
    backoff = Backoff(initial=1, factor=3, ceiling=20, jitter=0)
    assert [backoff.delay(attempt, never) for attempt in range(1, 6)] == [1, 3, 9, 20, 20]
    assert backoff.delay(10_000, never) == 20
    assert Backoff(jitter=0).delay(10_000, never) == 60  # more than a float can hold


def test_backoff_gives_up_after_its_attempts() -> None:
    """The last attempt has no delay behind it."""
    backoff = Backoff(attempts=3, jitter=0)
    assert [backoff.delay(attempt, never) for attempt in range(1, 6)] == [1, 2, None, None, None]


def test_steps() -> None:
    """One delay after the other, then the end."""
    steps = Steps((5, 1, 9))
    assert [steps.delay(attempt, never) for attempt in range(1, 6)] == [5, 1, 9, None, None]
    assert Steps(()).delay(1, never) is None


@pytest.mark.parametrize("schedule", [Backoff(initial=10, jitter=0.5), Steps((10,), jitter=0.5)])
def test_jitter_is_a_share_of_the_delay(schedule: Schedule) -> None:
    """It only makes delays shorter, so that the ceiling holds."""
    assert schedule.delay(1, never) == 10
    assert schedule.delay(1, always) == pytest.approx(5)


@given(positive, st.floats(min_value=1, max_value=10), positive, shares, st.integers())
def test_delays_stay_in_bounds(
    initial: float, factor: float, ceiling: float, jitter: float, seed: int
) -> None:
    """Never negative, never above the ceiling, never falling before chance comes in."""
    backoff = Backoff(initial, factor, ceiling, jitter=jitter)
    entropy = random.Random(seed).randbytes
    for attempt in range(1, 40):
        delay = backoff.delay(attempt, entropy)
        assert delay is not None
        assert 0 <= delay <= ceiling
    steady = Backoff(initial, factor, ceiling, jitter=0)
    delays = [steady.delay(attempt, entropy) for attempt in range(1, 40)]
    assert all(
        first is not None and second is not None and first <= second
        for first, second in pairwise(delays)
    )


def test_the_same_entropy_gives_the_same_delays() -> None:
    """Simulations repeat themselves."""
    first, second = (
        [Backoff().delay(attempt, entropy) for attempt in range(1, 9)]
        for entropy in (random.Random(1).randbytes, random.Random(1).randbytes)
    )
    assert first == second
    assert len(set(first)) > 1


@pytest.mark.parametrize(
    "wrong",
    [
        *({"initial": 0}, {"initial": -1}, {"factor": 0.5}, {"ceiling": 0}, {"jitter": -0.1}),
        *({"jitter": 1.1}, {"initial": float("nan")}, {"jitter": float("nan")}),
    ],
)
def test_a_backoff_is_checked(wrong: dict[str, Any]) -> None:
    """A schedule that would be none is refused where it is made."""
    with pytest.raises(LocalProtocolError):
        Backoff(**wrong)


@pytest.mark.parametrize("delays", [(0,), (1, -1), (float("nan"),)])
def test_steps_are_checked(delays: tuple[float, ...]) -> None:
    """As above."""
    with pytest.raises(LocalProtocolError):
        Steps(delays)
    with pytest.raises(LocalProtocolError):
        Steps((1,), jitter=2)


NOON = datetime(1994, 11, 6, 12, tzinfo=UTC).timestamp()  # a Sunday


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7\t", 7),
        ("007", 7),
        ("2147483648", 2**31),
        ("2147483649", 2**31),
        ("9" * 100_000, 2**31),
        ("0" * 100_000, 0),
    ],
)
def test_retry_after_in_seconds(field: str, seconds: float) -> None:
    """Any number of digits; what is too much counts as the most that there is."""
    assert retry_after(field, at=NOON) == seconds


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("Sun, 06 Nov 1994 12:01:40 GMT", 100),
        ("Sunday, 06-Nov-94 12:01:40 GMT", 100),
        ("Sun Nov  6 12:01:40 1994", 100),
        ("Wed Nov 16 12:00:00 1994", 10 * 86400),
        ("Sun, 06 Nov 1994 11:59:59 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 0),
        ("Sun, 06 Nov 1994 12:00:60 GMT", 60),  # a leap second
        ("Sat, 31 Dec 9999 23:59:59 GMT", 2**31),
        ("Mon, 06 Nov 1994 12:01:40 GMT", 100),  # whatever day that was
        ("Tuesday, 06-Nov-45 12:00:00 GMT", 0),
        ("Sunday, 06-Nov-44 12:00:00 GMT", 18263 * 86400),
    ],
)
def test_retry_after_a_date(field: str, seconds: float) -> None:
    """In the three forms that HTTP has for one (RFC 9110, 5.6.7)."""
    assert retry_after(field, at=NOON) == seconds


@pytest.mark.parametrize(("year", "means"), [(50, 2050), (49, 2049), (51, 1951), (0, 2000)])
def test_two_digits_of_a_year(year: int, means: int) -> None:
    """No year that is more than fifty years ahead, also across a century."""
    at = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
    found = retry_after(f"Monday, 01-Jan-{year:02} 00:00:00 GMT", at=at)
    expected = datetime(means, 1, 1, tzinfo=UTC).timestamp() - at
    assert found == max(expected, 0)


@pytest.mark.parametrize(
    "field",
    [
        *(
            None,
            "",
            " ",
            "soon",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "1_000",
            "0x1",
            "1 2",
            "1,2",
            "inf",
            "nan",
        ),
        *("\u0661", "\u00b2", "\uff11", "1\n", "\u00a01", "\ud800", "1\0"),
        "Sun, 06 Nov 1994 12:01:40",
        "Sun, 06 Nov 1994 12:01:40 +0000",
        "Sun, 06 Nov 1994 12:01:40 UTC",
        "Sun, 6 Nov 1994 12:01:40 GMT",
        "sun, 06 nov 1994 12:01:40 gmt",
        "So, 06 Nov 1994 12:01:40 GMT",
        "Sun, 06 Now 1994 12:01:40 GMT",
        "Sun, 00 Nov 1994 12:01:40 GMT",
        "Sun, 31 Nov 1994 12:01:40 GMT",
        "Tue, 29 Feb 1994 12:01:40 GMT",
        "Sun, 06 Nov 0000 12:01:40 GMT",
        "Sun, 06 Nov 1994 24:01:40 GMT",
        "Sun, 06 Nov 1994 12:60:40 GMT",
        "Sun, 06 Nov 1994 12:01:61 GMT",
        "Sun, 06 Nov 19940 12:01:40 GMT",
        "Sun, \u0660\u0666 Nov 1994 12:01:40 GMT",
        "Sun,  06 Nov 1994 12:01:40 GMT",
        "Sun, 06-Nov-94 12:01:40 GMT",
        "Sun Nov 6 12:01:40 1994",
        "1994-11-06T12:01:40Z",
        "Sun, 06 Nov 1994 12:01:40 GMT" * 1000,
    ],
)
def test_retry_after_that_says_nothing(field: str | None) -> None:
    """It is as if it were not there."""
    assert retry_after(field, at=NOON) is None


@given(st.text() | st.text("SunMoT,: 0123456789-GMTNov"))
def test_retry_after_may_be_any_text(field: str) -> None:
    """It never raises, and never asks for the impossible."""
    seconds = retry_after(field, at=NOON)
    assert seconds is None or 0 <= seconds <= 2**31


def test_retry_after_knows_no_locale() -> None:
    """A German November is another month."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_ALL, name)
            except locale.Error:
                continue
            assert retry_after("Sun, 06 Nov 1994 12:01:40 GMT", at=NOON) == 100
    finally:
        locale.setlocale(locale.LC_ALL, before)
