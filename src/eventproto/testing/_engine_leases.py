"""What `Leases` are compared with."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, rule

from eventproto.engine import Lease
from eventproto.testing._engine_machine import EngineMachine, handles

__all__ = ["LeasesMachine"]

_keys = st.sampled_from(["a", "a/1", "a/2", "a\0", "b"])
_prefixes = st.sampled_from(["", "a", "a/", "b", "c"])
_data = st.binary(max_size=2)
_offsets = st.none() | st.integers(-2, 12)


class LeasesMachine(EngineMachine):
    """Records that are set, swapped, deleted and left to expire."""

    seen: Bundle[Lease] = Bundle("seen")

    @initialize()
    def begin(self) -> None:
        self.start()
        self.records: dict[str, Lease] = {}
        self.versions: set[tuple[str, str]] = set()

    def current(self, key: str) -> Lease | None:
        lease = self.records.get(key)
        gone = lease is not None and lease.expires is not None and lease.expires <= self.now
        return None if gone else lease

    def stored(self, lease: Lease, data: bytes, expires: float | None) -> Lease:
        assert (lease.data, lease.expires) == (data, expires)
        assert (lease.key, lease.version) not in self.versions, "a version came twice"
        self.versions.add((lease.key, lease.version))
        self.records[lease.key] = lease
        return lease

    def until(self, offset: int | None) -> float | None:
        return None if offset is None else self.now + offset

    @rule(target=seen, handle=handles, key=_keys, data=_data, offset=_offsets)
    def set(self, handle: int, key: str, data: bytes, offset: int | None) -> Lease:
        expires = self.until(offset)
        lease = self.loop.call(lambda: self.engine(handle).leases.set(key, data, expires))
        return self.stored(lease, data, expires)

    @rule(handle=handles, key=_keys)
    def get(self, handle: int, key: str) -> None:
        lease = self.loop.call(lambda: self.engine(handle).leases.get(key))
        assert lease == self.current(key)

    @rule(handle=handles, lease=seen, data=_data, offset=_offsets)
    def swap(self, handle: int, lease: Lease, data: bytes, offset: int | None) -> None:
        expires = self.until(offset)
        fits = lease == self.current(lease.key)
        swapped = self.loop.call(
            lambda: self.engine(handle).leases.swap(lease.key, lease, data, expires)
        )
        assert (swapped is not None) is fits
        if swapped is not None:
            self.stored(swapped, data, expires)

    @rule(key=_keys, offset=_offsets, expecting=st.booleans())
    def swap_together(self, key: str, offset: int | None, expecting: bool) -> None:  # noqa: FBT001  # drawn
        expires = self.until(offset)
        current = self.current(key)
        expected = current if expecting else None
        # What expires at once would be swapped by each in turn.
        fits = expected == current
        swapped = self.loop.together(
            *(
                lambda at=at: self.engine(at % 2).leases.swap(key, expected, bytes([at]), expires)
                for at in range(4)
            )
        )
        winners = [lease for lease in swapped if lease is not None]
        if not fits:
            assert winners == []
        elif expected is not None or expires is None or expires > self.now:
            assert len(winners) == 1, winners
            self.stored(winners[0], winners[0].data, expires)
        else:
            assert len(winners) == 4
            for lease in winners:
                self.stored(lease, lease.data, expires)

    @rule(handle=handles, lease=seen)
    def delete_expected(self, handle: int, lease: Lease) -> None:
        fits = lease == self.current(lease.key)
        deleted = self.loop.call(lambda: self.engine(handle).leases.delete(lease.key, lease))
        assert deleted is fits
        if deleted:
            del self.records[lease.key]

    @rule(handle=handles, key=_keys)
    def delete(self, handle: int, key: str) -> None:
        deleted = self.loop.call(lambda: self.engine(handle).leases.delete(key))
        assert deleted is (self.current(key) is not None)
        if deleted:
            del self.records[key]

    @rule(handle=handles, prefix=_prefixes, after=st.none() | _keys, limit=st.integers(1, 4))
    def scan(self, handle: int, prefix: str, after: str | None, limit: int) -> None:
        found = self.loop.call(lambda: self.engine(handle).leases.scan(prefix, after, limit))
        expected = [
            lease
            for key in sorted(self.records)
            if key.startswith(prefix)
            and (after is None or key > after)
            and (lease := self.current(key)) is not None
        ]
        assert list(found) == expected[:limit]
