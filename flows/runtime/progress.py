"""How long work shows that it goes on: whoever waits for it cannot tell slow from stuck otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[int], None]
"""Takes how many more rows are done; 0 where that is not counted."""

_here = threading.local()


def show_progress(rows: int = 0) -> None:
    """Show that the work of this thread goes on, and has done so many more rows."""
    progress_here()(rows)


def progress_here() -> Show:
    """What shows that the work of this thread goes on, for those who go on with it in other threads."""
    show: Show = getattr(_here, "show", lambda _: None)
    return show


@contextmanager
def progress_shown_by(show: Show) -> Iterator[None]:
    """The work of this thread shows its progress in this way."""
    before = progress_here()
    _here.show = show
    try:
        yield
    finally:
        _here.show = before
