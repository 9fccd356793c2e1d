"""Workers of both runtimes share a queue and are killed at random moments, until all is done.

    python -m tests.engine.faults --engine sqlite --jobs 20000 --kills 60

Every job must be handled at least once. One that was handled more than once must have been held by
a worker that was killed before it could acknowledge, or that was so slow that its lease ended.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from eventproto.engine import Engine, StoreUnavailable
from tests.engine.redis_server import RedisServer

__all__ = ["Outcome", "run_faults"]

Pause = Callable[[float], Awaitable[None]]

QUEUE: Final = "jobs"
BATCH: Final = 8


@dataclass
class Outcome:
    """What happened to the jobs.

    Attributes:
        jobs: How many were put.
        handled: How many of them were handled at least once.
        kills: How many workers were killed.
        held: How many leases the killed workers held when they were.
        late: How many acknowledgements came after the job had gone to somebody else.
        twice: How often a job was handled once more.
        unexplained: The jobs that were handled more often than `held` and `late` explain.
        seconds: How long it took.
    """

    jobs: int
    handled: int
    kills: int
    held: int
    late: int
    twice: int
    unexplained: list[str]
    seconds: float


# A worker: it writes down what it does, in lines that outlive it.


async def work(engine: Engine, journal: int, pause: Pause, lease: float, effort: float) -> None:
    def note(what: str, job: str, token: int) -> None:
        os.write(journal, f"{what} {job} {token}\n".encode())

    while True:
        jobs = await engine.queue.claim(QUEUE, BATCH, lease)
        for job in jobs:
            note("claimed", job.id, job.token)
        for job in jobs:
            await pause(effort)
            note("handled", job.id, job.token)
            note("acked" if await engine.queue.ack(job) else "late", job.id, job.token)
        if not jobs:
            await pause(0.05)


async def worker(runtime: str, address: str, journal: str, lease: float, effort: float) -> None:
    pause: Pause = import_module(runtime).sleep
    driver = import_module(f"eventproto.{runtime}")
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with driver.open_engine(address) as engine:
        while True:
            try:
                await work(engine, file, pause, lease, effort)
            except StoreUnavailable:
                await pause(0.1)


# The one who starts and kills them.


async def put_jobs(address: str, count: int) -> None:
    driver = import_module("eventproto.asyncio")
    async with driver.open_engine(address) as engine:
        for start in range(0, count, 200):
            puts = [engine.queue.put(QUEUE, f"{n}", b"") for n in range(start, start + 200)]
            await asyncio.gather(*puts[: count - start])
            for unused in puts[count - start :]:
                unused.close()


async def all_done(address: str, workers: list[Worker]) -> None:
    async with import_module("eventproto.asyncio").open_engine(address) as engine:
        while (await engine.queue.depth(QUEUE)).open:
            for worker in workers:
                worker.must_run()
            await asyncio.sleep(0.1)


@dataclass
class Worker:
    """One that runs, and where it writes down what it does."""

    runtime: str
    journal: Path
    process: subprocess.Popen[bytes]

    def must_run(self) -> None:
        """Nobody but us ends it."""
        if self.process.poll() is not None:
            msg = f"a worker on {self.runtime} has ended by itself: {self.process.returncode}"
            raise RuntimeError(msg)


def run_faults(
    address: str,
    folder: Path,
    *,
    jobs: int,
    kills: int,
    lease: float,
    effort: float = 0.0,
    seed: int = 0,
) -> Outcome:
    """Run it all.

    Args:
        address: Of the engine.
        folder: Where the workers write down what they do.
        jobs: How many jobs are put.
        kills: How many workers are killed.
        lease: For how many seconds workers claim.
        effort: How many seconds it takes to do a job.
        seed: Of the moments at which they are killed.
    """
    chance = random.Random(seed)
    started = time.monotonic()
    journals: list[Path] = []
    killed: list[Path] = []

    def start(runtime: str) -> Worker:
        journals.append(folder / f"{len(journals)}.journal")
        command = [sys.executable, "-m", "tests.engine.faults", "--worker", runtime]
        command += ["--address", address, "--journal", str(journals[-1])]
        command += ["--lease", str(lease), "--effort", str(effort)]
        return Worker(runtime, journals[-1], subprocess.Popen(command))

    workers = [start(runtime) for runtime in ("asyncio", "trio", "asyncio", "trio")]
    try:
        asyncio.run(put_jobs(address, jobs))
        for _ in range(kills):
            place = chance.randrange(len(workers))
            doomed = workers[place]
            while not doomed.journal.exists():  # it has only just been started
                doomed.must_run()
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.3))
            doomed.process.send_signal(signal.SIGKILL)
            doomed.process.wait()
            killed.append(doomed.journal)
            workers[place] = start(doomed.runtime)
        asyncio.run(all_done(address, workers))
    finally:
        for each in workers:
            each.process.kill()
            each.process.wait()
    return judge(jobs, journals, set(killed), time.monotonic() - started)


def judge(jobs: int, journals: list[Path], killed: set[Path], seconds: float) -> Outcome:
    handled: Counter[str] = Counter()
    excused: Counter[str] = Counter()
    held = late = 0
    for journal in journals:
        claims: dict[tuple[str, str], str] = {}
        for what, job, token in read(journal):
            claims[job, token] = what
            handled[job] += what == "handled"
        for (job, _), last in claims.items():
            late += last == "late"
            if last in {"claimed", "handled"} and journal in killed:
                held += 1
                excused[job] += last == "handled"
            excused[job] += last == "late"
    twice = {job: count - 1 for job, count in handled.items() if count > 1}
    unexplained = [job for job, count in twice.items() if count > excused[job]]
    return Outcome(
        jobs, len(handled), len(killed), held, late, sum(twice.values()), unexplained, seconds
    )


def read(journal: Path) -> Iterator[list[str]]:
    if journal.exists():
        for line in journal.read_text().splitlines():
            yield line.split(" ")


@contextmanager
def engine_of(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty engine of this kind."""
    if kind == "sqlite":
        yield f"sqlite:{folder / 'jobs.db'}"
        return
    server = RedisServer(folder, "--appendonly", "yes", "--appendfsync", "always")
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=["sqlite", "redis"], default="sqlite")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--lease", type=float, default=5.0)
    parser.add_argument("--effort", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", choices=["asyncio", "trio"], help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--journal", help=argparse.SUPPRESS)
    given = parser.parse_args()
    options = given.worker, given.address, given.journal, given.lease, given.effort
    if given.worker == "asyncio":
        asyncio.run(worker(*options))
    elif given.worker == "trio":
        import trio

        trio.run(worker, *options)
    else:
        with TemporaryDirectory() as name, engine_of(given.engine, Path(name)) as address:
            outcome = run_faults(
                address,
                Path(name),
                jobs=given.jobs,
                kills=given.kills,
                lease=given.lease,
                effort=given.effort,
                seed=given.seed,
            )
        for field, found in vars(outcome).items():
            sys.stdout.write(f"{field:12} {found}\n")
        assert outcome.handled == outcome.jobs
        assert outcome.unexplained == []


if __name__ == "__main__":
    main()
