"""How cost grows: every row at a hundredth, a tenth and the whole of its size, and the exponent.

    python -m tests.bench.full [--only NAME …]

The exponent is that of cost ~ size^exponent from a tenth to the whole; below 1 a larger load is cheaper per row.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from math import log10
from typing import Any

from tests.bench.groups import GROUPS
from tests.bench.run import PAGE, QUICK, ending, measure, save, save_so_far
from tests.bench.table import put_into_page
from tests.bench.workspace import say

SCALES = (0.01, QUICK, 1.0)


def main() -> None:
    """Run all sizes, keep the figures, print the exponents."""
    parser = argparse.ArgumentParser(description="Every row at three sizes.")
    parser.add_argument("--only", action="append", choices=GROUPS, help="only this group of rows; may be repeated")
    groups = parser.parse_args().only or list(GROUPS)
    sizes: list[dict[str, dict[str, Any]]] = []
    for scale in SCALES:
        say(f"== {scale:g} of the size")
        part = {QUICK: "quick", 1.0: "rows"}.get(scale)
        rows = measure(groups, scale=scale, times=3, keep=partial(save_so_far, part=part) if part else _forget)
        sizes.append({row["name"]: row for row in rows})
    whole = list(sizes[-1].values())
    for row in whole:
        row["exponent"] = _exponent([size[row["name"]]["ours"] for size in sizes])
        row["peer_exponent"] = _exponent([size[row["name"]]["peer_value"] for size in sizes])
    save(whole, "rows", whole=len(groups) == len(GROUPS))
    if len(groups) == len(GROUPS):
        put_into_page(PAGE, whole)
    sys.stdout.write("| what | ÷100 | ÷10 | ×1 | exponent | peer's exponent |\n|---|---|---|---|---|---|\n")
    for row in whole:
        found = [size[row["name"]]["ours"] for size in sizes]
        values = " | ".join("–" if value is None else f"{value:.4g}" for value in found)
        exponents = " | ".join("–" if e is None else f"{e:.2f}" for e in (row["exponent"], row["peer_exponent"]))
        sys.stdout.write(f"| {row['what']}, {row['unit']} | {values} | {exponents} |\n")
    sys.exit(ending(whole))


def _forget(_: object) -> None:
    """Rows of this size are shown only."""


def _exponent(values: list[float | None]) -> float | None:
    _, tenth, whole = values
    return round(log10(whole / tenth), 2) if tenth and whole else None


if __name__ == "__main__":
    main()
