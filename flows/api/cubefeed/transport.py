"""How a connection reads from a session: over HTTP, and over its restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import NotRunning, Starting

if TYPE_CHECKING:
    from flows.store.owner import Owner

LOOK_S = 0.25
"""How often a session is looked for that is away or opens."""

type Parameters = Iterable[tuple[str, str]]


@dataclass
class Transport:
    """Reads from the session of a state directory, or from one at an address.

    Args:
        state: the state directory; None where an address is given.
        url: the address.
        token: what readers have to know there; by default that of the environment.
        patience_s: how long a session is waited for that is away or opens.
    """

    state: Path | None
    url: str | None
    token: str | None
    patience_s: float

    def owner(self) -> Owner:
        """Who answers now.

        Raises:
            NotRunning: nothing runs on the state directory.
        """
        from flows.store.owner import Owner
        from flows.store.state_directory import StateDirectory

        if self.state is not None:
            return StateDirectory(self.state).require_owner()
        return Owner(0, "", str(self.url).rstrip("/"))

    def require_session(self) -> None:
        """Refuse what nothing answers; a session of this computer that opens is waited for."""
        from flows.store.state_directory import StateDirectory

        if self.state is not None and not StateDirectory(self.state).is_held():
            self.owner()
        self.json("/api/commits", patience_s=0.0 if self.state is None else self.patience_s)

    def json(self, path: str, parameters: Parameters = (), *, patience_s: float | None = None) -> Any:
        """What a path of the read API answers.

        Raises:
            QueryError: the session refuses the parameters, or the token.
            NotRunning: it is not there, and has not come back in time.
            Starting: it was still opening then.
        """
        from flows.ingest.client import read

        given = [*parameters]
        return self._patiently(lambda: read(self.owner(), path, given, token=self.token), patience_s)

    def body(self, path: str, parameters: Parameters = ()) -> bytes:
        """The bytes that a path answers; raises as `json` does."""
        from flows.ingest.client import download

        given = [*parameters]
        return self._patiently(lambda: b"".join(download(self.owner(), path, given, token=self.token)), None)

    def _patiently[T](self, ask: Callable[[], T], patience_s: float | None) -> T:
        """Ask again while nobody answers; a session that restarts is back within seconds."""
        deadline = time.monotonic() + (self.patience_s if patience_s is None else patience_s)
        while True:
            try:
                return ask()
            except (NotRunning, Starting):
                if time.monotonic() >= deadline:
                    raise
            time.sleep(LOOK_S)
