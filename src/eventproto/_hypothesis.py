"""What Hypothesis calls when it is imported: `st.from_type(Message)` draws what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from hypothesis import strategies as st

from eventproto import Message
from eventproto.http import Headers, Request, Response

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["register"]

T = TypeVar("T")

_STRATEGIES: Final[dict[type[object], str]] = {
    Headers: "headers",
    Message: "messages",
    Request: "requests",
    Response: "responses",
}


def register() -> None:
    """Tell Hypothesis how to draw this library's values, without importing it all right now."""
    for kind in _STRATEGIES:
        st.register_type_strategy(kind, _strategy)


def _strategy(kind: type[T]) -> SearchStrategy[T]:
    from eventproto import strategies  # noqa: PLC0415  # only those who draw one pay

    drawn: SearchStrategy[T] = getattr(strategies, _STRATEGIES[kind])()
    return drawn
