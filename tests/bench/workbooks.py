"""A workbook beside its reader library alone."""

from __future__ import annotations

import io
import time
from pathlib import Path

from cubefeed import Dataset, Excel
from python_calamine import CalamineWorkbook

from flows.reading.port import Source
from flows.reading.readers import reader_of
from flows.validation.validate import validate
from tests.bench.apart import Figures
from tests.bench.dialects import Receipt

WORKBOOK = Dataset(schema=Receipt, landing="landing", format=Excel())


def measure_workbook(*, file: str, rows: int, times: int) -> Figures:
    """Read and check a workbook, and read it with the library alone, in turn in one process."""
    body, reader = Path(file).read_bytes(), reader_of(WORKBOOK)

    def ours() -> int:
        return validate(WORKBOOK, reader.parse([Source(file, body)])).rows.height

    def library() -> int:
        with CalamineWorkbook.from_filelike(io.BytesIO(body)) as workbook:
            return len(workbook.get_sheet_by_index(0).to_python()) - 1

    found: dict[str, list[float]] = {"ours": [], "library": []}
    for _ in range(times + 1):
        for name, subject in (("ours", ours), ("library", library)):
            started = time.monotonic()
            if subject() != rows:
                raise RuntimeError(f"{name} did not find {rows} rows")
            found[name].append(time.monotonic() - started)
    return {name: took_s[1:] for name, took_s in found.items()}
