"""How files are written: one module per format, and what they have in common."""

from __future__ import annotations

from flows.model.formats.cell_text import CellText
from flows.model.formats.csv import Csv

__all__ = ["FORMATS", "CellText", "Csv", "Format"]

type Format = Csv
"""How the files of a dataset are written."""
FORMATS = (Csv,)
"""The classes of formats."""
