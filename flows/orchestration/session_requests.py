"""What runs ask of the session: they wait while it opens, and take a request back when they are cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from prefect import get_run_logger

from flows.ingest.session_wait import ask_when_live
from flows.settings import Settings
from flows.store.payload import Kind


@contextmanager
def asking_session(
    dataset: str, kind: Kind, *, owner_within_s: float = 0.0
) -> Iterator[Callable[[Mapping[str, Any]], dict[str, Any]]]:
    """Yields what asks the session, in any thread, with the payload of a request, and returns the answer.

    When the block ends, which it does when the run is cancelled, what is still asked is taken back.
    """
    over = threading.Event()
    try:
        yield partial(
            ask_when_live,
            Settings.read().state,
            dataset,
            kind,
            owner_within_s=owner_within_s,
            tell=get_run_logger().info,
            withdrawn=over.is_set,
        )
    finally:
        over.set()
