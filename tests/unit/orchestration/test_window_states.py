"""The table of what happens to windows: each state is reached and left, and the windows are those that it says."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.orchestration.window_states import TRANSITIONS, WindowEvent, WindowState, WindowStates

OPENED_BY = (WindowEvent.WANTED, WindowEvent.OLD)


def reached_from(start: WindowState) -> set[WindowState]:
    """The states that are reached, the first included."""
    found, left = {start}, [start]
    while left:
        here = left.pop()
        new = {to for (state, _), to in TRANSITIONS.items() if state is here} - found
        found |= new
        left += new
    return found


def test_every_state_is_reached_and_every_event_happens() -> None:
    assert reached_from(WindowState.CLOSED) == set(WindowState)
    assert {event for _, event in TRANSITIONS} == set(WindowEvent)


@pytest.mark.parametrize(
    "state", [each for each in WindowState if each is not WindowState.ENDED], ids=lambda state: state.name
)
def test_from_every_state_a_session_ends_and_windows_close(state: WindowState) -> None:
    assert TRANSITIONS[state, WindowEvent.ENDING] is WindowState.ENDED
    assert WindowState.CLOSED in reached_from(state)


def test_nothing_happens_after_the_end() -> None:
    assert all(state is not WindowState.ENDED for state, _ in TRANSITIONS)


@given(st.lists(st.sampled_from(WindowEvent), max_size=40))
def test_whatever_happens_no_window_is_forgotten_and_none_closes_twice(events: list[WindowEvent]) -> None:
    states: WindowStates[int] = WindowStates()
    numbers, opened, over = count(), set[int](), set[int]()
    for event in events:
        assert states.expects(event) == ((states.state, event) in TRANSITIONS)
        if not states.expects(event):
            before = (states.state, states.open, states.opening)
            with pytest.raises(KeyError):
                states.handle(event)
            assert (states.state, states.open, states.opening) == before
            continue
        new = next(numbers) if event in OPENED_BY else None
        lost = {WindowEvent.OPENING_LOST: states.opening, WindowEvent.OPEN_LOST: states.open}.get(event)
        leaving = states.handle(event, new)
        if new is not None:
            opened.add(new)
        assert over.isdisjoint(leaving)
        over |= {*leaving, *([] if lost is None else [lost])}
        assert {states.open, states.opening} - {None} == opened - over
        assert (states.open is not None) == (states.state in (WindowState.OPEN, WindowState.RENEWING))
        assert (states.opening is not None) == (states.state in (WindowState.OPENING, WindowState.RENEWING))
