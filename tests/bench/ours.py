"""The whole path of this project, in a process of its own: settled file → gate, hash, checks, segment, ledger, cube,
and the answer of an HTTP query."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.ingest.bootstrap import OpenFeed, open_feed
from flows.ingest.client import read
from flows.ingest.pipeline import Stages
from flows.settings import Settings
from tests.bench.apart import Figures, peak_mb
from tests.bench.files import warm_up_file

DECLARED = f"{Path(__file__).with_name('declaration.py')}:SALES"
SETTLED_S = 0.5
"""A file this old has settled; what is timed begins after that."""
_TOTALS = (("measure", "contributors.COUNT"), ("measure", "Quantity.SUM"))


@dataclass
class Session:
    """An open session without Prefect."""

    opened: OpenFeed
    stages: Stages

    async def load_waiting(self) -> dict[str, int]:
        """Load what has settled, and ask for it. Returns the cube's totals."""
        await self.stages.load_waiting()
        return self.totals()

    def totals(self) -> dict[str, int]:
        """Rows and quantity of the whole cube, over HTTP."""
        rows = self.ask(*_TOTALS)
        row = rows[0] if rows else {"contributors.COUNT": 0, "Quantity.SUM": 0}
        return {"rows": row["contributors.COUNT"], "quantity": row["Quantity.SUM"] or 0}

    def ask(self, *parameters: tuple[str, str]) -> list[dict[str, Any]]:
        """Ask the read API."""
        return list(read(self.opened.owner, "/api/query", parameters)["rows"])

    async def arrive(self, *files: Path, into: Path) -> None:
        """Let files land, as links, and settle; nothing looks at them meanwhile."""
        for file in files:
            (into / file.name).unlink(missing_ok=True)
            (into / file.name).hardlink_to(file)
        await asyncio.sleep(SETTLED_S)


@contextlib.asynccontextmanager
async def session(landing: Path | None, state: Path, declared: str = DECLARED) -> AsyncIterator[Session]:
    """Open a session on a landing directory, or those that are declared; its cube is empty until `stages.rebuild`."""
    settings = Settings(state=state, datasets=declared, landing=landing)
    with open_feed(settings, tell=lambda _: None) as opened:
        async with Stages(opened.feed) as stages:
            yield Session(opened, stages)


def first_load(*, waiting: str, landing: str, state: str) -> Figures:
    """Load files that have just settled into an empty cube. They lie in `waiting` and are linked to `landing`."""
    warm = warm_up_file(Path(f"{state}-warm"))
    return asyncio.run(_first_load(Path(waiting), Path(landing), Path(state), warm, DECLARED))


def first_load_of(*, waiting: str, landing: str, state: str, warm: str, declared: str) -> Figures:
    """The same with another dataset, and a file of it that brings everything into memory."""
    return asyncio.run(_first_load(Path(waiting), Path(landing), Path(state), Path(warm), declared))


async def _first_load(waiting: Path, landing: Path, state: Path, warm: Path, declared: str) -> Figures:
    landing.mkdir(parents=True, exist_ok=True)
    async with session(landing, state, declared) as live:
        await live.stages.rebuild()
        await live.arrive(warm, into=landing)
        await live.load_waiting()
        await live.arrive(*sorted(waiting.iterdir()), into=landing)
        started = time.monotonic()
        totals = await live.load_waiting()
        took_s = time.monotonic() - started
        return {"seconds": took_s, **totals, "peak_mb": peak_mb()}


def restart(*, landing: str, state: str) -> Figures:
    """Open an existing state, rebuild the cube from its segments, compare with the directory, answer."""
    return asyncio.run(_restart(Path(landing), Path(state)))


async def _restart(landing: Path, state: Path) -> Figures:
    started = time.monotonic()
    async with session(landing, state) as live:
        await live.stages.rebuild()
        rebuilt_s = time.monotonic() - started
        totals = await live.load_waiting()
        return {"seconds": time.monotonic() - started, "rebuilt_s": rebuilt_s, **totals}
