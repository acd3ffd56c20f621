"""The live session as a Prefect run: started, started again when it has ended, and ended in order.

It imports Prefect, which reads the environment then: whoever imports this module has set that before.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State

from flows.errors import CubefeedError, SessionEnded, StateError
from flows.installation.backoff import SLOW_S, Backoff
from flows.installation.processes import Child, wait_for
from flows.orchestration.deployment_names import live_deployment
from flows.orchestration.runs import (
    OUR_FLOWS,
    SESSION_FLOWS,
    cancel,
    client_of,
    declare_crashed,
    find_live_deployment,
    start_live_run,
    state_of,
)
from flows.runtime.clock import now_utc
from flows.store.owner import Owner
from flows.store.state_directory import StateDirectory

CANCEL_S = 10.0


class LiveRun:
    """The run of keep-cube-live that holds the session of a state directory.

    Args:
        state: the state directory.
        installation: the name of the installation, or nothing.
        notify: shows a sentence to the user.
    """

    def __init__(self, state: StateDirectory, installation: str, *, notify: Callable[[str], None]) -> None:
        self._state = state
        self._installation = installation
        self._notify = notify
        self._run: UUID | None = None
        self._backoff = Backoff()
        self._announced: str | None = None
        self._at_rest = self._hopeless_announced = False

    @property
    def owner(self) -> Owner | None:
        """The live owner, if it is a Prefect run; `cubefeed watch` is none of ours."""
        owner = self._state.owner()
        return owner if owner is not None and owner.run is not None else None

    @property
    def failure(self) -> CubefeedError | None:
        """Why no session is live, where the last one ended by itself."""
        end = self._state.last_end()
        if end is None or self._at_rest or self.owner is not None:
            return None
        kind = SessionEnded if end.code == SessionEnded.exit_code else StateError
        return kind(f"There was no live session any more ({end.why})", next_step=end.next_step)

    async def start(self, serving: Child) -> Owner:
        """Start the session in the process that serves the deployments.

        Raises:
            StateError: it did not start.
        """
        self._notify("opening the session and loading the directory …")
        begun_utc = now_utc()
        async with client_of() as client:
            await self._start_run(client)

            async def is_live() -> bool:
                state = await self._state_of_run(client)
                if self.owner is None and state is not None and state.is_final():
                    end = self._state.last_end()
                    if end is not None and end.at_utc >= begun_utc:
                        raise StateError(f"The live session did not start: {end.why}", next_step=end.next_step)
                    why = f"The live session did not start: {state.message}"
                    raise StateError(why, next_step=f"see {serving.log_file}")
                return self.owner is not None

            await serving.wait_until(is_live)
        owner = self._state.require_owner()
        self._announced = owner.run
        return owner

    async def revive(self) -> None:
        """Start a new run when the last one has ended, unless people ended it."""
        owner = self.owner
        if owner is not None and owner.run is not None:
            self._run, self._at_rest = UUID(owner.run), False
            if self._announced != owner.run and self._state.last_end() is None:  # it has not only begun
                self._notify(f"the live session is back: {owner.url}/")
                self._announced, self._hopeless_announced = owner.run, False
        elif not self._at_rest:
            await self._start_again()

    async def cancel(self) -> None:
        """Cancel the run, and wait until it has ended."""
        owner = self.owner
        run = UUID(owner.run) if owner is not None and owner.run is not None else self._run
        if run is None:
            return
        async with client_of(retries=1) as client:

            async def has_ended() -> bool:
                state = await state_of(client, run)
                return state is None or state.is_final()

            if not await has_ended():
                await cancel(client, run, "cubefeed up was stopped")
                await wait_for(has_ended, CANCEL_S)

    async def end_owner(self) -> None:
        """End an owner that could not be cancelled, since Prefect does not answer."""

        async def is_gone() -> bool:
            return self.owner is None

        for how in (signal.SIGTERM, signal.SIGKILL):
            owner = self.owner
            if owner is None:
                return
            with suppress(ProcessLookupError):
                os.kill(owner.pid, how)
            await wait_for(is_gone, CANCEL_S)

    async def declare_crashed(self, why: str, *, all_flows: bool = False, windows_only: bool = False) -> None:
        """Declare crashed what Prefect believes to run while no owner is alive."""
        if self.owner is not None:
            return
        flows = OUR_FLOWS if all_flows else SESSION_FLOWS[1:] if windows_only else SESSION_FLOWS
        async with client_of(retries=1) as client:
            await declare_crashed(client, self._installation, flows, f"The run's process has ended: {why}")

    async def _start_again(self) -> None:
        async with client_of(retries=1) as client:
            state = await self._state_of_run(client)
            if state is not None and not state.is_final():
                return  # it has not opened the session yet, or is closing it
            if state is not None and state.is_cancelled():
                self._at_rest = True
                again = live_deployment(self._installation)
                self._notify(f"the live run was cancelled; start another one in Prefect: {again}")
                return
            self._announce_end(state)
            if self._backoff.due:
                await self.declare_crashed("the live run that it belonged to has ended", windows_only=True)
                await self._start_run(client)

    def _announce_end(self, state: State | None) -> None:
        """Say that the session ended, each time; once it is hopeless, only once."""
        end = self._state.last_end()
        why = end.why if end else f"{state.name}: {state.message}" if state is not None else "its run is gone"
        if not self._backoff.hopeless and self._backoff.due:
            self._notify(f"the live session ended ({why}); starting it again")
        elif self._backoff.hopeless and not self._hopeless_announced:
            self._hopeless_announced = True
            tries, minutes = self._backoff.tries, SLOW_S / 60
            self._notify(
                f"the live session has ended {tries} times soon after its start, and is now tried again every "
                f"{minutes:.0f} minutes: {why}{f'. Next: {end.next_step}' if end else ''}"
            )

    async def _start_run(self, client: PrefectClient) -> None:
        deployment = await find_live_deployment(client, self._installation)
        if deployment is not None:
            self._backoff.mark_start()
            self._run = await start_live_run(client, deployment)

    async def _state_of_run(self, client: PrefectClient) -> State | None:
        return None if self._run is None else await state_of(client, self._run)
