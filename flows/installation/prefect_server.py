"""The Prefect server of an installation: one that runs already, or one that is started here."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping

import httpx

from flows.errors import StateError
from flows.installation.ports import listen
from flows.installation.processes import START_S, Child, wait_for
from flows.store.secret import prefect_secret
from flows.store.state_directory import StateDirectory

DATABASE_SECRETS = ("PREFECT_SERVER_DATABASE_PASSWORD", "PREFECT_API_DATABASE_PASSWORD")


class PrefectServer:
    """The server at PREFECT_API_URL; without one, a process with a socket and a secret of its own.

    Args:
        state: keeps the secret and the log.
        notify: shows a sentence to the user.
    """

    def __init__(self, state: StateDirectory, *, notify: Callable[[str], None]) -> None:
        self._state = state
        self._notify = notify
        self._socket: socket.socket | None = None
        self.api_url = os.environ.get("PREFECT_API_URL", "")
        self.secret: str | None = None
        self.process: Child | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What makes another process use this server."""
        secret = {} if self.secret is None else {"PREFECT_API_AUTH_STRING": self.secret}
        return {"PREFECT_API_URL": self.api_url, **secret}

    def start(self, port: int, environment: Mapping[str, str]) -> None:
        """Start one at this port, if none is named.

        Raises:
            StateError: the port is taken.
        """
        if self.api_url:
            return
        listening = self._socket = listen(port)
        self.api_url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        self.secret = prefect_secret(self._state.prefect_secret)
        self.process = Child(
            "the Prefect server",
            [sys.executable, "-m", "flows.installation.prefect_app", str(listening.fileno())],
            {**environment, **self.environment, **_guards(self.api_url, self.secret), **_database_secrets()},
            self._state.root / "prefect-server.log",
            on_orphaned=signal.SIGINT,
            keeps=(listening.fileno(),),
            gets_secrets=False,  # but its own, which are in the environment that is made here
        )
        self._notify("starting the Prefect server …")
        self.process.start()

    async def wait(self) -> None:
        """Wait until it answers.

        Raises:
            StateError: it does not in time.
        """
        if self.process is not None:
            await self.process.wait_until(self._is_healthy)
        else:
            await self._wait_for_other()

    async def end(self) -> None:
        """End it where it was started here."""
        if self.process is not None:
            await asyncio.to_thread(self.process.end)
        if self._socket is not None:
            self._socket.close()

    async def _wait_for_other(self) -> None:
        if not await self._is_healthy():
            self._notify(f"waiting for the Prefect server at {self.api_url} …")
        if not await wait_for(self._is_healthy, START_S):
            raise StateError(
                "The Prefect server does not answer",
                next_step="start it, or unset PREFECT_API_URL, so that one is started here",
                url=self.api_url,
            )

    async def _is_healthy(self) -> bool:
        return await asyncio.to_thread(_answers, f"{self.api_url}/health")


def _answers(url: str) -> bool:
    """Whether a GET of this address succeeds."""
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _database_secrets() -> dict[str, str]:
    """What the server signs in with at a database that is named in parts."""
    return {name: os.environ[name] for name in DATABASE_SECRETS if name in os.environ}


def _guards(api_url: str, secret: str) -> dict[str, str]:
    """What keeps others out of a Prefect server: the secret, and what a foreign page in a browser may not do."""
    here = api_url.removesuffix("/api")
    return {
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{here},{here.replace('127.0.0.1', 'localhost')}",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",  # it calls a tracking service even where analytics are off
    }
