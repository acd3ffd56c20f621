"""Files of JSON objects, one a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, get_args

from flows.model.declaration import require
from flows.model.formats.end import End
from flows.model.formats.own_cells import OwnCells
from flows.model.header import Extra, Missing

type FieldPath = tuple[str, ...]
"""The keys that lead to a field, from the outermost object on."""


@dataclass(frozen=True, kw_only=True, repr=False)
class JsonLines(OwnCells):
    """Files of JSON objects, one a line (JSON Lines, NDJSON). Numbers are read from their text, exactly: no float comes
    between. Text columns take text in quotes only; other columns take both, so that `"12.50"` is a number where one is
    declared.

        JsonLines(fields={"Price": "order.price"})      # {"order": {"price": 12.50}}
        JsonLines(fields={"Price": ("order.price",)})   # {"order.price": 12.50}
        JsonLines(extra="ignore", missing="null")

    Args:
        numbers, date_format, datetime_format, nulls, true, false, columns, …: how values are read that are written in
            quotes, as in `Csv`. `null` is no value whatever `nulls` says, and `true` and `false` are what they are.
        fields: the path to a column's field, with dots between keys or as a tuple of them; without one it is the field
            of the column's name.
        extra: what to do with a row that has other fields besides: `refuse` it, or `ignore` them, which is counted.
        missing: what to do with a row that lacks a field: `refuse` it, or take `null` for its value, which is counted.
    """

    end: ClassVar[End] = "text"
    pattern: ClassVar[str] = "*.jsonl"

    fields: Mapping[str, str | FieldPath] = field(default_factory=dict, hash=False)
    extra: Extra = "refuse"
    missing: Missing = "refuse"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.decimal == ".", "format.decimal", '".", as numbers have it in JSON', self.decimal)
        for name, kind in (("extra", Extra), ("missing", Missing)):
            choices, got = get_args(kind), getattr(self, name)
            require(got in choices, f"format.{name}", f"one of {', '.join(choices)}", got)
        paths = [self.path(name) for name in self.fields]
        require(len(set(paths)) == len(paths), "format.fields", "another field for each column", dict(self.fields))

    def path(self, column: str) -> FieldPath:
        """The keys that lead to a column's field."""
        declared = self.fields.get(column, (column,))
        return tuple(declared.split(".")) if isinstance(declared, str) else declared
