"""The names of a file's columns against those that the dataset declares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flows.model.dataset import Dataset
from flows.model.files import first_names
from flows.model.header import Header
from flows.model.tolerances import Tolerance
from flows.text.plural import counted

MAX_PREAMBLE = 1_000
"""Lines, or rows, among which a header is looked for."""
_NAMED = 5
_NAME_CHARS = 40

type Columns = tuple[str | None, ...]
"""What each cell of a row is: the name of a column, or None where it is ignored."""


class ColumnNames:
    """What the columns of a dataset's files have to be.

    Args:
        dataset: the declaration.
        header: what it says of the names.
    """

    def __init__(self, dataset: Dataset, header: Header) -> None:
        self._expected = dataset.header
        self._header = header
        self._known = {header.spelled(text): name for text, name in header.aliases.items()}
        self._known |= {header.spelled(name): name for name in dataset.header}
        self._nullable = _optional_columns(dataset)
        self._optional = self._nullable if header.missing == "null" else frozenset()

    def match(self, cells: Sequence[str]) -> Columns | None:
        """What the columns of a file are; None where its names are not as declared."""
        header = self._header
        if header.by == "position":
            return self._expected if len(cells) == len(self._expected) else None
        found = self._find(cells)
        if header.by == "order":
            return found if found == self._expected else None
        named = [name for name in found if name is not None]
        missing = set(self._expected) - set(named) - self._optional
        extra_refused = header.extra == "refuse" and None in found
        return None if missing or extra_refused or not named or len(set(named)) < len(named) else found

    def difference(self, cells: Sequence[str]) -> str:
        """How the names differ, with the option that would take them, if one would; empty where none is declared."""
        expected = self._expected
        if sorted(cells) == sorted(expected):
            return 'the columns are in another order; Header(by="name") takes it'
        if _folded(cells) == _folded(expected):
            return "upper and lower case differ; Header(ignore_case=True) takes it"
        if tuple(name.strip() for name in cells) == expected:
            return "there are blanks around names; Header(strip=True) takes it"
        return self._names(cells) if any(self._find(cells)) else ""

    def _find(self, cells: Sequence[str]) -> Columns:
        return tuple(self._known.get(self._header.spelled(cell)) for cell in cells)

    def _names(self, cells: Sequence[str]) -> str:
        found = self._find(cells)
        counts = Counter(name for name in found if name is not None)
        differences = {
            "twice": sorted(name for name, count in counts.items() if count > 1),
            "missing": [name for name in self._expected if name not in counts and name not in self._optional],
            "extra": [cell for cell, name in zip(cells, found, strict=True) if name is None],
        }
        told = "; ".join(f"{what}: {_first(names)}" for what, names in differences.items() if names)
        missing, extra, twice = differences["missing"], differences["extra"], differences["twice"]
        if twice or (missing and extra):
            return told
        if extra and self._header.extra == "refuse":
            return f'{told}; Header(by="name", extra="ignore") takes it'
        return f'{told}; Header(by="name", missing="null") takes it' if self._nullable.issuperset(missing) else told


def missing_column(name: str, rows: int) -> Tolerance:
    """A declared column that a file lacks, so that its rows have no value in it."""
    return Tolerance("missing column", f"column {name} missing in {counted(rows, 'row')}", rows)


def _optional_columns(dataset: Dataset) -> frozenset[str]:
    """The columns that may be null; where `prepare` makes others of them, all."""
    if dataset.source_columns is not None:
        return frozenset(dataset.source_columns)
    return frozenset(name for name, column in dataset.schema.columns().items() if column.nullable)


def _folded(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def _first(names: Sequence[str]) -> str:
    return first_names([name[:_NAME_CHARS] for name in names], _NAMED)
