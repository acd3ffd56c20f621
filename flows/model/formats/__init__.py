"""How files are written: one module per format, and what they have in common."""

from __future__ import annotations

from flows.model.formats.cell_text import Cells, CellText
from flows.model.formats.csv import Csv
from flows.model.formats.end import End
from flows.model.formats.excel import Excel
from flows.model.formats.json_lines import JsonLines
from flows.model.formats.parquet import Parquet

__all__ = ["CellText", "Cells", "Csv", "End", "Excel", "Format", "JsonLines", "Parquet"]

type Format = Csv | Parquet | JsonLines | Excel
"""How the files of a dataset are written."""
