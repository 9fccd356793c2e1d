"""What can go wrong with a store, beside what is wrong with a call."""

from __future__ import annotations

from eventproto._errors import EventprotoError

__all__ = ["EngineError", "StoreCorrupted", "StoreFull", "StoreUnavailable", "StoreVersionError"]


class EngineError(EventprotoError):
    """The store could not do what it was asked for; `__cause__` is its own error, if any.

    Whatever an engine had confirmed before is not touched by this.
    """


class StoreUnavailable(EngineError):
    """The store cannot be reached or is busy for too long. Ask again: every call may be repeated.

    Whether the call was carried out is not known.
    """


class StoreFull(EngineError):
    """The store has no room left. Nothing has changed; make room and ask again."""


class StoreCorrupted(EngineError):
    """What the store holds is not what an engine wrote. It has been left as it is."""


class StoreVersionError(EngineError):
    """A later version of this library wrote the store. It has been left as it is."""
