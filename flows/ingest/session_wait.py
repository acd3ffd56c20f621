"""Requests of those who have time: they wait for a session that opens, and ask the next one where one has ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flows.errors import NotRunning, RequestWithdrawn, Starting
from flows.ingest.client import STATUS_S, ask, read
from flows.runtime.health import Phase
from flows.store.owner import Owner
from flows.store.payload import Kind
from flows.store.state_directory import StateDirectory

LOOK_S = 0.5
TELL_S = 10.0
"""How often at most it is said how far an opening is."""


def ask_when_live(
    state: Path,
    dataset: str,
    kind: Kind,
    payload: Mapping[str, Any],
    *,
    owner_within_s: float,
    tell: Callable[[str], None],
    withdrawn: Callable[[], bool],
) -> dict[str, Any]:
    """Leave a request once a session is live, and wait for what came of it, however long that takes.

    What a session has not begun when it ends is asked of the next one; what it had begun is not repeated.

    Args:
        state: the state directory.
        dataset: the dataset's name.
        kind: what to do.
        payload: its parameters, JSON types only.
        owner_within_s: how long to wait while nothing runs at all.
        tell: says what is waited for, when that changes, and not more often than people read.
        withdrawn: whether the caller does not want it any more; asked all the time.

    Raises:
        NotRunning: nothing runs on this state directory.
        RequestFailed: it was refused, failed, or withdrawn.
    """
    while True:
        await_session(state, dataset, within_s=owner_within_s, tell=tell, withdrawn=withdrawn)
        if withdrawn():
            raise RequestWithdrawn("Nothing was asked, since nobody waits any more", next_step="ask again")
        try:
            return ask(state, dataset, kind, payload, timeout_s=math.inf, withdrawn=withdrawn)
        except RequestWithdrawn:
            if withdrawn():
                raise
            tell("the session ended before it came to this; the next one is asked")


def await_session(
    state: Path, dataset: str, *, within_s: float, tell: Callable[[str], None], withdrawn: Callable[[], bool]
) -> None:
    """Wait until a session that serves the dataset is live; without end while it opens, since it says how far it is.

    Raises:
        NotRunning: nothing has run for `within_s` seconds.
        RequestFailed: it does not serve the dataset.
    """
    directory, said, next_tell = StateDirectory(state), "", 0.0
    deadline = time.monotonic() + within_s
    while not withdrawn():
        owner = directory.owner()
        if owner is not None:
            owner.require_served(dataset)
        waits = _reason_to_wait(directory, owner)
        if waits is None:
            return
        if waits:
            deadline = time.monotonic() + within_s
        elif time.monotonic() >= deadline:
            directory.require_owner()  # says why there is none
        if (text := waits or "nothing runs yet") != said and time.monotonic() >= next_tell:
            said, next_tell = text, time.monotonic() + TELL_S
            tell(f"waiting for the session: {text}")
        time.sleep(LOOK_S)


def _reason_to_wait(directory: StateDirectory, owner: Owner | None) -> str | None:
    """What a session is at that opens; empty where there is none, None where it is live."""
    if owner is None:
        return "it is opening" if directory.is_held() and directory.holder() is None else ""
    try:
        status = read(owner, "/api/status", timeout_s=STATUS_S)
    except Starting as error:
        return str(error)
    except NotRunning:  # busy, or ending: the next look knows more
        return "it does not answer yet"
    return None if status["phase"] == Phase.LIVE else status["progress"] or f"it is {status['phase']}"
