"""Leases in memory."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count, islice, takewhile

from typing_extensions import override

from eventproto.engine._checked import CheckedLeases
from eventproto.engine._sorted import SortedStrings
from eventproto.engine._values import Clock, Lease

__all__ = ["MemoryLeases"]


class MemoryLeases(CheckedLeases):
    """See `eventproto.engine.Leases`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[str, Lease] = {}
        self._keys = SortedStrings()
        self._expiries: list[tuple[float, str, str]] = []  # when, key, version
        self._versions = count(1)

    @override
    async def _set(self, key: str, data: bytes, expires: float | None) -> Lease:
        self._expire()
        return self._store(key, data, expires)

    @override
    async def _get(self, key: str) -> Lease | None:
        self._expire()
        return self._records.get(key)

    @override
    async def _delete(self, key: str, expected: Lease | None) -> bool:
        self._expire()
        held = self._records.get(key)
        if held is None or (expected is not None and held.version != expected.version):
            return False
        self._remove(key)
        return True

    @override
    async def _swap(
        self, key: str, expected: Lease | None, data: bytes, expires: float | None
    ) -> Lease | None:
        self._expire()
        held = self._records.get(key)
        if (held and held.version) != (expected and expected.version):
            return None
        return self._store(key, data, expires)

    @override
    async def _scan(self, prefix: str, begin: str, limit: int) -> tuple[Lease, ...]:
        self._expire()
        found = takewhile(lambda key: key.startswith(prefix), self._keys.starting(begin))
        return tuple(self._records[key] for key in islice(found, limit))

    def _store(self, key: str, data: bytes, expires: float | None) -> Lease:
        if key not in self._records:
            self._keys.add(key)
        lease = Lease(key, data, expires, str(next(self._versions)))
        self._records[key] = lease
        if expires is not None:
            heappush(self._expiries, (expires, key, lease.version))
            self._compact()
        self._expire()  # it may have expired before it came
        return lease

    def _remove(self, key: str) -> None:
        del self._records[key]
        self._keys.remove(key)

    def _expire(self) -> None:
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            _, key, version = heappop(self._expiries)
            held = self._records.get(key)
            if held is not None and held.version == version:
                self._remove(key)

    def _compact(self) -> None:
        # Records that are stored again leave entries behind; never more than half.
        if len(self._expiries) > 2 * len(self._records) + 16:
            self._expiries = [
                (each.expires, each.key, each.version)
                for each in self._records.values()
                if each.expires is not None
            ]
            heapify(self._expiries)
