"""The table of states, which knows no role."""

from __future__ import annotations

from eventproto.websocket._states import TRANSITIONS, State, Step


def test_nothing_leads_out_of_closed() -> None:
    """A connection is never opened again."""
    assert State.CLOSED not in {state for state, _ in TRANSITIONS}


def test_a_close_is_sent_and_received_at_most_once() -> None:
    """Whoever begins (5.5.1)."""
    for first, second in [
        (Step.SEND_CLOSE, Step.RECEIVE_CLOSE),
        (Step.RECEIVE_CLOSE, Step.SEND_CLOSE),
    ]:
        half = TRANSITIONS[State.OPEN, first]
        assert (half, first) not in TRANSITIONS
        assert TRANSITIONS[half, second] is State.DISCONNECTING


def test_disconnecting_only_waits() -> None:
    """Nothing is said any more, only the end of the TCP connection counts."""
    assert {step for state, step in TRANSITIONS if state is State.DISCONNECTING} == {Step.CLOSE}
