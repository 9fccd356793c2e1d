"""All the state that any role needs: a log, a queue, and leases, in one store.

An application is written to `Engine` and starts with `MemoryEngine`; the other engines keep the
same promises in a file or on a server.
"""

from eventproto.engine._errors import (
    EngineError,
    StoreCorrupted,
    StoreFull,
    StoreUnavailable,
    StoreVersionError,
)
from eventproto.engine._interface import Engine, Hint, Leases, Log, Queue
from eventproto.engine._memory import MemoryEngine
from eventproto.engine._threads import Soon, Threads
from eventproto.engine._values import (
    Clock,
    DeadLetter,
    Depth,
    Job,
    Lease,
    Page,
    Record,
    Retention,
    RetentionChoice,
)

__all__ = [
    "Clock",
    "DeadLetter",
    "Depth",
    "Engine",
    "EngineError",
    "Hint",
    "Job",
    "Lease",
    "Leases",
    "Log",
    "MemoryEngine",
    "Page",
    "Queue",
    "Record",
    "Retention",
    "RetentionChoice",
    "Soon",
    "StoreCorrupted",
    "StoreFull",
    "StoreUnavailable",
    "StoreVersionError",
    "Threads",
]
