"""How long work shows that it goes on: whoever waits for it cannot tell slow from stuck otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_here = threading.local()


def show_progress() -> None:
    """Show that the work of this thread goes on."""
    progress_here()()


def progress_here() -> Callable[[], None]:
    """What shows that the work of this thread goes on, for those who go on with it in other threads."""
    show: Callable[[], None] = getattr(_here, "show", lambda: None)
    return show


@contextmanager
def progress_shown_by(show: Callable[[], None]) -> Iterator[None]:
    """The work of this thread shows its progress in this way."""
    before = progress_here()
    _here.show = show
    try:
        yield
    finally:
        _here.show = before
