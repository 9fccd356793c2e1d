"""The laws of all machines, as a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from eventproto import Event, Machine

if TYPE_CHECKING:
    from hypothesis import settings as Settings  # noqa: N812  # as a type
    from hypothesis.strategies import SearchStrategy

__all__ = ["check_machine"]

CommandT = TypeVar("CommandT")
InT = TypeVar("InT")
OutT = TypeVar("OutT")


def check_machine(
    make_machine: Callable[[], Machine[CommandT, InT, OutT]],
    *,
    inputs: Callable[[Sequence[OutT]], SearchStrategy[InT]],
    commands: Callable[[Sequence[Event]], SearchStrategy[CommandT]],
    settings: Settings | None = None,
) -> None:
    """Check that a machine keeps the laws of all machines, as far as chance can tell.

    Its six doors are used in every order, by a driver and an application that are early, late,
    slow, and sometimes wrong:

    - Nothing is raised but `LocalProtocolError` and `ClosedError`, and only to an application, and
      to a driver that brings what it cannot have read. All that the machine knows is the same
      then.
    - `handle_timeout` moves the deadline later or clears it. To call it again, or too early,
      changes nothing.
    - `Closed` is reported once, and nothing after it: no event, no output that was not there, no
      deadline; what is sent is too late, and what comes is ignored.
    - The machine has finished when it has closed and all its output was taken, and not before.
    - `End`, the end of the wire, and time end it.
    - Taking events late changes neither the events nor what is written.

    Needs the extra `hypothesis`.

    Args:
        make_machine: Makes a new machine, the same each time. If it draws `entropy` as events are
            taken, let that be constant; `bytes` gives zeros.
        inputs: What the wire may bring, by what the machine has written so far. What the peer
            must not send makes the better test.
        commands: What the application may send, by the events that it has seen; also what is
            wrong or comes too late.
        settings: How many programs are tried, and how long they are. The current profile unless
            given.

    Raises:
        AssertionError: It does not keep them; what hypothesis prints says how.
    """
    import hypothesis  # noqa: PLC0415  # an extra
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415  # as above

    from eventproto.testing._laws_machine import (  # noqa: PLC0415  # as above
        LawsMachine,
        Subject,
        late_as_early,
    )

    patient = hypothesis.settings(
        settings, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    subject = Subject(make_machine, inputs, commands)
    run_state_machine_as_test(LawsMachine.of(subject), settings=patient)
    late_as_early(subject, patient)
