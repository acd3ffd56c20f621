"""What is wrong around a session, as who supervises it sees it: no session is live, or Prefect does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx

from flows.alerts.book import Look
from flows.model.alerts import Kind, Problem
from flows.store.owner import End, Owner
from flows.store.state_directory import StateDirectory
from flows.text.escape import chat

PREFECT_S = 10.0
"""How often Prefect is asked whether it is well."""
TIMEOUT_S = 2.0
SERVER_ENDED = "the Prefect server has ended, and is started again by itself; loading goes on without it"


class SupervisorLook:
    """Looks at what surrounds one session.

    Args:
        state: of the installation.
        prefect_url: the address of Prefect's API, once there is one.
        server_starts: how often a server of the installation's own was started.
    """

    def __init__(
        self, state: StateDirectory, prefect_url: Callable[[], str | None], server_starts: Callable[[], int]
    ) -> None:
        self._state = state
        self._prefect_url = prefect_url
        self._server_starts = server_starts
        self._known_starts = 0
        self._server_ended = False
        self._started = False
        self._failure: str | None = None
        self._owner: Owner | None = None
        self._ask_at = 0.0
        self._prefect_answers = True

    def note_start(self) -> None:
        """A session is live for the first time: from here on there should be one, and the server should stay."""
        self._known_starts = self._server_starts()
        self._started = True

    def note_failure(self, why: str) -> None:
        """The start has failed."""
        self._failure = why

    def look(self) -> Look:
        """All that is wrong now; while everything starts, no session is missed yet."""
        if self._failure is not None:
            return Look((Problem(Kind.SESSION, f"it could not start: {chat(self._failure)}"),))
        if not self._started:
            return Look()
        return Look((*self._session(), *self._prefect()), frozenset({Kind.SESSION, Kind.PREFECT, Kind.SERVER}))

    def _session(self) -> Iterator[Problem]:
        before, self._owner = self._owner, self._state.owner()
        end = self._state.last_end()
        if self._owner is None or end is not None:
            details = f"next: {chat(end.next_step)}" if end is not None else ""
            yield Problem(Kind.SESSION, self._absence(end), details=details)
        elif before is not None and (before.pid, before.born) != (self._owner.pid, self._owner.born):
            yield Problem(Kind.SESSION, "the session has ended, and was started again by itself")

    def _absence(self, end: End | None) -> str:
        if end is not None:
            return f"the session has ended, and is started again by itself: {chat(end.why)}"
        if self._state.owner_file.exists():
            return "the session was killed, and is started again by itself"
        return "no session is live: somebody has ended it"

    def _prefect(self) -> Iterator[Problem]:
        starts = self._server_starts()
        if starts != self._known_starts:
            self._known_starts, self._server_ended, self._prefect_answers = starts, True, False
            yield Problem(Kind.SERVER, SERVER_ENDED)
            return
        if time.monotonic() >= self._ask_at or self._server_ended:
            self._prefect_answers = _answers(self._prefect_url())
            self._ask_at = time.monotonic() + PREFECT_S
        self._server_ended = self._server_ended and not self._prefect_answers
        if self._server_ended:
            yield Problem(Kind.SERVER, SERVER_ENDED)
        elif not self._prefect_answers:
            yield Problem(Kind.PREFECT, "Prefect does not answer; loading goes on without it")


def _answers(url: str | None) -> bool:
    try:
        return url is None or httpx.get(f"{url}/health", timeout=TIMEOUT_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False
