"""`cubefeed up`: starts what is missing, keeps it running, and ends what it started, in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx

from flows.errors import StateError
from flows.settings import Settings
from flows.store.state import Owner, State

log = logging.getLogger(__name__)

START_S = 90.0
"""A Prefect server on a new database takes 12 to 16 s on two cores."""
END_S = 10.0
LOOK_S = 0.2


@dataclass
class Addresses:
    """Where people look."""

    prefect_url: str
    owner: Owner


@dataclass
class Child:
    """A process that `up` started and ends."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log_file: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches it only through us."""
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self, *, patience_s: float = END_S) -> None:
        """SIGINT, then SIGTERM, then SIGKILL to its whole session."""
        for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self.process is None:
                return
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
                return


class Up:
    """The processes of one installation.

    Args:
        settings: what to run; handed on through the environment.
        tell: says to the user what happens.
    """

    def __init__(self, settings: Settings, *, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._state = State(settings.state.resolve())
        self._children: list[Child] = []
        self._run: UUID | None = None
        self.api_url = os.environ.get("PREFECT_API_URL", "")

    async def start(self) -> Addresses:
        """Start the server if there is none, serve the deployments, and start the live session.

        Raises:
            StateError: this state directory is in use, or something did not start.
        """
        self._state.create()
        owner = self._state.owner()
        if owner is not None:
            raise StateError(
                f"Cubefeed is running here already (pid {owner.pid}, {owner.url})",
                next_step="use it, or stop it, or name another --state",
                state=self._state.root,
            )
        if not self.api_url:
            await self._start_server()
        await self._start_serving()
        found = await self._start_session()
        return Addresses(self.api_url.removesuffix("/api"), found)

    async def keep(self, stopping: asyncio.Event) -> None:
        """Start again what has died, until told to stop."""
        while not stopping.is_set():
            for child in self._children:
                if not child.alive:
                    self._tell(f"{child.name} ended; starting it again")
                    child.start()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1.0)

    async def end(self) -> None:
        """Cancel the live run, then end what was started, the last first."""
        with suppress(Exception):  # the processes are ended below in any case
            await self._cancel_run()
        for child in reversed(self._children):
            await asyncio.to_thread(child.end)

    def environment(self) -> dict[str, str]:
        """What every process of this installation gets."""
        chosen = {
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(self._state.prefect),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "flows",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_CLI_PROMPT": "false",
        }
        given = {name: os.environ[name] for name in chosen if os.environ.get(name)}
        settings = {**self._settings.environment(), "CUBEFEED_STATE": str(self._state.root)}
        return {**chosen, **given, **settings, "PREFECT_API_URL": self.api_url}

    async def _start_server(self) -> None:
        port = _free_port(self._settings.prefect_port)
        self.api_url = f"http://127.0.0.1:{port}/api"
        origins = f"http://127.0.0.1:{port},http://localhost:{port}"
        server = Child(
            "Prefect server",
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            {**self.environment(), "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origins},
            self._state.root / "prefect-server.log",
        )
        self._tell("starting the Prefect server …")
        self._add(server)
        await self._until(lambda: _answers(f"{self.api_url}/health"), "the Prefect server", server)

    async def _start_serving(self) -> None:
        serving = Child(
            "serving the deployments",
            [sys.executable, "-m", "flows.serve"],
            self.environment(),
            self._state.root / "serve.log",
        )
        self._tell("serving the deployments …")
        self._add(serving)

    async def _start_session(self) -> Owner:
        self._tell("opening the session and loading the directory …")
        serving = self._children[-1]
        os.environ.update(self.environment())
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound

        from flows.serve import LIVE_DEPLOYMENT

        async with get_client() as client:
            deadline = time.monotonic() + START_S
            while True:
                self._check_alive("the deployments", serving)
                with suppress(ObjectNotFound):
                    deployment = await client.read_deployment_by_name(LIVE_DEPLOYMENT)
                    if str(deployment.status).endswith("READY"):
                        break
                if time.monotonic() > deadline:
                    raise self._did_not("the deployments", serving)
                await asyncio.sleep(LOOK_S)
            self._run = (await client.create_flow_run_from_deployment(deployment.id)).id
            await self._until(lambda: self._state.owner() is not None, "the live session", serving, self._run_failed)
        return self._state.require_owner()

    async def _run_failed(self) -> str | None:
        from prefect.client.orchestration import get_client

        assert self._run is not None
        async with get_client() as client:
            state = (await client.read_flow_run(self._run)).state
        return state.message if state is not None and state.is_final() else None

    async def _cancel_run(self) -> None:
        from prefect.client.orchestration import get_client
        from prefect.states import Cancelling

        if self._run is None or self._state.owner() is None:
            return
        async with get_client() as client:
            await client.set_flow_run_state(self._run, Cancelling(message="cubefeed up was stopped"), force=True)
            deadline = time.monotonic() + END_S
            while time.monotonic() < deadline:
                run = await client.read_flow_run(self._run)
                if run.state is not None and run.state.is_final():
                    return
                await asyncio.sleep(LOOK_S)

    def _add(self, child: Child) -> None:
        child.start()
        self._children.append(child)

    async def _until(
        self,
        ready: Callable[[], bool],
        what: str,
        child: Child,
        failed: Callable[[], Awaitable[str | None]] | None = None,
    ) -> None:
        deadline = time.monotonic() + START_S
        while not await asyncio.to_thread(ready):
            self._check_alive(what, child)
            why = await failed() if failed is not None else None
            if why is not None:
                raise StateError(f"{what} did not start: {why}", next_step=f"see {child.log_file}")
            if time.monotonic() > deadline:
                raise self._did_not(what, child)
            await asyncio.sleep(LOOK_S)

    def _check_alive(self, what: str, child: Child) -> None:
        if not child.alive:
            raise self._did_not(what, child)

    def _did_not(self, what: str, child: Child) -> StateError:
        return StateError(f"{what} did not start", next_step=f"see {child.log_file}", log=child.log_file)


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as found:
            return int(found.getsockname()[1])
    raise StateError("No free port on 127.0.0.1", next_step="end something that listens there")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
