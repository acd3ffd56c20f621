"""Rows on the live page: from a commit to the pivot redrawn in Chromium."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime

from playwright.sync_api import Page, sync_playwright

from tests.bench.apart import QUIET
from tests.bench.arrivals import Producer
from tests.bench.loads import FILE_ROWS, FILES
from tests.bench.ours import DECLARED
from tests.bench.rows import Measured
from tests.bench.workspace import Loaded, Workspace
from tests.e2e.program import Place, watching
from tests.waiting import until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
TIMES = 14
_WATCH = """() => {
    const cells = () => {
        const grid = document.querySelector("perspective-viewer-datagrid");
        return grid ? [...(grid.shadowRoot || grid).querySelectorAll("td")].map(td => td.textContent).join("|") : "";
    };
    window.redraws = [];
    let last = cells();
    const look = () => {
        const now = cells();
        if (now !== last) { last = now; window.redraws.push(Date.now() / 1000); }
        requestAnimationFrame(look);
    };
    look();
    return last;
}"""


def pages(on: Workspace) -> Iterator[Measured]:
    """The page at 1M rows and at 10M rows."""
    rows = on.scaled(FILE_ROWS)
    for name, count, kind in (("page-1m", FILES // 10, "page"), ("page-10m", FILES, "new")):
        loaded = on.ensure("new", count=count, rows=rows, name=kind)
        del on.loaded[kind]  # it will not be what it was
        note = "from the ledger's staging, which is before the cube's commit"
        yield Measured(name, _delays(on, loaded), sizes={"rows": count * rows}, note=note)


def _delays(on: Workspace, loaded: Loaded) -> list[float]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    root = on.fresh("page-place")
    root.mkdir()
    loaded.landing.mkdir(exist_ok=True)
    place = Place(root, environment={**QUIET, "CUBEFEED_STATE": str(loaded.state)})
    producer = Producer(loaded.landing)
    arguments = ("--dataset", DECLARED, "--landing", loaded.landing, "--port", port, "--observer", "native")
    with watching(place, *arguments), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://127.0.0.1:{port}/")
        until(lambda: page.locator("perspective-viewer-datagrid td").count() > 1, what="the pivot is drawn")
        page.wait_for_timeout(1_000)
        page.evaluate(_WATCH)
        delays = [_delay(page, producer, loaded) for _ in range(on.scaled(TIMES, least=7))]
        browser.close()
    return delays[2:]


def _delay(page: Page, producer: Producer, loaded: Loaded) -> float:
    before = page.evaluate("window.redraws.length")
    name, _, _ = producer.drop()
    deadline = time.monotonic() + 30
    while page.evaluate("window.redraws.length") == before:
        if time.monotonic() > deadline:
            raise RuntimeError("the pivot was not redrawn")
        page.wait_for_timeout(20)
    redrawn = float(page.evaluate(f"window.redraws[{before}]"))
    page.wait_for_timeout(400)
    return redrawn - _staged_at(loaded, name)


def _staged_at(loaded: Loaded, name: str) -> float:
    query = "SELECT staged_utc FROM versions JOIN paths ON paths.id = path_id WHERE path = ?"
    with contextlib.closing(sqlite3.connect(loaded.state / "ledger.db", timeout=30)) as ledger:
        return datetime.fromisoformat(ledger.execute(query, (name.encode(),)).fetchone()[0]).timestamp()
