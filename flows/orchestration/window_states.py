"""When a window is opened, renewed and closed: the states, the events, and what follows from them, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import assert_never


class Phase(Enum):
    """Which windows there are."""

    CLOSED = "no window: work goes on without one"
    OPENING = "the first window is being opened: work goes on without one"
    OPEN = "a window takes the work"
    RENEWING = "a window takes the work, and the next one is being opened"
    ENDED = "the session ends: no window is opened any more"


class Event(Enum):
    """What happens to windows."""

    WANTED = "there is work, or something to report, and no window"
    STARTED = "the run of the window that is being opened has begun"
    OPENING_LOST = "the run of the window that is being opened is over"
    OPEN_LOST = "the run of the open window is over"
    OLD = "the open window has been open for long enough"
    IDLE = "the open window has had no work for long enough, and Prefect can hear of its end"
    ENDING = "the session ends"


TRANSITIONS: Mapping[tuple[Phase, Event], Phase] = {
    (Phase.CLOSED, Event.WANTED): Phase.OPENING,
    (Phase.OPENING, Event.STARTED): Phase.OPEN,
    (Phase.OPENING, Event.OPENING_LOST): Phase.CLOSED,
    (Phase.OPEN, Event.OLD): Phase.RENEWING,
    (Phase.OPEN, Event.IDLE): Phase.CLOSED,
    (Phase.OPEN, Event.OPEN_LOST): Phase.CLOSED,
    (Phase.RENEWING, Event.STARTED): Phase.OPEN,
    (Phase.RENEWING, Event.OPENING_LOST): Phase.OPEN,
    (Phase.RENEWING, Event.OPEN_LOST): Phase.OPENING,
    (Phase.RENEWING, Event.IDLE): Phase.OPENING,
    (Phase.CLOSED, Event.ENDING): Phase.ENDED,
    (Phase.OPENING, Event.ENDING): Phase.ENDED,
    (Phase.OPEN, Event.ENDING): Phase.ENDED,
    (Phase.RENEWING, Event.ENDING): Phase.ENDED,
}
"""What is not here cannot happen; where it does, that is a defect, and ends the session."""


class WindowStates[W]:
    """The window that takes work, and the one that is being opened."""

    def __init__(self) -> None:
        self.phase = Phase.CLOSED
        self.open: W | None = None
        self.opening: W | None = None

    def handle(self, event: Event, new: W | None = None) -> list[W]:
        """Go from one state to the next. Returns the windows that take no more work from now on, and are to be closed.

        Args:
            event: what has happened.
            new: the window that is to be opened, where the event asks for one.
        Raises:
            KeyError: that cannot happen in this state.
        """
        self.phase = TRANSITIONS[self.phase, event]
        leaving: list[W | None] = []
        match event:
            case Event.WANTED | Event.OLD:
                self.opening = new
            case Event.STARTED:
                leaving = [self.open]
                self.open, self.opening = self.opening, None
            case Event.OPENING_LOST:
                self.opening = None
            case Event.OPEN_LOST:
                self.open = None
            case Event.IDLE:
                leaving, self.open = [self.open], None
            case Event.ENDING:
                leaving, self.open, self.opening = [self.open, self.opening], None, None
            case _:
                assert_never(event)
        return [window for window in leaving if window is not None]
