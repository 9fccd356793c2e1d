"""The contract of an engine, as a test."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from eventproto.testing._engine_factory import EngineFactory
from eventproto.testing._loop import loop_of

if TYPE_CHECKING:
    from hypothesis import settings as Settings  # noqa: N812  # as a type

__all__ = ["check_engine"]


def check_engine(
    factory: EngineFactory,
    *,
    parts: Collection[Literal["log", "queue", "leases"]] = ("log", "queue", "leases"),
    runtime: Literal["asyncio", "trio"] = "asyncio",
    settings: Settings | None = None,
) -> None:
    """Check that an engine keeps the contract, as far as chance and hypothesis can tell.

    Each part of the engine is compared with a model of it, step by step: through two handles on
    one store that are opened again now and then, under a clock that the test sets, and with
    workers that race for the same message, job or record. Needs the extra `hypothesis`.

    Args:
        factory: Opens an engine.
        parts: Which parts are checked; all unless given.
        runtime: What it runs on, in a thread of its own.
        settings: How many programs are tried, and how long they are. The current profile unless
            given.

    Raises:
        AssertionError: It does not keep the contract; what hypothesis prints says how.
    """
    import hypothesis  # noqa: PLC0415  # an extra
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415  # as above

    from eventproto.testing._engine_leases import LeasesMachine  # noqa: PLC0415  # as above
    from eventproto.testing._engine_log import LogMachine  # noqa: PLC0415  # as above
    from eventproto.testing._engine_queue import QueueMachine  # noqa: PLC0415  # as above

    # How fast a store is, nobody is to judge here.
    patient = hypothesis.settings(
        settings, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    with loop_of(runtime) as loop:
        machines = {"log": LogMachine, "queue": QueueMachine, "leases": LeasesMachine}
        for part in parts:
            machine = machines[part]
            run_state_machine_as_test(machine.of(factory, loop), settings=patient)
