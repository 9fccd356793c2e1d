"""Immutable values that are cheap to make: what every event, message and limit is built with.

A frozen dataclass pays for its immutability at every construction, because each field goes
through `object.__setattr__` by name. `value` keeps all that a frozen, slotted dataclass offers
and replaces only its `__init__` by one that writes through the slot descriptors themselves,
which takes a third off the price (`benchmarks/bench_values.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Final, ParamSpec, TypeVar, cast

from typing_extensions import dataclass_transform, override

__all__ = ["EMPTY", "FrozenMapping", "constructor", "value"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a class an immutable, slotted dataclass whose constructor is cheap.

    Defaults must be immutable themselves; factories are refused. A `__post_init__` runs last and
    may validate or, through `object.__setattr__`, normalise.

    Args:
        kw_only: Whether all fields are keyword-only.
    """

    def build(cls: type[T]) -> type[T]:
        built = dataclass(frozen=True, slots=True, kw_only=kw_only)(cls)
        built.__init__ = _slot_init(built)  # type: ignore[method-assign]  # that is the point
        return built

    return build


def constructor(cls: Callable[P, T], *, check: bool = True) -> Callable[P, T]:
    """Make a cheaper way to make values of a class, for a loop where that decides.

    It takes what the class takes. What it calls is a mutable twin of the class, which fills its
    slots at the full speed of the interpreter, and then becomes the real thing: another quarter
    of the price is gone.

    Args:
        cls: The class.
        check: Whether its `__post_init__` runs. What is made without it must be right.
    """
    known: Any = cls
    body = [f"self.{each.name} = {each.name}" for each in fields(known)]
    init = _init(known, [*body, "self.__class__ = cls"], {"cls": known}, check=check)
    twin = type(
        known.__name__,
        known.__bases__,
        {"__slots__": known.__slots__, "__init__": init, "__setattr__": object.__setattr__},
    )
    return cast("Callable[P, T]", twin)


def _slot_init(cls: type[Any]) -> Callable[..., None]:
    setters = {f"_set_{each.name}": getattr(cls, each.name).__set__ for each in fields(cls)}
    body = [f"_set_{each.name}(self, {each.name})" for each in fields(cls)]
    return _init(cls, body, setters)


def _init(
    cls: type[Any], body: list[str], closure: dict[str, Any], *, check: bool = True
) -> Callable[..., None]:
    """Make an `__init__` that takes the fields of a class, out of lines that put them away."""
    positional: list[str] = []
    keyword: list[str] = []
    for each in fields(cls):
        (keyword if each.kw_only else positional).append(_parameter(each, closure))
    if check and hasattr(cls, "__post_init__"):
        body = [*body, "self.__post_init__()"]
    parameters = ["self", *positional, *(["*", *keyword] if keyword else [])]
    source = (
        f"def make({', '.join(closure)}):\n"
        f" def __init__({', '.join(parameters)}):\n  " + "\n  ".join(body or ["pass"]) + "\n"
        " return __init__"
    )
    # In the globals of its class, so that the annotations mean there what they mean here.
    made: dict[str, Any] = {}
    exec(source, vars(sys.modules[cls.__module__]), made)  # noqa: S102  # names of fields alone
    init = made["make"](**closure)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {each.name: each.type for each in fields(cls)}
    return init  # type: ignore[no-any-return]


def _parameter(each: Field[Any], closure: dict[str, object]) -> str:
    if each.default_factory is not MISSING:
        msg = f"field {each.name!r} of a value needs an immutable default, not a factory"
        raise TypeError(msg)
    if each.default is MISSING:
        return each.name
    closure[f"_default_{each.name}"] = each.default
    return f"{each.name}=_default_{each.name}"


class FrozenMapping(Mapping[str, str]):
    """A small mapping of strings that nobody can change, so that a value may hold and hash it."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Mapping[str, str] | None = None) -> None:
        self._pairs: Final = dict(pairs or {})

    @override
    def __getitem__(self, key: str) -> str:
        return self._pairs[key]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    @override
    def __len__(self) -> int:
        return len(self._pairs)

    @override
    def __hash__(self) -> int:
        return hash(frozenset(self._pairs.items()))

    @override
    def __repr__(self) -> str:
        return repr(self._pairs)


EMPTY: Final[Mapping[str, str]] = FrozenMapping()
