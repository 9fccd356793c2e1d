"""Leases in Redis."""

from __future__ import annotations

from typing_extensions import override

from eventproto._retry import Entropy
from eventproto.engine._checked import CheckedLeases
from eventproto.engine._values import Lease
from eventproto.engine.redis import _leases_scripts as scripts
from eventproto.engine.redis._server import Server, Time, exact, key_of

__all__ = ["RedisLeases"]


class RedisLeases(CheckedLeases):
    """See `eventproto.engine.Leases`."""

    def __init__(self, server: Server, prefix: str, time: Time, entropy: Entropy) -> None:
        self._server = server
        self._time = time
        self._entropy = entropy
        key = key_of(prefix, "leases", "all")
        self._keys = [f"{key}:records", f"{key}:order", f"{key}:expiries"]

    @override
    async def _set(self, key: str, data: bytes, expires: float | None) -> Lease:
        lease = self._lease(key, data, expires)
        await self._store(lease, 0, "")
        return lease

    @override
    async def _get(self, key: str) -> Lease | None:
        found = await self._server.run(scripts.GET, self._keys, self._time(), key)
        return None if found is None else _read(key, *found)

    @override
    async def _delete(self, key: str, expected: Lease | None) -> bool:
        version = "" if expected is None else expected.version
        return bool(await self._server.run(scripts.DELETE, self._keys, self._time(), key, version))

    @override
    async def _swap(
        self, key: str, expected: Lease | None, data: bytes, expires: float | None
    ) -> Lease | None:
        lease = self._lease(key, data, expires)
        version = "" if expected is None else expected.version
        return lease if await self._store(lease, 1, version) else None

    @override
    async def _scan(self, prefix: str, begin: str, limit: int) -> tuple[Lease, ...]:
        found = await self._server.run(scripts.SCAN, self._keys, self._time(), prefix, begin, limit)
        return tuple(_read(key.decode(), *rest) for key, *rest in found)

    def _lease(self, key: str, data: bytes, expires: float | None) -> Lease:
        # Drawn, not counted: a count would begin again when the store is flushed.
        return Lease(key, data, expires, self._entropy(8).hex())

    async def _store(self, lease: Lease, compare: int, version: str) -> bool:
        expires = "" if lease.expires is None else exact(lease.expires)
        return bool(
            await self._server.run(
                scripts.SET,
                self._keys,
                self._time(),
                lease.key,
                lease.data,
                expires,
                lease.version,
                compare,
                version,
            )
        )


def _read(key: str, data: bytes, expires: bytes, version: bytes) -> Lease:
    return Lease(key, data, float(expires) if expires else None, version.decode())
