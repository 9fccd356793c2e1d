"""What every engine refuses in the arguments of a call, before anything has changed."""

from __future__ import annotations

from math import isfinite
from typing import Final

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto.engine._values import Job, Lease

__all__ = [
    "check_data",
    "check_expected",
    "check_job",
    "check_lease",
    "check_limit",
    "check_message",
    "check_name",
    "check_number",
    "check_place",
    "check_remember",
    "check_text",
    "check_time",
]

_MOST: Final = 2**31 - 1  # no page is so long, and every store can count so far
_LAST: Final = 2**53 - 1  # the largest whole number that is exact in every store


def check_name(what: str, name: object) -> None:
    """A string that is not empty and can be written as UTF-8."""
    if not isinstance(name, str) or not name:
        msg = f"{what} must be a string that is not empty, got {name!r:.80}"
        raise LocalProtocolError(msg)
    check_text(what, name)


def check_text(what: str, text: object) -> None:
    """A string that can be written as UTF-8."""
    if not isinstance(text, str):
        msg = f"{what} must be a string, not {type(text).__name__}"
        raise LocalProtocolError(msg)
    if (index := _surrogate(text)) is not None:
        msg = f"{what} has half of a surrogate pair at index {index}"
        raise LocalProtocolError(msg)


def check_place(after: object) -> str | None:
    """A place in a topic; what no store can look up is as unknown as the empty string."""
    if after is None:
        return None
    if not isinstance(after, str):
        msg = f"after must be a cursor, an id or None, not {type(after).__name__}"
        raise LocalProtocolError(msg)
    return after if _surrogate(after) is None else ""


def check_data(data: object) -> None:
    """Bytes, and nothing that only looks like them: what is stored must not change any more."""
    if data.__class__ is not bytes:
        msg = f"data must be bytes, not {type(data).__name__}"
        raise LocalProtocolError(msg)


def check_limit(what: str, limit: object, least: int) -> int:
    """A number of things, cut down to one that every store can count to."""
    number = _whole(what, limit)
    if number < least:
        msg = f"{what} must be at least {least}, got {number!r:.80}"
        raise LocalProtocolError(msg)
    return min(number, _MOST)


def check_number(what: str, number: object) -> int:
    """The number of a dead letter, or one beyond all that there may be."""
    return max(0, min(_whole(what, number), _LAST))


def check_time(what: str, time: float) -> float:
    """A point in time."""
    try:
        finite = isfinite(time)
    except (TypeError, OverflowError):
        finite = False
    if not finite:
        msg = f"{what} must be a finite number of seconds, got {time!r:.80}"
        raise LocalProtocolError(msg)
    return float(time)


def check_lease(lease: float) -> float:
    """A time that passes."""
    seconds = check_time("lease", lease)
    if seconds <= 0:
        msg = f"a lease must last for a positive number of seconds, got {lease!r}"
        raise LocalProtocolError(msg)
    return seconds


def check_remember(remember: float) -> None:
    """For how long an id is known."""
    if not remember >= 0:
        msg = f"remember must be a number of seconds from 0, got {remember!r}"
        raise LocalProtocolError(msg)


def check_message(message: object) -> None:
    """A message, which has checked itself."""
    if not isinstance(message, Message):
        msg = f"a log takes a Message, not {type(message).__name__}"
        raise LocalProtocolError(msg)


def check_job(job: object) -> None:
    """A job as it was claimed, or at least as it might have been."""
    if not isinstance(job, Job):
        msg = f"what was claimed must be a Job, not {type(job).__name__}"
        raise LocalProtocolError(msg)
    check_name("queue", job.queue)
    check_name("job_id", job.id)
    if not 0 < _whole("token", job.token) <= _LAST:
        msg = f"the token of a claim is from 1 to {_LAST}, got {job.token!r:.80}"
        raise LocalProtocolError(msg)


def check_expected(expected: object) -> None:
    """What a record is compared with."""
    if expected is None:
        return
    if not isinstance(expected, Lease):
        msg = f"expected must be a Lease or None, not {type(expected).__name__}"
        raise LocalProtocolError(msg)
    check_name("version", expected.version)


def _whole(what: str, number: object) -> int:
    if not isinstance(number, int):
        msg = f"{what} must be a whole number, not {type(number).__name__}"
        raise LocalProtocolError(msg)
    return number


def _surrogate(text: str) -> int | None:
    """Where there is what UTF-8 cannot write."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return error.start
    return None
