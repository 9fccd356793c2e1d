"""What goes into an engine and comes out of it, beside messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto._value import value

__all__ = [
    "Clock",
    "DeadLetter",
    "Depth",
    "Job",
    "Lease",
    "Page",
    "Record",
    "Retention",
    "RetentionChoice",
]

Clock: TypeAlias = Callable[[], float]
"""Where an engine reads the time: Unix time, in seconds."""


@value()
class Record:
    """A message at its place in a topic.

    Attributes:
        cursor: Where it stands: opaque, short, of ASCII letters, digits and `-`. The cursors of
            one topic are strictly increasing, as strings too while the epoch is the same.
        message: What was appended. It always has an id: its own, or the cursor.
    """

    cursor: str
    message: Message


@value()
class Page:
    """What a log answered to one `Log.read`.

    Attributes:
        records: What was found, oldest first.
        gap: Whether something behind `after` is no longer there, or `after` is unknown. The
            records then start at the oldest one that is left.
        tail: The cursor of the newest record that there was at the time of the read. Reading from
            it goes on exactly behind that record; so it does for a topic that is empty.
    """

    records: tuple[Record, ...]
    gap: bool
    tail: str


@value(kw_only=True)
class Retention:
    """What a topic keeps; the oldest records go first. None is no bound.

    Attributes:
        count: How many records. 10,000 unless said, so that a topic nobody looks after is bounded.
        size: How many bytes of `Message.data`. 64 MiB unless said, for the same reason. The newest
            record is kept even if it alone is larger.
        age: For how many seconds. None unless said.

    Raises:
        LocalProtocolError: A bound is not positive.
    """

    count: int | None = 10_000
    size: int | None = 64 * 1024 * 1024
    age: float | None = None

    def __post_init__(self) -> None:
        for name in ("count", "size", "age"):
            bound = getattr(self, name)
            if bound is not None and not bound > 0:
                msg = f"retention {name} must be positive or None, got {bound!r}"
                raise LocalProtocolError(msg)


RetentionChoice: TypeAlias = Retention | Callable[[str], Retention]
"""What every topic keeps, or a function that says it for a topic."""


@value()
class Job:
    """Work that one worker has claimed until `expires`.

    Attributes:
        queue: The queue it is in.
        id: What tells it from the other jobs of its queue.
        data: What is to be done, in the application's own words.
        group: Jobs of one group are done one after the other, in the order in which they were put.
        attempt: How many times it has been claimed, this one included; 1 again after a replay.
        token: The fencing token: larger with each claim of its queue, also after the store was
            flushed or restored. What a worker writes elsewhere under it can be refused there once
            a larger one was seen.
        expires: When others may claim it, in Unix time.
    """

    queue: str
    id: str
    data: bytes
    group: str | None
    attempt: int
    token: int
    expires: float


@value()
class DeadLetter:
    """A job that was given up.

    Attributes:
        number: Its place among the dead letters of its queue: larger with each burial.
        id: That of the job.
        data: That of the job, when it was buried.
        group: That of the job.
        attempt: How many times it had been claimed.
        reason: Why it was given up.
        at: When it was buried, in Unix time.
    """

    number: int
    id: str
    data: bytes
    group: str | None
    attempt: int
    reason: str
    at: float


@value()
class Depth:
    """How much a queue holds.

    Attributes:
        open: Jobs that are waiting or claimed.
        dead: Dead letters.
    """

    open: int
    dead: int


@value()
class Lease:
    """A record that may expire.

    Attributes:
        key: What it is stored under.
        data: What is stored.
        expires: From when on it is gone, in Unix time; None for never.
        version: Differs after each change, opaque: what `Leases.swap` compares.
    """

    key: str
    data: bytes
    expires: float | None
    version: str
