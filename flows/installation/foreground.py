"""The commands that stand above processes of their own: `up`, and `deploy`, whose processes a worker starts."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from flows.alerts.supervisor import supervisor_alerts
from flows.alerts.supervisor_look import SupervisorLook
from flows.errors import CubefeedError, plain_lines
from flows.installation.notices import notify, write_notice
from flows.installation.supervisor import Addresses, Supervisor
from flows.installation.working_directory import require_own_working_directory
from flows.redaction import without_secrets
from flows.settings import Settings


def run_deploy(settings: Settings, *, pool: str, reset_schedules: bool) -> None:
    """Register the deployments on a work pool, and say what to type next."""
    require_own_working_directory()
    from flows.installation.deploy import deploy  # only now: it imports Prefect, which takes settings from there

    lines = asyncio.run(deploy(settings, pool=pool, reset_schedules=reset_schedules))
    sys.stdout.write(f"{plain_lines(without_secrets('\n'.join(lines)))}\n")


def run_up(settings: Settings, *, reset_schedules: bool = False) -> None:
    """Run everything until SIGTERM or Ctrl-C."""
    asyncio.run(run_installation(settings, keep=True, reset_schedules=reset_schedules))


async def run_installation(
    settings: Settings,
    *,
    keep: bool,
    story: Callable[[Addresses], Awaitable[None]] | None = None,
    enter_ends: bool = False,
    reset_schedules: bool = False,
) -> bool:
    """Start everything, run a story, stay up where that is wished, and end what was started.

    Args:
        settings: what is run.
        keep: stay up after the story, until SIGTERM or Ctrl-C.
        story: what happens once everything is up.
        enter_ends: so does Enter at the terminal, once the story is over.
        reset_schedules: take the declared schedules again, whatever people have made of them.

    Returns:
        False when a signal came before the story was over.

    Raises:
        CubefeedError: something did not start, or the last session had ended by itself and no other was live.
    """
    supervisor = Supervisor(settings, notify=notify, reset_schedules=reset_schedules)
    stopping = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stopping.set)

    async def begin(alerts: SupervisorLook) -> None:
        try:
            addresses = await supervisor.start()
        except CubefeedError as error:
            alerts.note_failure(str(error))
            raise
        alerts.note_start()
        write_notice(f"Prefect:     {addresses.prefect_url}{_sign_in(addresses)}\nlive page:   {addresses.owner.url}/")
        if story is not None:
            await story(addresses)
        if enter_ends:
            asyncio.get_running_loop().add_reader(sys.stdin, end_by_enter)
        if keep:
            notify("Enter ends it" if enter_ends else "Ctrl-C ends it")

    def end_by_enter() -> None:
        sys.stdin.readline()  # which the shell would take for a command of its own
        asyncio.get_running_loop().remove_reader(sys.stdin)
        stopping.set()

    stopped = asyncio.create_task(stopping.wait())
    try:
        with supervisor_alerts(settings, lambda: supervisor.server_starts) as alerts:
            beginning = asyncio.create_task(begin(alerts))
            try:
                await asyncio.wait({beginning, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if beginning.done():
                    beginning.result()
                    if keep:
                        await supervisor.keep(stopping)
                        failure = supervisor.failure
                        if failure is not None:
                            raise failure
                return beginning.done()
            finally:
                beginning.cancel()
    finally:
        stopped.cancel()
        notify("stopping …")
        await supervisor.end()
        notify("stopped")


def _sign_in(addresses: Addresses) -> str:
    """What Prefect's pages ask for; the password itself only where a person reads it, and no log."""
    if addresses.secret is None:
        return ""
    return f" (password: {addresses.secret if sys.stderr.isatty() else 'see cubefeed prefect-password'})"
