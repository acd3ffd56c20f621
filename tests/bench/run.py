"""The benchmark: ours and its peers side by side.

    python -m tests.bench.run [--quick] [--only NAME …]

Ratios are the claims; absolute figures are shown and not claimed. Figures go to `results.json` and, from a whole run
at full size, into the table of the README.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from tests.bench.apart import QUIET, ROOT
from tests.bench.commands import commands
from tests.bench.corrections import corrections
from tests.bench.ledgers import long_history
from tests.bench.live import arrivals, crowd, polled
from tests.bench.loads import burst, many_rows, one_file
from tests.bench.pages import pages
from tests.bench.parts import parts
from tests.bench.queries import queries
from tests.bench.rows import Measured
from tests.bench.table import put_into_readme, table
from tests.bench.workspace import Workspace, say

RESULTS = Path(__file__).with_name("results.json")
QUICK = 0.1
PACKAGES = ("duckdb", "polars", "pyarrow", "dataframely", "watchdog", "prefect", "dlt", "perspective-python")

Group = Callable[[Workspace], Iterator[Measured]]
GROUPS: dict[str, Group] = {
    "arrivals": arrivals,
    "crowd": crowd,
    "polled": polled,
    "burst": burst,
    "one-file": one_file,
    "many-rows": many_rows,
    "queries": queries,
    "corrections": corrections,
    "ledger": long_history,
    "commands": commands,
    "pages": pages,
    "parts": parts,
}
"""In this order, since some use the state that others have loaded."""


def measure(groups: Sequence[str], *, scale: float = 1.0, times: int = 2) -> list[dict[str, Any]]:
    """Run groups of rows in a directory of their own, which is removed.

    Args:
        groups: their names.
        scale: of all sizes; 1 is the full one.
        times: how often each subject runs at smaller sizes.
    Returns:
        The rows of the result.
    """
    os.environ.update(QUIET)
    found = []
    with tempfile.TemporaryDirectory(prefix="cubefeed-bench-") as root:
        workspace = Workspace(Path(root)) if scale == 1 else Workspace(Path(root), scale, times=times, long_s=5.0)
        with workspace.stack:
            for name in groups:
                started = time.monotonic()
                say(f"{name} …")
                if name != "crowd":  # which comes to the session that is there
                    workspace.end_live()
                for measured in GROUPS[name](workspace):
                    row = measured.result(whole=scale == 1)
                    found.append(row)
                    say(f"  {line(row)}")
                say(f"  ({time.monotonic() - started:.0f} s)")
    return found


def line(row: dict[str, Any]) -> str:
    """One row in words."""
    judged = {True: "met", False: "MISSED", None: ""}[row["met"]]
    if row["ratio"] is None:
        return f"{row['name']}: {row['ours']:.3f} {row['unit']}, at most {row['target']:g} {judged}"
    target = "" if row["target"] is None else f", at most {row['target']:.3g}"
    sides = f"{row['ours']:.4g} / {row['peer_value']:.4g} {row['unit']}"
    return f"{row['name']}: {row['ratio']:.3f} × {row['peer']}{target} {judged} ({sides}) {row['note']}".rstrip()


def save(rows: list[dict[str, Any]], part: str) -> None:
    """Put rows into the results: those of the full size under `rows`, those of a quick run under `quick`."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept = {row["name"]: row for row in results.get(part, [])} | {row["name"]: row for row in rows}
    results |= {"machine": machine(), "versions": {name: version(name) for name in PACKAGES}, part: list(kept.values())}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def machine() -> dict[str, Any]:
    """What the figures were made on, in general terms."""
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def main() -> None:
    """Run what was asked for; exit 1 where the run is void."""
    parser = argparse.ArgumentParser(description="Ours and its peers side by side.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, in under four minutes")
    parser.add_argument("--only", action="append", choices=GROUPS, help="only this group of rows; may be repeated")
    given = parser.parse_args()
    started = time.monotonic()
    rows = measure(given.only or list(GROUPS), scale=QUICK if given.quick else 1.0)
    save(rows, "quick" if given.quick else "rows")
    if not given.quick and not given.only:
        put_into_readme(ROOT / "README.md", rows)
    sys.stdout.write(table(rows))
    say(f"{time.monotonic() - started:.0f} s")
    sys.exit(1 if any("void" in row["note"] for row in rows) else 0)


if __name__ == "__main__":
    main()
