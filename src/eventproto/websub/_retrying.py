"""Tasks that take a call, and are tried again until they are done or given up."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from typing_extensions import override

from eventproto._call import CallMachine
from eventproto._retry import Entropy, Schedule
from eventproto._value import value
from eventproto.http import Request, Response

__all__ = ["Attempt", "RetryingMachine"]

CommandT = TypeVar("CommandT")
TaskT = TypeVar("TaskT")


@value()
class Attempt(Generic[TaskT]):
    """A task, and how often it was tried.

    Attributes:
        task: What is to be done.
        number: Of the attempt that is being made, or waited for, from 1.
    """

    task: TaskT
    number: int = 1


class RetryingMachine(CallMachine[CommandT], Generic[CommandT, TaskT]):
    """A role with tasks. Each has a name, and beginning another one of that name replaces it.

    Args:
        schedule: How long to wait after each failed attempt.
        entropy: For the jitter in the schedule.
    """

    def __init__(self, schedule: Schedule, entropy: Entropy) -> None:
        super().__init__()
        self._schedule = schedule
        self._entropy = entropy
        self._attempts: dict[Hashable, Attempt[TaskT]] = {}
        self._count: Counter[type[Any]] = Counter()
        """How many tasks of each kind there are."""

    # What a role fills in.

    @abstractmethod
    def _request(self, task: TaskT) -> Request | None:
        """What to ask for this time; None if the task is not wanted any more."""

    @abstractmethod
    def _finish(self, task: TaskT, outcome: Response | Exception) -> Response | Exception | None:
        """Do what follows from the outcome of a call; or say what is wrong, to try it again."""

    @abstractmethod
    def _report(self, task: TaskT, failure: Response | Exception, retry_in: float | None) -> None:
        """Report what is wrong, and when it is tried again; None for never."""

    # What a role uses.

    def _begin(self, name: Hashable, task: TaskT) -> None:
        if name in self._attempts:
            self._drop(name)
        self._try(name, Attempt(task))

    def _under_way(self, name: Hashable) -> bool:
        """Whether a call for this task is out, rather than waiting for its time."""
        return name in self._attempts and name not in self._timers

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._try(timer, self._drop(timer))

    @override
    def _on_result(
        self, about: tuple[Hashable, Attempt[TaskT]], outcome: Response | Exception
    ) -> None:
        name, attempt = about
        if self._attempts.get(name) is not attempt:
            return  # another task has this name now
        self._drop(name)
        failure = self._finish(attempt.task, outcome)
        if failure is None:
            return
        retry_in = self._schedule.delay(attempt.number, self._entropy)
        if retry_in is not None:
            self._keep(name, Attempt(attempt.task, attempt.number + 1))
            self._timers.set(name, self._now + retry_in)
        self._report(attempt.task, failure, retry_in)

    def _try(self, name: Hashable, attempt: Attempt[TaskT]) -> None:
        request = self._request(attempt.task)
        if request is not None:
            self._keep(name, attempt)
            self._call(request, (name, attempt))

    def _keep(self, name: Hashable, attempt: Attempt[TaskT]) -> None:
        self._attempts[name] = attempt
        self._count[type(attempt.task)] += 1

    def _drop(self, name: Hashable) -> Attempt[TaskT]:
        self._timers.stop(name)
        attempt = self._attempts.pop(name)
        self._count[type(attempt.task)] -= 1
        return attempt
