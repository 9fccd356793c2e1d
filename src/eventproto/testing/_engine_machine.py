"""What the state machines of the three parts of an engine have in common."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import ClassVar, Final, Self, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from typing_extensions import override

from eventproto.engine import Engine, Retention
from eventproto.testing._engine_factory import EngineFactory
from eventproto.testing._loop import Loop

__all__ = ["EngineMachine", "handles"]

handles: Final = st.integers(0, 1)
"""Through which of the two engines on the store something is done."""

_stores = count(1)


class EngineMachine(RuleBasedStateMachine):
    """Two engines on one store, and a clock in whole seconds."""

    loop: ClassVar[Loop]
    _factory: ClassVar[EngineFactory]

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_800_000_000.0
        self.retention = Retention()
        self.remember = 10.5  # never exactly over at a whole second
        self._store = f"store {next(_stores)}"
        self._engines: list[tuple[Engine, Callable[[], None]]] = []

    @classmethod
    def of(cls, factory: EngineFactory, loop: Loop) -> type[Self]:
        """This machine for one kind of engine: hypothesis makes machines without arguments."""
        made = cast("type[Self]", type(cls.__name__, (cls,), {}))
        made.loop = loop
        made._factory = staticmethod(factory)  # noqa: SLF001  # its own
        return made

    def engine(self, handle: int) -> Engine:
        """One of the two."""
        return self._engines[handle][0]

    # Just long enough for some of what is set to a time, and for all of it.
    @rule(seconds=st.sampled_from([1, 1, 4, 5, 11]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    def start(self, retention: Retention = Retention()) -> None:
        """Open both; the first thing to do."""
        self.retention = retention
        for _ in range(2):
            self._engines.append(self._open())

    @rule(handle=handles)
    def open_again(self, handle: int) -> None:
        self._engines[handle][1]()
        self._engines[handle] = self._open()

    @override
    def teardown(self) -> None:
        for _, leave in self._engines:
            leave()

    def _open(self) -> tuple[Engine, Callable[[], None]]:
        context = self._factory(
            self._store,
            clock=lambda: self.now,
            retention=self.retention,
            remember=self.remember,
        )
        return self.loop.enter(context)
