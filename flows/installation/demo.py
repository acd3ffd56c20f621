"""`cubefeed demo`: the guide's story on a copy of the sample files, through the real deployments."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import Any

from flows.errors import CubefeedError, NotRunning, Starting, StateError
from flows.ingest.client import read
from flows.installation.foreground import run_installation
from flows.installation.notices import notify
from flows.installation.ports import listen
from flows.installation.supervisor import Addresses
from flows.settings import Settings
from flows.store.owner import Owner
from flows.store.state_directory import StateDirectory
from flows.text.output import Format, show

FIRST_FILES, THIRD_FILE = ("sales_2021-05-01.csv", "sales_2021-05-02.csv"), "sales_2021-05-03.csv"
FIRST_TWO = {"2021-05-01": 10, "2021-05-02": 7}
THREE = {**FIRST_TWO, "2021-05-03": 8}
PATIENCE_S = 60.0
LOOK_S = 0.05


class Stay(Enum):
    """Until when the demo stays up after its story."""

    NOT = "it ends with its story"
    ENTER = "until Enter, or Ctrl-C"
    SIGNAL = "until Ctrl-C"


class DemoFailed(CubefeedError):
    """The cube showed other numbers than the guide's."""


def run_demo(settings: Settings, *, stay: Stay, state: Path | None) -> None:
    """Open the cube, load two days, drop the third in, and see it appear.

    Args:
        settings: engine and ports.
        stay: until when it stays up after the story.
        state: the state directory, which must be new; a temporary one, removed at the end, by default.

    Raises:
        DemoFailed: a number differs, or the demo was stopped before its end.
    """
    with tempfile.TemporaryDirectory(prefix="cubefeed-demo-") as scratch:
        landing = Path(scratch) / "landing"
        kept = state if state is not None else Path(scratch) / "state"
        if StateDirectory(kept).ledger.exists():
            raise StateError(
                "The demo begins with an empty cube", next_step="name another --state, or remove this one", state=kept
            )
        landing.mkdir()
        for name in FIRST_FILES:
            copy_sample(name, landing)
        chosen = replace(
            settings, datasets="sales", landing=landing, state=kept, prefect_port=port_for(settings.prefect_port)
        )

        async def story(addresses: Addresses) -> None:
            await _chapters(addresses, landing)
            if stay is not Stay.NOT:
                notify(f"drop files: {landing}\nask it:     cubefeed query Quantity.SUM --by Product --state {kept}")

        kept_up = run_installation(chosen, keep=stay is not Stay.NOT, story=story, enter_ends=stay is Stay.ENTER)
        if not asyncio.run(kept_up):
            raise DemoFailed("The demo was stopped before its end", next_step="start it again: cubefeed demo")


async def _chapters(addresses: Addresses, landing: Path) -> None:
    owner = addresses.owner
    await _expect(owner, FIRST_TWO, rows=7)
    notify(f"loaded {landing}: 7 rows, two dates. Now the third day lands …")
    dropped = time.monotonic()
    copy_sample(THIRD_FILE, landing)
    rows = await _expect(owner, THREE, rows=10)
    notify(f"the cube shows it {time.monotonic() - dropped:.2f} s after the copy began")
    sys.stdout.write(f"Prefect:     {addresses.prefect_url}\nlive page:   {owner.url}/\n")
    show(rows, Format.table)
    sys.stdout.flush()


async def _expect(owner: Owner, quantities: dict[str, int], *, rows: int) -> list[dict[str, Any]]:
    """Wait until the cube shows these quantities per date, and print them."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = await asyncio.to_thread(_query, owner)
        if {row["Date"]: row["Quantity.SUM"] for row in found} == quantities:
            break
        if time.monotonic() > deadline:
            raise DemoFailed(
                "The cube does not show the guide's numbers",
                next_step="see cubefeed doctor",
                expected=quantities,
                got=found,
            )
        await asyncio.sleep(LOOK_S)
    count = sum(row["contributors.COUNT"] for row in found)
    if count != rows:
        raise DemoFailed(
            "The cube holds another number of rows", next_step="see cubefeed doctor", expected=rows, got=count
        )
    if quantities is FIRST_TWO:
        show(found, Format.table)
        sys.stdout.flush()
    return found


def _query(owner: Owner) -> list[dict[str, Any]]:
    with suppress(NotRunning, Starting):
        parameters = [("measure", "Quantity.SUM"), ("measure", "contributors.COUNT"), ("by", "Date")]
        rows: list[dict[str, Any]] = read(owner, "/api/query", parameters)["rows"]
        return rows
    return []


def port_for(wanted: int) -> int:
    """The port that is wanted, or any where another program has it: nobody knows the port of a demo beforehand."""
    try:
        listen(wanted).close()
    except StateError:
        return 0
    return wanted


def copy_sample(name: str, target: Path) -> None:
    """Copy a sample file, which comes with the package, to a directory."""
    sample = files("flows.installation") / "samples" / name
    (target / name).write_bytes(sample.read_bytes())
