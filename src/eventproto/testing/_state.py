"""What a machine knows, as something that can be compared: to see that nothing has changed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import GeneratorType, MethodType
from typing import Any, Final, cast

__all__ = ["state_of"]


def state_of(thing: object) -> object:
    """All that is reachable from an object, values by value and in order.

    Args:
        thing: A machine, or anything in one.

    Returns:
        What equals another one as long as nothing has changed. Exceptions, and what shows nothing
        of itself, are compared by identity.
    """
    return _picture(thing, {})


def _picture(thing: Any, seen: dict[int, object]) -> object:  # noqa: ANN401  # anything at all
    if isinstance(thing, _ATOMS) or thing is None:
        return thing
    if id(thing) in seen:
        return "seen", id(thing)
    seen[id(thing)] = thing  # kept, so that nobody else gets its id
    kind = cast("type[object]", type(thing))
    return kind, *_parts(thing, seen)


def _parts(thing: Any, seen: dict[int, object]) -> Iterator[object]:  # noqa: ANN401  # as above
    if isinstance(thing, bytearray):
        yield bytes(thing)
    elif isinstance(thing, Mapping):
        items = cast("Mapping[object, object]", thing).items()
        yield from ((key, _picture(content, seen)) for key, content in items)
    elif isinstance(thing, AbstractSet):
        yield frozenset(cast("AbstractSet[object]", thing))
    elif isinstance(thing, GeneratorType):
        frame = thing.gi_frame
        yield from () if frame is None else (frame.f_lasti, _picture(frame.f_locals, seen))
    elif isinstance(thing, random.Random | BaseException | type | MethodType):
        yield id(thing)  # what is drawn from is not a part of the machine
    elif hasattr(thing, "__iter__") and hasattr(thing, "__len__") and not _names(thing):
        yield from (_picture(each, seen) for each in thing)
    elif type(thing).__module__ == "zlib":
        yield _rest(thing)
    elif names := _names(thing):
        for name in names:
            yield name, _picture(getattr(thing, name, None), seen)
    else:
        yield repr(thing)  # has the state of a counter, and the identity of all others


def _names(thing: object) -> list[str]:
    """The attributes that an object has of its own."""
    slots = [vars(each).get("__slots__", ()) for each in type(thing).__mro__]
    names = [name for each in slots for name in ([each] if isinstance(each, str) else each)]
    found = [*names, *getattr(thing, "__dict__", ())]
    return [name for name in found if not name.startswith("__")]


def _rest(stream: Any) -> bytes:  # noqa: ANN401  # zlib has no names for its types
    """What a stream of zlib would go on with: of a copy, since to ask is to end it."""
    rest: bytes = stream.copy().flush()
    return rest


_ATOMS: Final = (bool, int, float, complex, str, bytes)
