"""`cubefeed watch`: a session without Prefect. It loads nothing of what starts Prefect."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from flows.alerts.session import session_alerts
from flows.ingest.bootstrap import OpenFeed
from flows.ingest.table_fill import Progress
from flows.ingest.watch import watch as watch_loop
from flows.installation.notices import notify
from flows.settings import Settings
from flows.store.atomic_write import write_file
from flows.text.hindrances import hindrances


def run_watch(settings: Settings, *, ready_file: Path | None) -> None:
    """Keep the cube live without Prefect until SIGTERM or Ctrl-C."""
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)  # one that a killed process has left means nothing
    try:
        with ExitStack() as bar:

            def ready(opened: OpenFeed) -> None:
                bar.close()
                _show_hindrances(opened)
                if ready_file is not None:
                    write_file(ready_file, f"{opened.owner.url}\n", what="the ready file", durable=False)
                notify(f"live page: {opened.owner.url}/ (Ctrl-C ends it)")

            progress = bar.enter_context(_shown_progress()) if sys.stderr.isatty() else None
            beside = partial(session_alerts, settings)
            asyncio.run(watch_loop(settings, on_ready=ready, progress=progress, tell=notify, beside=beside))
    finally:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
    notify("stopped")


@contextmanager
def _shown_progress() -> Iterator[Progress]:
    """Shows how far the initial load is, to somebody who looks on."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("initial load", total=None)

        def progress(dataset: str, done: int, total: int) -> None:
            bar.update(line, description=f"initial load: {dataset}", completed=done, total=total)

        yield progress


def _show_hindrances(opened: OpenFeed) -> None:
    for name, state in opened.feed.datasets.items():
        for hindrance in hindrances(degraded=None, problem=state.monitor.inbox.problem):
            notify(f"{name}: {hindrance}")
