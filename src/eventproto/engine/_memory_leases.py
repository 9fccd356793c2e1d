"""Leases in memory."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count, islice, takewhile

from eventproto.engine._checks import check_limit, check_name, check_record, check_text
from eventproto.engine._sorted import SortedStrings
from eventproto.engine._values import Clock, Lease

__all__ = ["MemoryLeases"]


class MemoryLeases:
    """See `eventproto.engine.Leases`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[str, Lease] = {}
        self._keys = SortedStrings()
        self._expiries: list[tuple[float, str, str]] = []  # when, key, version
        self._versions = count(1)

    async def set(self, key: str, data: bytes, expires: float | None = None) -> Lease:
        """See `Leases.set`."""
        check_record(key, data, expires)
        self._expire()
        return self._store(key, data, expires)

    async def get(self, key: str) -> Lease | None:
        """See `Leases.get`."""
        check_name("key", key)
        self._expire()
        return self._records.get(key)

    async def delete(self, key: str, expected: Lease | None = None) -> bool:
        """See `Leases.delete`."""
        check_name("key", key)
        self._expire()
        held = self._records.get(key)
        if held is None or (expected is not None and held.version != expected.version):
            return False
        self._remove(key)
        return True

    async def swap(
        self, key: str, expected: Lease | None, data: bytes, expires: float | None = None
    ) -> Lease | None:
        """See `Leases.swap`."""
        check_record(key, data, expires)
        self._expire()
        held = self._records.get(key)
        if (held and held.version) != (expected and expected.version):
            return None
        return self._store(key, data, expires)

    async def scan(
        self, prefix: str = "", after: str | None = None, limit: int = 100
    ) -> tuple[Lease, ...]:
        """See `Leases.scan`."""
        check_text("prefix", prefix)
        check_limit("limit", limit, 1)
        self._expire()
        # What comes next behind a string is that string with a zero character behind it.
        begin = prefix if after is None else max(prefix, after + "\0")
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
