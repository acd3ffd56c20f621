"""When a window takes work: the states, the events, and what follows from them, in one table.

`windows` finds out what has happened: a clock, a queue, or a run of Prefect. Whether that means anything now, and what
then, only this table says.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import assert_never


class WindowState(Enum):
    """Which windows there are."""

    CLOSED = "no window: work goes on without one"
    OPENING = "the first window is being opened: work goes on without one"
    OPEN = "a window takes the work"
    RENEWING = "a window takes the work, and the next one is being opened"
    ENDED = "the session ends: no window is opened any more"


class WindowEvent(Enum):
    """What happens to windows."""

    WANTED = "there is work, or something to report, and Prefect may be tried"
    STARTED = "the run of the window that is being opened has begun"
    OPENING_LOST = "the run of the window that is being opened is over"
    OPEN_LOST = "the run of the open window is over"
    OLD = "the open window has been open for long enough"
    IDLE = "the open window has had no work for long enough, and Prefect answers"
    ENDING = "the session ends"


TRANSITIONS: Mapping[tuple[WindowState, WindowEvent], WindowState] = {
    (WindowState.CLOSED, WindowEvent.WANTED): WindowState.OPENING,
    (WindowState.OPENING, WindowEvent.STARTED): WindowState.OPEN,
    (WindowState.OPENING, WindowEvent.OPENING_LOST): WindowState.CLOSED,
    (WindowState.OPEN, WindowEvent.OLD): WindowState.RENEWING,
    (WindowState.OPEN, WindowEvent.IDLE): WindowState.CLOSED,
    (WindowState.OPEN, WindowEvent.OPEN_LOST): WindowState.CLOSED,
    (WindowState.RENEWING, WindowEvent.STARTED): WindowState.OPEN,
    (WindowState.RENEWING, WindowEvent.OPENING_LOST): WindowState.OPEN,
    (WindowState.RENEWING, WindowEvent.OPEN_LOST): WindowState.OPENING,
    (WindowState.RENEWING, WindowEvent.IDLE): WindowState.OPENING,
    (WindowState.CLOSED, WindowEvent.ENDING): WindowState.ENDED,
    (WindowState.OPENING, WindowEvent.ENDING): WindowState.ENDED,
    (WindowState.OPEN, WindowEvent.ENDING): WindowState.ENDED,
    (WindowState.RENEWING, WindowEvent.ENDING): WindowState.ENDED,
}
"""What is not here means nothing in that state: who asks first (`expects`) leaves it, who does not has a defect."""


class WindowStates[W]:
    """The window that takes work, and the one that is being opened.

    The first is there in OPEN and RENEWING, the second in OPENING and RENEWING, and neither in any other state.
    """

    def __init__(self) -> None:
        self.state = WindowState.CLOSED
        self.open: W | None = None
        self.opening: W | None = None

    def expects(self, event: WindowEvent) -> bool:
        """Whether an event means anything in this state."""
        return (self.state, event) in TRANSITIONS

    def handle(self, event: WindowEvent, new: W | None = None) -> list[W]:
        """Go from one state to the next. Returns the windows that take no more work from now on, and are to be closed.

        Args:
            event: what has happened.
            new: the window that is to be opened, where the event asks for one.

        Raises:
            KeyError: that cannot happen in this state: a defect, which ends the session.
        """
        self.state = TRANSITIONS[self.state, event]
        leaving: list[W | None] = []
        match event:
            case WindowEvent.WANTED | WindowEvent.OLD:
                self.opening = new
            case WindowEvent.STARTED:
                leaving = [self.open]
                self.open, self.opening = self.opening, None
            case WindowEvent.OPENING_LOST:
                self.opening = None
            case WindowEvent.OPEN_LOST:
                self.open = None
            case WindowEvent.IDLE:
                leaving, self.open = [self.open], None
            case WindowEvent.ENDING:
                leaving, self.open, self.opening = [self.open, self.opening], None, None
            case _:
                assert_never(event)
        return [window for window in leaving if window is not None]
