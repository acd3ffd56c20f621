"""The same rows in files of other formats: beside CSV, and a workbook beside its reader library alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from cubefeed import Dataset, JsonLines, Parquet

from tests.bench.apart import Figures, apart
from tests.bench.dialects import PLAIN, ROWS, Receipt, receipts, write_plain
from tests.bench.files import SPARE_KEY, WARM_ROWS, Expected, spread
from tests.bench.ours import first_load_of
from tests.bench.rows import Measured
from tests.bench.workbooks import measure_workbook
from tests.bench.workspace import Workspace, check, compared

SHEET_ROWS = 100_000

PARQUET = Dataset(schema=Receipt, landing="landing", format=Parquet())
JSON_LINES = Dataset(schema=Receipt, landing="landing", format=JsonLines())

WRITERS: dict[str, tuple[str, Callable[[pl.DataFrame, Path], object]]] = {
    "PLAIN": ("csv", write_plain),
    "PARQUET": ("parquet", pl.DataFrame.write_parquet),
    "JSON_LINES": ("jsonl", pl.DataFrame.write_ndjson),
}
__all__ = ["JSON_LINES", "PARQUET", "PLAIN"]


def formats(on: Workspace) -> Iterator[Measured]:
    """The same rows three times, and fewer in a workbook."""
    rows = on.scaled(ROWS)
    frame, warm = receipts(spread(np.arange(rows))), receipts(np.arange(SPARE_KEY, SPARE_KEY + WARM_ROWS))
    expected = Expected(rows + WARM_ROWS, int(frame["Quantity"].sum()) + int(warm["Quantity"].sum()))
    for name, (ending, write) in WRITERS.items():
        for part, each in (("files", frame), ("warm", warm)):
            directory = on.fresh(f"{name}-{part}")
            directory.mkdir()
            write(each, directory / f"{part}.{ending}")
    csv, parquet, json_lines = on.alternate([partial(_load, on, name, expected) for name in WRITERS])
    yield compared("file-parquet", parquet, csv, {"files": 1, "rows": rows})
    yield compared("file-json-lines", json_lines, csv, {"files": 1, "rows": rows})
    sheet_rows = on.scaled(SHEET_ROWS)
    file = on.fresh("sheet.xlsx")
    receipts(spread(np.arange(sheet_rows))).write_excel(file)
    figures = apart(measure_workbook, file=file, rows=sheet_rows, times=on.times)
    yield Measured("workbook", figures["ours"], figures["library"], {"rows": sheet_rows})


def _load(on: Workspace, name: str, expected: Expected) -> Figures:
    ending, _ = WRITERS[name]
    figures = apart(
        first_load_of,
        waiting=on.root / f"{name}-files",
        landing=on.fresh(f"{name}/landing"),
        state=on.fresh(f"{name}/state"),
        warm=on.root / f"{name}-warm/warm.{ending}",
        declared=f"{Path(__file__)}:{name}",
    )
    check(figures, expected)
    return figures
