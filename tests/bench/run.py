"""The benchmark: ours and its peers side by side.

    python -m tests.bench.run [--quick] [--only NAME …]

Ratios are the claims; absolute figures are shown and not claimed. Figures go to `results.json` after each group and,
from a whole run at full size, into the table of README.md beside it.

A peer or a browser that is not installed, or a group that fails, takes no other row with it: its own rows are "not
measured: why". In `results.json` only a whole run puts such a row in the place of one with values, since all its rows
are to be of one run.

Exit 0 when everything was measured that could be, 1 when something failed that is here or a run is void, 130 after
Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.bench.apart import QUIET, ROOT
from tests.bench.failures import is_absent
from tests.bench.groups import GROUPS, Group, measure_group
from tests.bench.table import put_into_page, replace_text, table
from tests.bench.workspace import Workspace, say

RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "tests" / "bench" / "README.md"
QUICK = 0.1
PACKAGES = ("duckdb", "polars", "pyarrow", "dataframely", "watchdog", "prefect", "dlt", "perspective-python")

Result = dict[str, Any]
Keep = Callable[[Sequence[Result]], None]


def measure(
    groups: Iterable[str],
    *,
    scale: float = 1.0,
    times: int = 2,
    keep: Keep = lambda rows: None,
    known: Mapping[str, Group] = GROUPS,
) -> list[Result]:
    """Run groups of rows in a directory of their own, which is removed.

    Args:
        groups: their names.
        scale: of all sizes; 1 is the full one.
        times: how often each subject runs at smaller sizes.
        keep: gets all rows so far after each group, also after one that Ctrl-C ends.
        known: name → group.
    Returns:
        The rows of the result; one that could not be measured has no values and says why.
    """
    os.environ.update(QUIET)
    found: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="cubefeed-bench-", ignore_cleanup_errors=True) as root:
        workspace = Workspace(Path(root)) if scale == 1 else Workspace(Path(root), scale, times=times, long_s=5.0)
        with workspace.stack:
            for name in groups:
                started = time.monotonic()
                say(f"{name} …")
                try:
                    for measured in measure_group(known[name], workspace):
                        found.append(measured.result(whole=scale == 1))
                        say(f"  {line(found[-1])}")
                finally:
                    keep(found)
                say(f"  ({time.monotonic() - started:.0f} s)")
    return found


def line(row: Result) -> str:
    """One row in words."""
    if row["ours"] is None:
        return f"{row['name']}: {row['note']}"
    judged = {True: "met", False: "MISSED", None: ""}[row["met"]]
    if row["ratio"] is None:
        return f"{row['name']}: {row['ours']:.3f} {row['unit']}, at most {row['target']:g} {judged}"
    target = "" if row["target"] is None else f", at most {row['target']:.3g}"
    sides = f"{row['ours']:.4g} / {row['peer_value']:.4g} {row['unit']}"
    return f"{row['name']}: {row['ratio']:.3f} × {row['peer']}{target} {judged} ({sides}) {row['note']}".rstrip()


def save(rows: Sequence[Result], part: str, *, whole: bool = False) -> None:
    """Put rows into the results: those of the full size under `rows`, those of a quick run under `quick`.

    Args:
        rows: what was measured.
        part: `rows` or `quick`.
        whole: they are all rows of one run, so nothing is kept of earlier ones. Otherwise earlier rows stay, also
            where this run has no values.
    Raises:
        OSError: they cannot be written; what was there is left.
    """
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept: dict[str, Result] = {} if whole else {row["name"]: row for row in results.get(part, [])}
    for row in rows:
        if row["ours"] is not None or kept.get(row["name"], row)["ours"] is None:
            kept[row["name"]] = row
    results |= {"machine": machine(), "versions": versions(), part: list(kept.values())}
    replace_text(RESULTS, json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def save_so_far(rows: Sequence[Result], part: str) -> None:
    """As `save`, while a run goes on: a disk that is full now may have room once the run has removed its files."""
    try:
        save(rows, part)
    except OSError as error:
        say(f"  {RESULTS.name} cannot be written yet: {error}")


def machine() -> dict[str, Any]:
    """What the figures were made on, in general terms."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def versions() -> dict[str, str | None]:
    """Of the packages that are measured; None for one that is not installed."""
    found: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def ending(rows: Sequence[Result]) -> int:
    """Say what was not measured, and why. Returns the exit code."""
    missing = [row for row in rows if row["ours"] is None]
    for row in missing:
        say(line(row))
    failed = any(not is_absent(row["note"]) for row in missing)
    return 1 if failed or any(row["note"].startswith("void") for row in rows) else 0


def main(arguments: Sequence[str] | None = None, *, known: Mapping[str, Group] = GROUPS) -> int:
    """Run what was asked for. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Ours and its peers side by side.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, in under four minutes")
    parser.add_argument("--only", action="append", choices=known, help="only this group of rows; may be repeated")
    given = parser.parse_args(arguments)
    part, whole = "quick" if given.quick else "rows", not given.only
    started = time.monotonic()
    try:
        rows = measure(
            given.only or list(known),
            scale=QUICK if given.quick else 1.0,
            keep=lambda rows: save_so_far(rows, part),
            known=known,
        )
    except KeyboardInterrupt:
        say(f"ended; {RESULTS.name} has what was measured before")
        return 130
    sys.stdout.write(table(rows))
    save(rows, part, whole=whole)
    if whole and not given.quick:
        put_into_page(PAGE, rows)
    say(f"{time.monotonic() - started:.0f} s")
    return ending(rows)


if __name__ == "__main__":
    sys.exit(main())
