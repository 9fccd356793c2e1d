"""Driving a role: its calls go out over a pool, the calls of others come in from a server."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Protocol, TypeVar, cast

from typing_extensions import override

from eventproto import EOF, CallMachine, Event
from eventproto._drive._pool import Pool
from eventproto._drive._session import Session
from eventproto.http import Call, Exchange, Request, Response, Result

__all__ = ["Flag", "Role"]

CommandT = TypeVar("CommandT")


class Flag(Protocol):
    """What `asyncio.Event` and `trio.Event` have in common."""

    def set(self) -> None:
        """Wake everybody who waits."""

    async def wait(self) -> Any:  # noqa: ANN401  # each runtime returns something else, unused
        """Wait until it is set."""


class Role(Session[CommandT]):
    """A machine whose wire carries calls, with a pool to make its own."""

    def __init__(self, machine: CallMachine[CommandT], pool: Pool) -> None:
        self.machine = machine
        self._pool = pool
        self._moved = self._new_flag()
        self._callers: dict[Hashable, tuple[Flag, list[Response]]] = {}

    @override
    async def send(self, command: CommandT) -> None:
        self.machine.send(command, self._read_clocks())
        self._step()

    async def answer(self, request: Request) -> Response:
        """Call this role, and wait for what it answers."""
        token = object()
        flag, answers = self._callers[token] = (self._new_flag(), [])
        try:
            self._bring(Call(token, request))
            if not self.machine.finished:
                await flag.wait()
        finally:
            del self._callers[token]
        return answers[0] if answers else Response.of_text(503, "shutting down")

    @override
    async def _take_event(self) -> Event:
        while (event := self.machine.next_event()) is None:
            if not self._let_out():  # asking may have made output
                await self._moved.wait()
        self._step()
        return event

    def _keep_time(self) -> None:
        """Start the machine's clock, or do what is due."""
        self.machine.handle_timeout(self._read_clocks())
        self._step()

    def _step(self) -> None:
        """After any door in: let out what there is, wake who waits, look at the deadline again."""
        self._let_out()
        if self.machine.finished:
            for flag, _ in self._callers.values():
                flag.set()
        moved, self._moved = self._moved, self._new_flag()
        moved.set()
        self._set_timer(self.machine.deadline)

    def _let_out(self) -> bool:
        """Make the calls and give the answers that the machine has; say whether there were any."""
        outputs = list(iter(self.machine.next_output, None))
        for output in outputs:
            if isinstance(output, Call):
                self._spawn(self._perform, output)
            elif isinstance(output, Result) and output.token in self._callers:
                flag, answers = self._callers[output.token]
                answers.append(cast("Response", output.outcome))  # a role always has an answer
                flag.set()
        return bool(outputs)

    async def _perform(self, call: Call) -> None:
        answer = self._pool.perform(call)
        try:
            result = await answer.result()
            self._bring(result)
            streaming = result.more
            while streaming:
                body = await answer.body()
                self._bring(body)
                streaming = body.chunk is not EOF
        finally:
            answer.release()

    def _bring(self, exchange: Exchange) -> None:
        self.machine.receive(exchange, self._read_clocks())
        self._step()

    def _read_clocks(self) -> float:
        now = self._now()
        self.machine.clock_offset = self._unix_time() - now
        return now

    @abstractmethod
    def _now(self) -> float:
        """The time on the runtime's clock."""

    @abstractmethod
    def _unix_time(self) -> float:
        """The time on the wall."""

    @abstractmethod
    def _new_flag(self) -> Flag:
        """An event of the runtime."""

    @abstractmethod
    def _set_timer(self, deadline: float | None) -> None:
        """Have `_keep_time` called at a time, instead of at the one before; None for never."""

    @abstractmethod
    def _spawn(self, task: Callable[[Call], Coroutine[Any, Any, None]], call: Call) -> None:
        """Start a task that ends when this role does."""
