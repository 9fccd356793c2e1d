"""Driving a role: its calls go out over a pool, the calls of others come in from a server."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar, cast

from typing_extensions import override

from eventproto import EOF, CallMachine, Event
from eventproto._drive._pool import Pool
from eventproto._drive._primitives import Flag, Primitives, Tasks
from eventproto._drive._session import Session
from eventproto.http import Call, Exchange, Request, Response, Result

__all__ = ["Flag", "Role", "run"]

CommandT = TypeVar("CommandT")


class Role(Session[CommandT]):
    """A machine whose wire carries calls, with a pool to make its own."""

    def __init__(
        self, machine: CallMachine[CommandT], pool: Pool, tasks: Tasks, runtime: Primitives
    ) -> None:
        self.machine = machine
        self._pool = pool
        self._tasks = tasks
        self._runtime = runtime
        self._moved = runtime.new_flag()
        self._alarm = runtime.new_flag()
        self._wake_at = -math.inf  # when the clock wakes by itself
        self._callers: dict[Hashable, tuple[Flag, list[Response]]] = {}

    @override
    async def send(self, command: CommandT) -> None:
        self.machine.send(command, self._read_clocks())
        self._step()

    async def answer(self, request: Request) -> Response:
        """Call this role, and wait for what it answers."""
        token = object()
        flag, answers = self._callers[token] = (self._runtime.new_flag(), [])
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

    async def keep_time(self) -> None:
        """Do what is due when it is due, for ever."""
        while True:
            self.machine.handle_timeout(self._read_clocks())
            self._wake_at = -math.inf  # meanwhile nobody need ring
            self._step()
            deadline = self.machine.deadline
            self._wake_at = math.inf if deadline is None else deadline
            self._alarm = self._runtime.new_flag()
            await self._runtime.before(deadline, self._alarm.wait)

    def _step(self) -> None:
        """After any door in: let out what there is, wake who waits, look at the deadline again."""
        self._let_out()
        if self.machine.finished:
            for flag, _ in self._callers.values():
                flag.set()
        moved, self._moved = self._moved, self._runtime.new_flag()
        moved.set()
        # Waking early is harmless, so a deadline that moved later needs no new alarm.
        deadline = self.machine.deadline
        if deadline is not None and deadline < self._wake_at:
            self._wake_at = deadline
            self._alarm.set()

    def _let_out(self) -> bool:
        """Make the calls and give the answers that the machine has; say whether there were any."""
        outputs = list(iter(self.machine.next_output, None))
        for output in outputs:
            if isinstance(output, Call):
                self._tasks.start(partial(self._perform, output))
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
        now = self._runtime.now()
        self.machine.clock_offset = self._runtime.unix_time() - now
        return now


@asynccontextmanager
async def run(
    runtime: Primitives, machine: CallMachine[CommandT], pool: Pool
) -> AsyncGenerator[Role[CommandT]]:
    """Run a role for the time of the block, and close its pool in the end."""
    try:
        async with runtime.open_tasks() as tasks:
            role = Role(machine, pool, tasks, runtime)
            tasks.start(role.keep_time)
            yield role
    finally:
        pool.close()
