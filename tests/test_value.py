"""Immutable values: all that a frozen dataclass offers, at a lower price."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto._value import EMPTY, FrozenMapping, constructor, value


@value()
class Point:
    """Two numbers."""

    x: int
    y: int = 2


@value(kw_only=True)
class Named:
    """A name, checked and folded."""

    name: str = "a"

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError(self.name)
        object.__setattr__(self, "name", self.name.lower())


@value()
class Labelled(Point):
    """A point with a label that must be named."""

    label: str = field(default="", kw_only=True)


@value()
class Nothing:
    """No fields at all."""


@dataclass(frozen=True, slots=True)
class Plain:
    """What `Point` would be otherwise."""

    x: int
    y: int = 2


@given(st.integers(), st.integers())
def test_like_a_dataclass(x: int, y: int) -> None:
    """Equality, hash, repr, fields, replace, pickle, copy."""
    point = Point(x, y)
    assert (point.x, point.y) == (x, y)
    assert point == Point(x=x, y=y)
    other: object = Plain(x, y)
    assert point != other
    assert hash(point) == hash(Plain(x, y))
    assert repr(point) == repr(Plain(x, y)).replace("Plain", "Point")
    assert [each.name for each in fields(point)] == ["x", "y"]
    assert replace(point, y=x) == Point(x, x)
    assert pickle.loads(pickle.dumps(point)) == copy.deepcopy(point) == point


def test_nobody_can_change_it() -> None:
    """Neither a field nor anything new."""
    point = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
        point.z = 2  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        delattr(point, "x")


def test_the_constructor_is_a_usual_one() -> None:
    """Defaults, keywords, wrong arguments, and how it presents itself."""
    assert Point(1) == Point(1, 2)
    assert Labelled(1, 2, label="a").label == "a"
    assert Nothing() == Nothing()
    for arguments, keywords in [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"x": 1})]:
        with pytest.raises(TypeError, match=r"Point\.__init__"):
            Point(*arguments, **keywords)
    assert [*inspect.signature(Point).parameters] == ["x", "y"]
    assert inspect.signature(Labelled).parameters["label"].kind is inspect.Parameter.KEYWORD_ONLY


@given(st.integers(), st.integers())
def test_the_cheaper_constructor_makes_the_same(x: int, y: int) -> None:
    """In class, fields, hash, and in that nobody can change it."""
    point = constructor(Point)(x, y)
    assert type(point) is Point
    assert point == Point(x, y)
    assert hash(point) == hash(Point(x, y))
    assert pickle.loads(pickle.dumps(point)) == copy.deepcopy(point) == point
    for name in ("x", "z", "__class__"):
        with pytest.raises((FrozenInstanceError, TypeError)):
            setattr(point, name, 2)


def test_the_cheaper_constructor_takes_the_same() -> None:
    """Defaults, keywords, fields of a base, and what `__post_init__` refuses."""
    assert constructor(Point)(1) == Point(1)
    assert constructor(Point)(y=1, x=3) == Point(3, 1)
    assert constructor(Labelled)(1, label="a") == Labelled(1, label="a")
    assert constructor(Nothing)() == Nothing()
    assert constructor(Named)(name="B") == Named(name="b")
    with pytest.raises(ValueError):
        constructor(Named)(name="")
    with pytest.raises(TypeError, match=r"Point\.__init__"):
        constructor(Point)()  # type: ignore[call-arg]


def test_keyword_only() -> None:
    """All fields, if the class says so."""
    assert Named(name="B").name == "b"
    with pytest.raises(TypeError):
        Named("b")  # type: ignore[call-arg]


def test_post_init_runs_last() -> None:
    """It sees all fields, may refuse and may normalise."""
    assert Named() == Named(name="A")
    with pytest.raises(ValueError):
        Named(name="")


def test_a_default_factory_is_refused() -> None:
    """Where the class is made: a value shares its defaults, so they must be immutable."""
    with pytest.raises(TypeError, match="'items'"):

        @value()
        class _Wrong:
            items: list[int] = field(default_factory=list)


@given(st.dictionaries(st.text(), st.text()))
def test_a_frozen_mapping(pairs: dict[str, str]) -> None:
    """A mapping like any other, that can be hashed and nobody can change."""
    frozen = FrozenMapping(pairs)
    assert isinstance(frozen, Mapping)
    assert frozen == pairs
    assert dict(frozen) == pairs
    assert len(frozen) == len(pairs)
    assert repr(frozen) == repr(pairs)
    assert hash(frozen) == hash(FrozenMapping(dict(reversed(pairs.items()))))
    with pytest.raises(TypeError):
        frozen["a"] = "b"  # type: ignore[index]


def test_a_frozen_mapping_does_not_follow_its_source() -> None:
    """What was frozen stays as it was."""
    source: dict[str, Any] = {"a": "b"}
    frozen = FrozenMapping(source)
    source["a"] = "c"
    assert frozen["a"] == "b"


def test_empty() -> None:
    """The one that is everybody's default."""
    assert EMPTY == {}
    assert FrozenMapping() == FrozenMapping(None) == EMPTY


def test_annotations_are_understood_by_tools() -> None:
    """The constructor stands in the module of its class, whose names the annotations use."""
    from eventproto.site import EventStream, Handler

    assert get_type_hints(EventStream.__init__)["handler"] == Handler
