"""What every engine refuses in the arguments of a call, before anything has changed."""

from __future__ import annotations

from math import isfinite

from eventproto._errors import LocalProtocolError

__all__ = [
    "check_data",
    "check_lease",
    "check_limit",
    "check_name",
    "check_put",
    "check_record",
    "check_remember",
    "check_text",
    "check_time",
]


def check_name(what: str, name: object) -> None:
    """A string that is not empty and can be written as UTF-8."""
    if not isinstance(name, str) or not name:
        msg = f"{what} must be a string that is not empty, got {name!r:.80}"
        raise LocalProtocolError(msg)
    check_text(what, name)


def check_text(what: str, text: str) -> None:
    """A string that can be written as UTF-8."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            msg = f"{what} has half of a surrogate pair at index {error.start}"
            raise LocalProtocolError(msg) from error


def check_data(data: object) -> None:
    """Bytes, and nothing that only looks like them: what is stored must not change any more."""
    if data.__class__ is not bytes:
        msg = f"data must be bytes, not {type(data).__name__}"
        raise LocalProtocolError(msg)


def check_limit(what: str, limit: int, least: int) -> None:
    """A number of things."""
    if limit < least:
        msg = f"{what} must be at least {least}, got {limit!r}"
        raise LocalProtocolError(msg)


def check_time(what: str, time: float) -> None:
    """A point in time."""
    if not isfinite(time):
        msg = f"{what} must be a finite number of seconds, got {time!r}"
        raise LocalProtocolError(msg)


def check_lease(lease: float) -> None:
    """A time that passes."""
    if not (isfinite(lease) and lease > 0):
        msg = f"a lease must last for a positive number of seconds, got {lease!r}"
        raise LocalProtocolError(msg)


def check_remember(remember: float) -> None:
    """For how long an id is known."""
    if not remember >= 0:
        msg = f"remember must be a number of seconds from 0, got {remember!r}"
        raise LocalProtocolError(msg)


def check_put(queue: str, job_id: str, data: bytes, due: float | None, group: str | None) -> None:
    """The arguments of `Queue.put`."""
    check_name("queue", queue)
    check_name("job_id", job_id)
    check_data(data)
    if due is not None:
        check_time("due", due)
    if group is not None:
        check_name("group", group)


def check_record(key: str, data: bytes, expires: float | None) -> None:
    """The arguments of `Leases.set`."""
    check_name("key", key)
    check_data(data)
    if expires is not None:
        check_time("expires", expires)
