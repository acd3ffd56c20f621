"""The regression guard: a quick run's ratios beside the committed ones; never seconds.

    python -m tests.bench.guard

Exit 1 where a row is slower by more than its bound, twice in a row, or could not be measured at all.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.bench.groups import GROUPS
from tests.bench.rows import ROWS
from tests.bench.run import QUICK, RESULTS, measure
from tests.bench.workspace import say

UNGUARDED = ("crowd", "polled", "ledger", "parts", "pages", "commands", "start")
"""Groups that take long at any size, or of whose rows none is held against anything, are left to the whole run."""
GUARDED = tuple(name for name in GROUPS if name not in UNGUARDED)


def main() -> None:
    """Measure once, compare, measure again and more often what seems slower, and say it line by line."""
    committed = {row["name"]: row for row in json.loads(RESULTS.read_text())["quick"]}
    groups_of: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    for group in GUARDED:
        for row in measure([group], scale=QUICK, times=1):
            found[row["name"]], groups_of[row["name"]] = row, group
    slower = [name for name, row in found.items() if is_slower(row, committed)]
    for group in dict.fromkeys(groups_of[name] for name in slower):
        say(f"once more: {group}")
        for row in measure([group], scale=QUICK):
            if row["name"] in slower and _is_better(row, found[row["name"]]):
                found[row["name"]] = row
    failed = [name for name, row in found.items() if is_slower(row, committed)]
    for name, row in found.items():
        judged = "ok" if name not in failed else "SLOWER" if row["ours"] is not None else "FAILED"
        sys.stdout.write(f"{judged:7}{_words(row, committed)}\n")
    sys.exit(1 if failed else 0)


def _bound(row: dict[str, Any], committed: dict[str, dict[str, Any]]) -> float | None:
    """The largest ratio that is let pass; None for a row without one, since seconds do not travel."""
    factor = ROWS[row["name"]].guard
    before = committed.get(row["name"], {}).get("ratio")
    if factor is None or row["ratio"] is None or before is None:
        return None
    return max(factor * float(before), row["target"] or 0.0)


def is_slower(row: dict[str, Any], committed: dict[str, dict[str, Any]]) -> bool:
    """Whether it is above its bound, or has no values that could be held against it."""
    bound = _bound(row, committed)
    return row["ours"] is None or (bound is not None and row["ratio"] > bound)


def _is_better(row: dict[str, Any], before: dict[str, Any]) -> bool:
    return row["ours"] is not None and (before["ours"] is None or row["ratio"] < before["ratio"])


def _words(row: dict[str, Any], committed: dict[str, dict[str, Any]]) -> str:
    if row["ours"] is None:
        return f"{row['name']}: {row['note']}"
    bound = _bound(row, committed)
    if bound is None:
        return f"{row['name']}: not guarded"
    before = committed[row["name"]]["ratio"]
    return f"{row['name']}: {row['ratio']:.3g} × {row['peer']}, committed {before:.3g}, at most {bound:.3g}"


if __name__ == "__main__":
    main()
