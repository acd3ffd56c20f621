"""The foreground commands: `up` and `watch`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bar

from flows.app.opening import OpenFeed
from flows.app.watching import watch as watch_loop
from flows.settings import Settings
from flows.up import Up


def tell(text: str) -> None:
    """Say something to the user, apart from the output."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run_watch(settings: Settings, *, ready_file: Path | None) -> None:
    """Keep the cube live without Prefect until SIGTERM or Ctrl-C."""
    with Bar(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("initial load", total=None)

        def progress(dataset: str, done: int, total: int) -> None:
            bar.update(line, description=f"initial load: {dataset}", completed=done, total=total)

        def ready(opened: OpenFeed) -> None:
            bar.stop()
            if ready_file is not None:
                ready_file.write_text(f"{opened.owner.url}\n", encoding="utf-8")
            tell(f"live: {opened.owner.url}/api/status (Ctrl-C ends it)")

        asyncio.run(watch_loop(settings, on_ready=ready, progress=progress, tell=tell))
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    tell("stopped")


def run_up(settings: Settings) -> None:
    """Run everything until SIGTERM or Ctrl-C."""
    asyncio.run(_up(settings))


async def _up(settings: Settings) -> None:
    running = Up(settings, tell=tell)
    stopping = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stopping.set)
    starting = asyncio.create_task(running.start())
    ended_early = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({starting, ended_early}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            addresses = starting.result()
            tell(f"Prefect:     {addresses.prefect_url}\nlive status: {addresses.owner.url}/api/status\nCtrl-C ends it")
            await running.keep(stopping)
    finally:
        starting.cancel()
        ended_early.cancel()
        tell("stopping …")
        await running.end()
        tell("stopped")
