"""The contract test of engines notices what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, Self

import pytest
from hypothesis import Phase, settings
from typing_extensions import override

from eventproto import Message
from eventproto.engine import Job, Lease, MemoryEngine, Page, Retention
from eventproto.testing import check_engine

# Not shrinking: that it fails is enough.
QUICK = settings(max_examples=100, stateful_step_count=30, phases=[Phase.generate])

Break = Callable[[MemoryEngine], None]
Part = Literal["log", "queue", "leases"]

BROKEN: list[tuple[Part, Break]] = []


def changed(part: Part, method: str) -> Callable[[Callable[..., Any]], Break]:
    """An engine in which one method does something else; it is given the true one."""

    def decorate(other: Callable[..., Any]) -> Break:
        def break_engine(engine: MemoryEngine) -> None:
            owner = getattr(engine, part)
            true = getattr(owner, method)

            async def method_instead(*args: Any, **options: Any) -> Any:
                return await other(true, *args, **options)

            setattr(owner, method, method_instead)

        break_engine.__name__ = other.__name__
        BROKEN.append((part, break_engine))
        return break_engine

    return decorate


@changed("log", "read")
async def hides_gaps(read: Any, *args: Any, **options: Any) -> Page:
    page: Page = await read(*args, **options)
    return replace(page, gap=False)


@changed("log", "read")
async def starts_behind_the_oldest(
    read: Any, topic: str, after: Any = None, limit: int = 1
) -> Page:
    page: Page = await read(topic, after, limit)
    return replace(page, records=page.records[1:]) if page.gap else page


@changed("log", "read")
async def has_a_stale_tail(read: Any, *args: Any, **options: Any) -> Page:
    page: Page = await read(*args, **options)
    return replace(page, tail=page.tail[:-16] + "0" * 16)


@changed("log", "append")
async def appends_an_id_twice(append: Any, topic: str, message: Message) -> str:
    cursor: str = await append(topic, replace(message, id=None))
    return cursor


@changed("queue", "put")
async def says_that_it_was_added(put: Any, *args: Any, **options: Any) -> bool:
    await put(*args, **options)
    return True


@changed("queue", "put")
async def ignores_groups(put: Any, *args: Any, group: str | None = None) -> bool:
    added: bool = await put(*args)
    return added


@changed("queue", "claim")
async def has_longer_leases(claim: Any, queue: str, n: int, lease: float) -> tuple[Job, ...]:
    jobs: tuple[Job, ...] = await claim(queue, n, lease + 1)
    return tuple(replace(job, expires=job.expires - 1) for job in jobs)


@changed("queue", "claim")
async def has_one_token(claim: Any, *args: Any) -> tuple[Job, ...]:
    return tuple(replace(job, token=1) for job in await claim(*args))


@changed("queue", "nack")
async def forgets_to_wait(nack: Any, job: Job, due: float, data: bytes | None = None) -> bool:
    counted: bool = await nack(job, 0.0, data)
    return counted


@changed("queue", "next_due")
async def is_late(next_due: Any, queue: str) -> float | None:
    due: float | None = await next_due(queue)
    return None if due is None else due + 2


@changed("queue", "replay")
async def replays_all(replay: Any, queue: str, first: Any, last: Any) -> int:
    many: int = await replay(queue)
    return many


@changed("leases", "swap")
async def sets_instead_of_swapping(swap: Any, key: str, expected: Any, *args: Any) -> Any:
    return await swap(key, await swap.__self__.get(key), *args)


@changed("leases", "set")
async def forgets_expiries(put: Any, key: str, data: bytes, expires: float | None) -> Lease:
    lease: Lease = await put(key, data)
    return replace(lease, expires=expires)


@changed("leases", "scan")
async def scans_without_order(scan: Any, *args: Any) -> tuple[Lease, ...]:
    return tuple(reversed(await scan(*args)))


@pytest.mark.parametrize(("part", "break_engine"), BROKEN, ids=lambda x: getattr(x, "__name__", x))
def test_a_broken_engine_is_noticed(part: Part, break_engine: Break) -> None:
    stores: dict[str, MemoryEngine] = {}

    def open_broken(store: str, **options: Any) -> MemoryEngine:
        if store not in stores:
            stores.clear()
            stores[store] = MemoryEngine(**options)
            break_engine(stores[store])
        return stores[store]

    with pytest.raises((AssertionError, ExceptionGroup)):
        check_engine(open_broken, parts=[part], settings=QUICK)


def test_an_engine_that_forgets_is_noticed() -> None:
    """Opened again, everything must be there."""
    with pytest.raises((AssertionError, ExceptionGroup)):
        check_engine(
            lambda store, **options: MemoryEngine(entropy=bytes, **options),
            parts=["leases"],
            settings=QUICK,
        )


def test_an_engine_that_keeps_too_much_is_noticed() -> None:
    """Retention is a promise, too."""
    stores: dict[str, MemoryEngine] = {}

    def open_hoarder(store: str, **options: Any) -> MemoryEngine:
        options["retention"] = Retention(count=None, size=None)
        return stores.setdefault(store, MemoryEngine(**options))

    with pytest.raises((AssertionError, ExceptionGroup)):
        check_engine(open_hoarder, parts=["log"], settings=QUICK)


def test_an_engine_that_does_not_open_is_an_error() -> None:
    """As it was raised."""

    class Refusing(MemoryEngine):
        @override
        async def __aenter__(self) -> Self:
            msg = "the store is gone"
            raise OSError(msg)

    with pytest.raises(OSError, match="the store is gone"):
        check_engine(lambda store, **options: Refusing(**options), settings=QUICK)
