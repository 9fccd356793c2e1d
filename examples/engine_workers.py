"""Workers of one queue, one of which dies: its job is done by another one, once its lease ends.

The second argument may be the address of an engine; it is a SQLite file unless given. The runtime
is the first one: `asyncio` (the default) or `trio`.

It prints::

    a claims job 1, attempt 1
    a is gone
    b claims job 1, attempt 2
    b is done with job 1
    a is too late
    b claims job 2, attempt 1
    b is done with job 2
    open jobs: 0
"""

import asyncio
import sys
from importlib import import_module
from types import ModuleType

from eventproto.engine import Engine, Job


async def claim(name: str, engine: Engine, lease: float) -> list[Job]:
    jobs = await engine.queue.claim("mail", lease=lease)
    for job in jobs:
        print(f"{name} claims job {job.id}, attempt {job.attempt}")
    return list(jobs)


async def main(driver: ModuleType, runtime: ModuleType, address: str) -> None:
    # As two processes would have it: an engine each, on one store.
    async with driver.open_engine(address) as a, driver.open_engine(address) as b:
        for number in (1, 2):
            # Jobs of one group are done one after the other.
            await a.queue.put("mail", str(number), b"hello", group="customer 7")

        (lost,) = await claim("a", a, lease=0.2)
        print("a is gone")

        while (await b.queue.depth("mail")).open:
            for job in await claim("b", b, lease=60.0):
                await b.queue.ack(job)
                print(f"b is done with job {job.id}")
                if job.id == lost.id and not await a.queue.ack(lost):
                    print("a is too late")
            await runtime.sleep(0.05)
        print("open jobs:", (await b.queue.depth("mail")).open)


chosen = sys.argv[1] if len(sys.argv) > 1 else "asyncio"
where = sys.argv[2] if len(sys.argv) > 2 else "sqlite:jobs.db"
arguments = import_module(f"eventproto.{chosen}"), import_module(chosen), where
if chosen == "trio":
    import_module("trio").run(main, *arguments)
else:
    asyncio.run(main(*arguments))
