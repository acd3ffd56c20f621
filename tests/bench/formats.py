"""The same rows in files of other formats: beside CSV, and a workbook beside its reader library alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from cubefeed import Dataset, JsonLines, Parquet

from tests.bench.apart import apart
from tests.bench.dialects import PLAIN, ROWS, Receipt, Writer, receipts, write_plain, written_loads
from tests.bench.files import spread
from tests.bench.rows import Measured
from tests.bench.workbooks import measure_workbook
from tests.bench.workspace import Workspace, compared

SHEET_ROWS = 100_000

PARQUET = Dataset(schema=Receipt, landing="landing", format=Parquet())
JSON_LINES = Dataset(schema=Receipt, landing="landing", format=JsonLines())

WRITERS: dict[str, tuple[str, Writer]] = {
    "PLAIN": ("csv", write_plain),
    "PARQUET": ("parquet", pl.DataFrame.write_parquet),
    "JSON_LINES": ("jsonl", pl.DataFrame.write_ndjson),
}
__all__ = ["JSON_LINES", "PARQUET", "PLAIN"]


def formats(on: Workspace) -> Iterator[Measured]:
    """The same rows three times, and fewer in a workbook."""
    rows = on.scaled(ROWS)
    csv, parquet, json_lines = on.alternate(written_loads(on, rows, WRITERS, __file__))
    yield compared("file-parquet", parquet, csv, {"files": 1, "rows": rows})
    yield compared("file-json-lines", json_lines, csv, {"files": 1, "rows": rows})
    sheet_rows = on.scaled(SHEET_ROWS)
    file = on.fresh("sheet.xlsx")
    receipts(spread(np.arange(sheet_rows))).write_excel(file)
    figures = apart(measure_workbook, file=file, rows=sheet_rows, times=on.times)
    yield Measured("workbook", figures["ours"], figures["library"], {"rows": sheet_rows})
