"""What `cubefeed up` supervises: starts what is missing, keeps it running, and ends what it started, in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from flows.cube.atoti.start import TERMS
from flows.datasets import load_datasets
from flows.errors import CubefeedError, StateError
from flows.installation.ports import free_port
from flows.installation.prefect_server import PrefectServer
from flows.installation.processes import Child
from flows.installation.run_environment import RUN_ENVIRONMENT
from flows.installation.working_directory import require_own_working_directory
from flows.redaction import without_secrets
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.settings import Settings
from flows.store.owner import Owner
from flows.store.state_directory import StateDirectory
from flows.store.trust import PRIVATE

if TYPE_CHECKING:
    from flows.installation.live_run import LiveRun

END_S = 10.0
"""How long Prefect may take over each step of an orderly end; the processes end without it."""
KEEP_S = 1.0
"""How often what runs is looked at."""


@dataclass
class Addresses:
    """Where people look, and what the Prefect server asks them for, where it was started here."""

    prefect_url: str
    owner: Owner
    secret: str | None


class Supervisor:
    """The processes of one installation: a Prefect server, what serves the deployments, and the live run in it.

    Args:
        settings: what to run; handed on through the environment.
        notify: shows a sentence to the user.
        reset_schedules: whether the declared schedules take the place of what people have made of them in Prefect.
    """

    def __init__(self, settings: Settings, *, notify: Callable[[str], None], reset_schedules: bool = False) -> None:
        self._settings = settings
        self._notify = notify
        self._reset_schedules = reset_schedules
        self._state = StateDirectory(settings.state.resolve())
        self._port = settings.port or free_port()  # the same one after a restart, for open pages
        self._server = PrefectServer(self._state, notify=notify)
        self._serving: Child | None = None
        self._live: LiveRun | None = None
        self._last_trouble = ""

    async def start(self) -> Addresses:
        """Start the server if there is none, serve the deployments, and start the live session.

        Raises:
            StateError: this state directory is in use, or something did not start.
        """
        self._prepare()
        self._server.start(self._settings.prefect_port, self.environment())
        os.environ.update(self.environment())
        await asyncio.to_thread(import_module, "flows.installation.deployments")  # meanwhile
        from flows.installation.live_run import LiveRun  # only now: it imports Prefect, which reads that environment

        await self._server.wait()
        self._live = LiveRun(self._state, self._settings.name, notify=self._notify)
        owner = await self._live.start(await self._serve_deployments(self._live))
        url = os.environ.get("PREFECT_UI_URL") or self._server.api_url.removesuffix("/api")
        return Addresses(without_secrets(url), owner, self._server.secret)

    async def keep(self, stopping: asyncio.Event) -> None:
        """Start again what has died, until it is to stop."""
        while not stopping.is_set():
            try:
                with boundary(Scope.PREFECT):
                    await self._revive()
                self._last_trouble = ""
            except NothingFailed as failed:  # the next round tries again
                waits = "" if isinstance(failed.cause, CubefeedError) else "waiting for Prefect: "
                self._notify_once(f"{waits}{failed}")
            for child in (self._server.process, self._serving):
                if child is not None:
                    child.trim_log()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), KEEP_S)

    @property
    def server_starts(self) -> int:
        """How often the Prefect server was started here."""
        return self._server.process.starts if self._server.process is not None else 0

    @property
    def failure(self) -> CubefeedError | None:
        """Why no session is live, where the last one ended by itself."""
        return self._live.failure if self._live is not None else None

    async def end(self) -> None:
        """End the live run in order, then what was started, the last first; nothing that others have started."""
        if self._live is not None and self._serving is not None:
            with suppress(NothingFailed), boundary(Scope.PREFECT):  # the processes are ended below in any case
                await asyncio.wait_for(self._live.cancel(), END_S)
            await self._live.end_owner()
            await asyncio.to_thread(self._serving.end)
            with suppress(NothingFailed), boundary(Scope.PREFECT):  # honest states may be too late for it
                await asyncio.wait_for(self._live.declare_crashed("cubefeed up was stopped", all_flows=True), END_S)
        await self._server.end()

    def environment(self) -> dict[str, str]:
        """What every process of this installation gets."""
        chosen = {
            **RUN_ENVIRONMENT,
            "PREFECT_HOME": str(self._state.prefect),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_CLI_PROMPT": "false",
        }
        given = {name: os.environ[name] for name in chosen if os.environ.get(name)}
        settings = {
            **self._settings.environment(),
            "CUBEFEED_STATE": str(self._state.root),
            "CUBEFEED_PORT": str(self._port),
        }
        return {**chosen, **given, **settings, **self._server.environment}

    def _prepare(self) -> None:
        """See that this installation may be started here."""
        os.umask(PRIVATE)
        require_own_working_directory()
        load_datasets(self._settings)  # what is wrong with them shows before anything is started
        self._state.create()
        if self._settings.engine == "atoti":
            self._notify(TERMS)
        holder = self._state.holder()
        if holder is not None:
            raise StateError(
                f"Cubefeed is running here already ({holder.process}, {holder.url})",
                next_step="use it, or stop it, or name another --state",
                state=self._state.root,
            )

    async def _serve_deployments(self, live: LiveRun) -> Child:
        from flows.installation.deployments import register
        from flows.orchestration.automations import ensure_crash_automation, remove_restart_automation
        from flows.orchestration.corrupt_runs import end_corrupt_runs
        from flows.orchestration.registration import kept_lines
        from flows.orchestration.runs import client_of

        serving = self._serving = Child(
            "the process that serves the deployments",
            [sys.executable, "-m", "flows.installation.deployments"],
            self.environment(),
            self._state.root / "serve.log",
            on_orphaned=signal.SIGKILL,  # the owner sees that its parent is gone, and closes the session in order
        )
        self._notify("serving the deployments …")
        registered = await register(self._settings, reset_schedules=self._reset_schedules)
        for line in kept_lines(registered):
            self._notify(line)
        async with client_of() as client:
            for ended in await end_corrupt_runs(client, [each.id for each in registered]):
                self._notify(ended)
            await live.declare_crashed("found Running at the start, with no process left")
            await ensure_crash_automation(client, self._settings.name)
            await remove_restart_automation(client, self._settings.name)
        serving.start()
        return serving

    async def _revive(self) -> None:
        """One look at everything that should run."""
        assert self._live is not None
        server, serving = self._server.process, self._serving
        if server is not None and not server.alive:
            if server.backoff.due:
                self._restart(server)
        elif serving is not None and not serving.alive:
            if self._live.owner is None and serving.backoff.due:  # an orphaned owner closes its session first
                await self._live.declare_crashed("its process is gone")
                self._restart(serving)
        else:
            await self._live.revive()

    def _restart(self, child: Child) -> None:
        self._notify(f"{child.name} ended; starting it again")
        child.start()

    def _notify_once(self, trouble: str) -> None:
        if trouble != self._last_trouble:
            self._last_trouble = trouble
            self._notify(trouble)
