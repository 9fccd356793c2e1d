"""What Hypothesis calls when it is imported: `st.from_type(Message)` draws what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from eventproto import Message

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["register"]


def register() -> None:
    """Tell Hypothesis how to draw this library's values, without importing it all right now."""
    st.register_type_strategy(Message, _messages)


def _messages(_: type[Message]) -> SearchStrategy[Message]:
    from eventproto.strategies import messages  # noqa: PLC0415  # only those who draw one pay

    return messages()
