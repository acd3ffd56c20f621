"""How files are written: one module per format, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping

from flows.model.declaration import require
from flows.model.formats.cell_text import Cells, CellText
from flows.model.formats.csv import Csv
from flows.model.formats.end import End
from flows.model.formats.excel import Excel
from flows.model.formats.json_lines import JsonLines
from flows.model.formats.parquet import Parquet

__all__ = [
    "CellText",
    "Cells",
    "Csv",
    "End",
    "Excel",
    "Format",
    "JsonLines",
    "Parquet",
    "check_formats",
    "fingerprint_of",
]

type Format = Csv | Parquet | JsonLines | Excel
"""How the files of a dataset are written."""


def check_formats(formats: Mapping[str, Format]) -> None:
    """Refuse formats of files that their names could not tell apart: equal bytes are one delivery under every name, so
    that two formats of one kind would make different rows of it.

    Raises:
        DeclarationError: with the option.
    """
    require(len(formats) > 0, "format", "one format or a mapping that has some", dict(formats))
    require(all(formats), "format", 'a mapping from globs such as "*.csv"', list(formats))
    kinds = {type(form): form for form in formats.values()}
    alike = all(form == kinds[type(form)] for form in formats.values())
    require(alike, "format", "a mapping to one format of each kind", [type(form).__name__ for form in formats.values()])


def fingerprint_of(formats: Format | Mapping[str, Format]) -> str:
    """All that decides how files are read."""
    if not isinstance(formats, Mapping):
        return formats.fingerprint
    return repr({glob: form.fingerprint for glob, form in formats.items()})
