"""`cubefeed up`: starts what is missing, keeps it running, and ends what it started, in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from flows.cube.atoti.start import TERMS
from flows.datasets import load_datasets
from flows.errors import CubefeedError, SessionEnded, StateError
from flows.installation.processes import SLOW_S, Child, Pace, answers, free_port, listen, require_own_working_directory
from flows.redaction import without_secrets
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.runtime.clock import now_utc
from flows.settings import Settings
from flows.store.owner import Owner
from flows.store.secret import prefect_secret
from flows.store.state_directory import StateDirectory
from flows.store.trust import PRIVATE

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

log = logging.getLogger(__name__)

START_S = 90.0
"""A Prefect server on a new database takes 12 to 16 s on two slow cores; an engine that contacts its licence
server tens of seconds."""
CANCEL_S = 10.0
LOOK_S = 0.2
SERVER = (
    "--factory",
    "flows.installation.prefect_server:create_app",
    "--timeout-keep-alive=5",
    "--ws-ping-interval=20",
    "--ws-ping-timeout=20",
    "--log-level=warning",
    "--no-access-log",
)
"""Uvicorn's arguments for Prefect's server, as `prefect server start` has them; that one takes no socket of ours."""
KEEP_S = 1.0
"""How often what runs is looked at."""


@dataclass
class Addresses:
    """Where people look, and what the Prefect server asks them for, where it was started here."""

    prefect_url: str
    owner: Owner
    secret: str | None


class Up:
    """The processes of one installation.

    Args:
        settings: what to run; handed on through the environment.
        tell: says to the user what happens.
    """

    def __init__(self, settings: Settings, *, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._state = StateDirectory(settings.state.resolve())
        self._port = settings.port or free_port()  # the same one after a restart, for open pages
        self._server: Child | None = None
        self._server_socket: socket.socket | None = None
        self._serving: Child | None = None
        self._run: UUID | None = None
        self._pace = Pace()
        self._announced: str | None = None
        self._at_rest = self._hopeless_announced = False
        self._last_trouble = ""
        self.api_url = os.environ.get("PREFECT_API_URL", "")
        self._secret: dict[str, str] = {}

    async def start(self) -> Addresses:
        """Start the server if there is none, serve the deployments, and start the live session.

        Raises:
            StateError: this state directory is in use, or something did not start.
        """
        os.umask(PRIVATE)
        require_own_working_directory()
        load_datasets(self._settings)  # what is wrong with them is said before anything is started
        self._state.create()
        if self._settings.engine == "atoti":
            self._tell(TERMS)
        owner = self._state.owner()
        if owner is not None:
            raise StateError(
                f"Cubefeed is running here already (pid {owner.pid}, {owner.url})",
                next_step="use it, or stop it, or name another --state",
                state=self._state.root,
            )
        if self.api_url:
            await self._wait_for_server()
        else:
            await self._start_server()
        os.environ.update(self.environment())  # before Prefect is imported here, since it reads them then
        await self._start_serving()
        found = await self._start_session()
        self._announced = found.run
        url = os.environ.get("PREFECT_UI_URL") or self.api_url.removesuffix("/api")
        return Addresses(without_secrets(url), found, self._secret.get("PREFECT_API_AUTH_STRING"))

    async def keep(self, stopping: asyncio.Event) -> None:
        """Start again what has died, until told to stop."""
        while not stopping.is_set():
            try:
                with boundary(Scope.PREFECT):
                    await self._revive()
                self._last_trouble = ""
            except NothingFailed as failed:  # the next round tries again
                waits = "" if isinstance(failed.cause, CubefeedError) else "waiting for Prefect: "
                self._tell_once(f"{waits}{failed}")
            for child in (self._server, self._serving):
                if child is not None:
                    child.trim_log()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), KEEP_S)

    @property
    def failure(self) -> CubefeedError | None:
        """Why no session is live, where the last one ended by itself."""
        end = self._state.last_end()
        if end is None or self._at_rest or self._owner() is not None:
            return None
        kind = SessionEnded if end.code == SessionEnded.exit_code else StateError
        return kind(f"There was no live session any more ({end.why})", next_step=end.next_step)

    async def end(self) -> None:
        """End the live run in order, then what was started, the last first; nothing that others have started."""
        if self._serving is not None:
            with suppress(NothingFailed), boundary(Scope.PREFECT):  # the processes are ended below in any case
                await asyncio.wait_for(self._cancel_run(), CANCEL_S)
            await self._end_owner()
            await asyncio.to_thread(self._serving.end)
            with suppress(NothingFailed), boundary(Scope.PREFECT):  # honest states may be too late for it
                await asyncio.wait_for(self._bury("cubefeed up was stopped", all_flows=True), CANCEL_S)
        if self._server is not None:
            await asyncio.to_thread(self._server.end)
        if self._server_socket is not None:
            self._server_socket.close()

    def environment(self) -> dict[str, str]:
        """What every process of this installation gets."""
        chosen = {
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(self._state.prefect),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "flows",
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # the threads of the session belong to no run
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_CLI_PROMPT": "false",
        }
        given = {name: os.environ[name] for name in chosen if os.environ.get(name)}
        settings = {
            **self._settings.environment(),
            "CUBEFEED_STATE": str(self._state.root),
            "CUBEFEED_PORT": str(self._port),
        }
        return {**chosen, **given, **settings, "PREFECT_API_URL": self.api_url, **self._secret}

    async def _start_server(self) -> None:
        listening = self._server_socket = listen(self._settings.prefect_port)
        self.api_url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        secret = prefect_secret(self._state.prefect_secret)
        self._secret = {"PREFECT_API_AUTH_STRING": secret}
        self._server = Child(
            "the Prefect server",
            [sys.executable, "-m", "uvicorn", "--fd", str(listening.fileno()), *SERVER],
            {**self.environment(), **_guarded(self.api_url, secret)},
            self._state.root / "prefect-server.log",
            on_orphaned=signal.SIGINT,
            keeps=(listening.fileno(),),
            gets_secrets=False,  # but its own, which is in the environment that is made here
        )
        self._tell("starting the Prefect server …")
        self._server.start()
        await self._until(self._healthy, self._server)

    async def _wait_for_server(self) -> None:
        if not await self._healthy():
            self._tell(f"waiting for the Prefect server at {self.api_url} …")
        if not await _wait_for(self._healthy, START_S):
            raise StateError(
                "The Prefect server does not answer",
                next_step="start it, or unset PREFECT_API_URL, so that one is started here",
                url=self.api_url,
            )

    async def _healthy(self) -> bool:
        return await asyncio.to_thread(answers, f"{self.api_url}/health")

    async def _start_serving(self) -> None:
        from flows.orchestration.corrupt_runs import end_corrupt_runs
        from flows.orchestration.runs import client_of, ensure_automation, find_live_deployment, heartbeat_automation

        self._serving = Child(
            "the process that serves the deployments",
            [sys.executable, "-m", "flows.installation.deployments"],
            self.environment(),
            self._state.root / "serve.log",
            on_orphaned=signal.SIGKILL,  # the owner sees that its parent is gone, and closes the session in order
        )
        self._tell("serving the deployments …")
        async with client_of() as client:
            for ended in await end_corrupt_runs(client):
                self._tell(ended)
            await self._bury("found Running at the start, with no process left")
            await ensure_automation(client, heartbeat_automation())
            self._serving.start()

            async def served() -> bool:
                return await find_live_deployment(client) is not None

            await self._until(served, self._serving)

    async def _start_session(self) -> Owner:
        from flows.orchestration.runs import client_of, state_of

        self._tell("opening the session and loading the directory …")
        assert self._serving is not None
        log_file, begun_utc = self._serving.log_file, now_utc()
        async with client_of() as client:
            await self._start_run(client)

            async def announced() -> bool:
                state = await state_of(client, self._run) if self._run is not None else None
                if self._owner() is None and state is not None and state.is_final():
                    end = self._state.last_end()
                    if end is not None and end.at_utc >= begun_utc:
                        raise StateError(f"The live session did not start: {end.why}", next_step=end.next_step)
                    raise StateError(f"The live session did not start: {state.message}", next_step=f"see {log_file}")
                return self._owner() is not None

            await self._until(announced, self._serving)
        return self._state.require_owner()

    def _owner(self) -> Owner | None:
        """The live owner, if it is a Prefect run; `cubefeed watch` is none of ours."""
        owner = self._state.owner()
        return owner if owner is not None and owner.run is not None else None

    async def _revive(self) -> None:
        """One look at everything that should run."""
        if self._server is not None and not self._server.alive:
            if self._server.pace.due:
                self._tell(f"{self._server.name} ended; starting it again")
                self._server.start()
            return
        owner = self._owner()
        if self._serving is not None and not self._serving.alive:
            if owner is None and self._serving.pace.due:  # an orphaned owner closes its session first
                self._tell(f"{self._serving.name} ended; starting it again")
                await self._bury("its process is gone")
                self._serving.start()
            return
        if owner is not None and owner.run is not None:
            self._run, self._at_rest = UUID(owner.run), False
            if self._announced != owner.run and self._state.last_end() is None:  # it has not only begun
                self._tell(f"the live session is back: {owner.url}/")
                self._announced, self._hopeless_announced = owner.run, False
        elif not self._at_rest:
            await self._revive_session()

    async def _revive_session(self) -> None:
        """Start a new live run when the last one has ended, unless people ended it."""
        from flows.orchestration.runs import client_of, state_of

        async with client_of(retries=1) as client:
            state = await state_of(client, self._run) if self._run is not None else None
            if state is not None and not state.is_final():
                return  # it has not opened the session yet, or is closing it
            if state is not None and state.is_cancelled():
                self._at_rest = True
                self._tell("the live run was cancelled; start another one in Prefect: keep-cube-live/cube")
                return
            end = self._state.last_end()
            why = end.why if end else f"{state.name}: {state.message}" if state is not None else "its run is gone"
            if not self._pace.hopeless and self._pace.due:
                self._tell(f"the live session ended ({why}); starting it again")
            elif self._pace.hopeless and not self._hopeless_announced:
                self._hopeless_announced = True
                tries, minutes = self._pace.tries, SLOW_S / 60
                self._tell(
                    f"the live session has ended {tries} times soon after its start, and is now tried again every "
                    f"{minutes:.0f} minutes: {why}{f'. Next: {end.next_step}' if end else ''}"
                )
            if self._pace.due:
                await self._bury("the live run that it belonged to has ended", windows_only=True)
                await self._start_run(client)

    async def _start_run(self, client: PrefectClient) -> None:
        from flows.orchestration.runs import find_live_deployment, start_live_run

        deployment = await find_live_deployment(client)
        if deployment is not None:
            self._pace.begin()
            self._run = await start_live_run(client, deployment)

    async def _bury(self, why: str, *, all_flows: bool = False, windows_only: bool = False) -> None:
        """Declare dead what Prefect believes to run while no owner is alive."""
        if self._owner() is not None:
            return
        from flows.orchestration.runs import OUR_FLOWS, SESSION_FLOWS, client_of, declare_crashed

        flows = OUR_FLOWS if all_flows else SESSION_FLOWS[1:] if windows_only else SESSION_FLOWS
        async with client_of(retries=1) as client:
            await declare_crashed(client, flows, f"The run's process has ended: {why}")

    async def _cancel_run(self) -> None:
        owner = self._owner()
        run = UUID(owner.run) if owner is not None and owner.run is not None else self._run
        if run is None:
            return
        from flows.orchestration.runs import cancel, client_of, state_of

        async with client_of(retries=1) as client:

            async def ended() -> bool:
                state = await state_of(client, run)
                return state is None or state.is_final()

            if not await ended():
                await cancel(client, run, "cubefeed up was stopped")
                await _wait_for(ended, CANCEL_S)

    async def _end_owner(self) -> None:
        """End an owner that could not be cancelled, since Prefect does not answer."""

        async def gone() -> bool:
            return self._owner() is None

        for how in (signal.SIGTERM, signal.SIGKILL):
            owner = self._owner()
            if owner is None:
                return
            with suppress(ProcessLookupError):
                os.kill(owner.pid, how)
            await _wait_for(gone, CANCEL_S)

    async def _until(self, ready: Callable[[], Awaitable[bool]], child: Child) -> None:
        async def ready_or_ended() -> bool:
            return not child.alive or await ready()

        in_time = await _wait_for(ready_or_ended, START_S)
        if not (in_time and child.alive):
            why = f"did not start within {START_S:g} s" if child.alive else "ended at once"
            raise StateError(f"{child.name} {why}", next_step=f"see {child.log_file}")

    def _tell_once(self, trouble: str) -> None:
        if trouble != self._last_trouble:
            self._last_trouble = trouble
            self._tell(trouble)


def _guarded(api_url: str, secret: str) -> dict[str, str]:
    """What keeps others out of a Prefect server: the secret, and what a foreign page in a browser may not do."""
    here = api_url.removesuffix("/api")
    return {
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{here},{here.replace('127.0.0.1', 'localhost')}",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",  # it calls a tracking service even where analytics are off
    }


async def _wait_for(met: Callable[[], Awaitable[bool]], patience_s: float) -> bool:
    """Look until a condition is met. Returns False when that takes too long."""
    deadline = time.monotonic() + patience_s
    while not await met():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_S)
    return True
