"""Ledgers that are lost and restored, and what lies on the disk beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flows.datasets.sales import SALES
from flows.model.tables import Table
from flows.settings import Observer
from flows.store.backup import make_backup
from flows.store.footer import KEY, Footer, footer_text, read_footer
from flows.store.restore import RestoreResult, restore_ledger
from flows.store.segment_rows import read_segment
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import LiveFeed, live, sales


def segment_files(root: Path) -> list[Path]:
    return sorted((root / "state" / "segments").glob("*.parquet"))


def set_aside(root: Path) -> list[str]:
    return sorted(file.name.split(".")[0] for file in (root / "state" / "quarantine" / "_segments").glob("*"))


def lose_the_ledger(root: Path) -> None:
    for file in (root / "state").glob("ledger.db*"):
        file.unlink()


def restore(root: Path, *tables: Table) -> RestoreResult:
    return restore_ledger(StateDirectory(root / "state"), tables or [SALES.table])


def back_up(living: LiveFeed, root: Path) -> Path:
    return make_backup(living.feed.ledger.file, root / "state" / "backups")


def load(living: LiveFeed, name: str, *quantities: int, start: int = 1) -> None:
    def version() -> int:
        file = living.file(name)
        return file.version if file is not None and file.state == "loaded" else 0

    before = version()
    living.put(name, sales(*quantities, start=start))
    living.wait_until(lambda: version() > before)


def as_former(file: Path, form: int) -> None:
    """Write a segment's footer as earlier programs did, in format 1 or 2."""
    footer = read_footer(file)
    names = {id: path for path, id in footer.decisions.named_paths().items()}
    same = ("id", "mtime_ns", "size_bytes", "rows", "refused", "collapsed")
    facts: dict[str, object] = {
        "dataset": footer.dataset,
        "fingerprint": footer.fingerprint,
        "versions": [
            {
                **{name: getattr(row, name) for name in same},
                "path": names[row.path_id].hex(),
                "digest": row.digest.hex(),
                "place": row.path_id,
            }
            for row in footer.decisions.versions
        ],
    }
    if form == 2:
        facts |= {"format": 2, "origin": "batch", "batch": footer.batch, "after": footer.after, "uuid": footer.uuid}
    with_footer(file, facts)


def with_footer(file: Path, footer: Footer | dict[str, object], *, target: Path | None = None) -> Path:
    """Write a segment with another footer."""
    text = footer_text(footer) if isinstance(footer, Footer) else json.dumps(footer)
    rows = read_segment(file)
    target = target or file
    rows.write_parquet(target, compression="lz4", metadata={KEY: text})
    return target


def fill(root: Path, observer: Observer, **options: Any) -> None:
    """Three files; the second is corrected and covers a row of the first."""
    with live(root, observer, **options) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        living.put("b.csv", sales(7, start=2))
        living.wait_for({1: 1, 2: 7})
        living.put("b.csv", sales(8, start=2))
        living.wait_for({1: 1, 2: 8})
        living.put("c.csv", sales(5, start=9))
        living.wait_for({1: 1, 2: 8, 9: 5})
