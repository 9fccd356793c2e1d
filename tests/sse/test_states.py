"""The table of states, which knows no client."""

from __future__ import annotations

from eventproto.sse._states import TRANSITIONS, State, Step


def test_nothing_leads_out_of_closed() -> None:
    """An EventSource that was closed or has failed never reconnects."""  # SSE F16, F20
    assert State.CLOSED not in {state for state, _ in TRANSITIONS}


def test_every_state_can_be_left_for_closed() -> None:
    """By both ways to end."""
    for state in (State.CONNECTING, State.OPEN):
        assert TRANSITIONS[state, Step.FAIL] is State.CLOSED
        assert TRANSITIONS[state, Step.CLOSE] is State.CLOSED


def test_values_are_those_of_ready_state() -> None:
    """As a browser's EventSource numbers them."""  # SSE F2
    assert [state.value for state in State] == [0, 1, 2]
