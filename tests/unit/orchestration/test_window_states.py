"""The table of what happens to windows: each state is reached and left, and the windows are those that it says."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.orchestration.window_states import TRANSITIONS, Event, Phase, WindowStates

OPENED_BY = (Event.WANTED, Event.OLD)


def reached_from(start: Phase) -> set[Phase]:
    """The states that are reached, the first included."""
    found, left = {start}, [start]
    while left:
        here = left.pop()
        new = {to for (phase, _), to in TRANSITIONS.items() if phase is here} - found
        found |= new
        left += new
    return found


def test_every_state_is_reached_and_every_event_happens() -> None:
    assert reached_from(Phase.CLOSED) == set(Phase)
    assert {event for _, event in TRANSITIONS} == set(Event)


@pytest.mark.parametrize("phase", [each for each in Phase if each is not Phase.ENDED], ids=lambda phase: phase.name)
def test_from_every_state_a_session_ends_and_windows_close(phase: Phase) -> None:
    assert TRANSITIONS[phase, Event.ENDING] is Phase.ENDED
    assert Phase.CLOSED in reached_from(phase)


def test_nothing_happens_after_the_end() -> None:
    assert all(phase is not Phase.ENDED for phase, _ in TRANSITIONS)


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_whatever_happens_no_window_is_forgotten_and_none_closes_twice(events: list[Event]) -> None:
    states: WindowStates[int] = WindowStates()
    numbers, opened, over = count(), set[int](), set[int]()
    for event in events:
        if (states.phase, event) not in TRANSITIONS:
            before = (states.phase, states.open, states.opening)
            with pytest.raises(KeyError):
                states.handle(event)
            assert (states.phase, states.open, states.opening) == before
            continue
        new = next(numbers) if event in OPENED_BY else None
        lost = {Event.OPENING_LOST: states.opening, Event.OPEN_LOST: states.open}.get(event)
        leaving = states.handle(event, new)
        opened |= {new} - {None}
        assert over.isdisjoint(leaving)
        over |= {*leaving, lost} - {None}
        assert {states.open, states.opening} - {None} == opened - over
        assert (states.open is not None) == (states.phase in (Phase.OPEN, Phase.RENEWING))
        assert (states.opening is not None) == (states.phase in (Phase.OPENING, Phase.RENEWING))
