"""What all leases promise, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from eventproto import LocalProtocolError
from eventproto.engine import Lease
from tests.engine.conftest import ManualClock, Open
from tests.engine.steps import together


def keys(found: Iterable[Lease]) -> list[str]:
    return [lease.key for lease in found]


async def test_what_was_set_is_got(open_engine: Open, clock: ManualClock) -> None:
    async with open_engine() as engine:
        leases = engine.leases
        assert await leases.get("k") is None
        lease = await leases.set("k", b"\x00\xff", clock.now + 10)
        assert lease == Lease("k", b"\x00\xff", clock.now + 10, lease.version)
        assert await leases.get("k") == lease
        other = await leases.set("k", b"\x00\xff")
        assert other.version != lease.version
        assert other.expires is None
        assert await leases.get("k") == other
        assert await leases.get("K") is None


async def test_what_has_expired_is_never_seen(open_engine: Open, clock: ManualClock) -> None:
    async with open_engine() as engine:
        leases = engine.leases
        lease = await leases.set("k", b"", clock.now + 10)
        await leases.set("long", b"", clock.now + 20)
        clock.now += 9.5
        assert await leases.get("k") == lease
        clock.now += 0.5
        assert await leases.get("k") is None
        assert keys(await leases.scan()) == ["long"]
        assert not await leases.delete("k")
        assert await leases.swap("k", lease, b"x") is None
        assert await leases.swap("k", None, b"x") is not None


async def test_an_expiry_that_was_replaced_does_not_count(
    open_engine: Open, clock: ManualClock
) -> None:
    async with open_engine() as engine:
        for _ in range(50):
            await engine.leases.set("k", b"", clock.now + 10)
        await engine.leases.set("k", b"x", clock.now + 20)
        await engine.leases.set("for ever", b"x", clock.now + 10)
        await engine.leases.set("for ever", b"x")
        clock.now += 15
        assert keys(await engine.leases.scan()) == ["for ever", "k"]
        clock.now += 15
        assert keys(await engine.leases.scan()) == ["for ever"]


async def test_what_is_set_in_the_past_is_not_there(open_engine: Open, clock: ManualClock) -> None:
    async with open_engine() as engine:
        await engine.leases.set("k", b"first")
        await engine.leases.set("k", b"second", clock.now)
        assert await engine.leases.get("k") is None
        assert await engine.leases.scan() == ()


async def test_what_was_deleted_is_gone(open_engine: Open) -> None:
    """Once; and only if it is what was expected."""
    async with open_engine() as engine:
        leases = engine.leases
        assert not await leases.delete("k")
        first = await leases.set("k", b"")
        second = await leases.set("k", b"")
        assert not await leases.delete("k", first)
        assert await leases.get("k") == second
        assert await leases.delete("k", second)
        assert await leases.get("k") is None
        await leases.set("k", b"")
        assert await leases.delete("k")
        assert not await leases.delete("k")


async def test_compare_and_set(open_engine: Open, clock: ManualClock) -> None:
    """Only one of those who read the same can change it."""
    async with open_engine() as engine:
        leases = engine.leases
        first = await leases.swap("k", None, b"1", clock.now + 10)
        assert first is not None
        assert first == await leases.get("k")
        assert await leases.swap("k", None, b"other") is None
        second = await leases.swap("k", first, b"2")
        assert second is not None
        assert (second.data, second.expires) == (b"2", None)
        assert await leases.swap("k", first, b"other") is None
        assert await leases.get("k") == second


async def test_a_record_that_came_again_is_another_one(open_engine: Open) -> None:
    """Equal data does not make it the same."""
    async with open_engine() as engine:
        first = await engine.leases.set("k", b"same")
        assert await engine.leases.delete("k")
        await engine.leases.set("k", b"same")
        assert await engine.leases.swap("k", first, b"other") is None
        assert not await engine.leases.delete("k", first)


async def test_scanning_in_the_order_of_keys(open_engine: Open) -> None:
    """By code points; by pages, that go on where the last key was even if it has gone."""
    names = ["a", "a/1", "a/10", "a/2", "a/é", "a/\U0001f600", "a0", "b", "B", "a/\0", "a/\uffff"]
    async with open_engine() as engine:
        leases = engine.leases
        for name in names:
            await leases.set(name, name.encode())
        assert keys(await leases.scan()) == sorted(names)
        within = sorted(name for name in names if name.startswith("a/"))
        found = await leases.scan("a/")
        assert [(each.key, each.data) for each in found] == [(n, n.encode()) for n in within]
        assert keys(await leases.scan("a/", limit=2)) == within[:2]
        assert await leases.delete(within[1])
        assert keys(await leases.scan("a/", after=within[1])) == within[2:]
        assert keys(await leases.scan("a/", after="A")) == [within[0], *within[2:]]
        assert await leases.scan("a/", after="b") == ()
        assert await leases.scan("c") == ()


async def test_many_keys_stay_in_order(open_engine: Open) -> None:
    """While others come and go."""
    random = Random(1)
    names = [f"{random.randrange(10**6):06d}" for _ in range(1500)]
    async with open_engine() as engine:
        leases = engine.leases

        async def remove(name: str) -> None:
            assert await leases.delete(name)

        await together(lambda name: leases.set(name, b""), names)
        kept = sorted(set(names))
        assert keys(await leases.scan(limit=2000)) == kept
        await together(remove, kept[100:1400])
        kept[100:1400] = []
        assert keys(await leases.scan(limit=2000)) == kept
        assert keys(await leases.scan(after=kept[99], limit=1)) == kept[100:101]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda leases: leases.set("", b""), "key must be"),
        (lambda leases: leases.set("k", "text"), "data must be bytes"),
        (lambda leases: leases.set("k", b"", float("nan")), "expires must be a finite"),
        (lambda leases: leases.swap("\ud800", None, b""), "key has half"),
        (lambda leases: leases.swap("k", None, b"", float("inf")), "expires must be a finite"),
        (lambda leases: leases.get(""), "key must be"),
        (lambda leases: leases.delete(""), "key must be"),
        (lambda leases: leases.scan("\ud800"), "prefix has half"),
        (lambda leases: leases.scan(limit=0), "limit must be at least 1"),
    ],
)
async def test_what_makes_no_sense_is_refused(open_engine: Open, call: Any, complaint: str) -> None:
    """Before anything has changed."""
    async with open_engine() as engine:
        with pytest.raises(LocalProtocolError, match=complaint):
            await call(engine.leases)
        assert await engine.leases.scan() == ()
