"""The table of a subscription's states makes sense."""

from __future__ import annotations

from eventproto.websub._states import TRANSITIONS, State, Turn


def test_every_state_can_be_left_and_reached() -> None:
    """Except that all begin pending, and nothing follows on the end but its own."""
    left = {state for state, _ in TRANSITIONS}
    assert left == set(State)
    assert set(TRANSITIONS.values()) == set(State) - {State.PENDING}
    assert {TRANSITIONS[pair] for pair in TRANSITIONS if pair[0] is State.ENDED} == {State.ENDED}


def test_an_active_subscription_ends_by_itself_only_with_its_lease() -> None:
    """Failed renewals and denials leave it in force."""
    # WebSub S29, S34
    ways = {turn: to for (state, turn), to in TRANSITIONS.items() if state is State.ACTIVE}
    assert [turn for turn, to in ways.items() if to is State.ENDED] == [Turn.EXPIRED]
