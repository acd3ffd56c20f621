"""Which fields of a file's objects are which columns of the dataset."""

from __future__ import annotations

from collections.abc import Mapping

from flows.model.dataset import Dataset
from flows.model.formats import CellText, JsonLines
from flows.model.formats.json_lines import FieldPath
from flows.model.types import BOOLEAN, type_of
from flows.reading.typed_columns import takes_text_only


class Fields:
    """The fields of a dataset's objects.

    Args:
        dataset: the declaration.
        json_lines: how it says that the objects are.
    """

    def __init__(self, dataset: Dataset, json_lines: JsonLines) -> None:
        self.header = dataset.header
        self.paths: Mapping[str, FieldPath] = {name: json_lines.path(name) for name in dataset.header}
        self.columns: Mapping[FieldPath, str] = {path: name for name, path in self.paths.items()}
        self.takes_extra = json_lines.extra == "ignore"
        self.takes_missing = json_lines.missing == "null"
        self._cells: CellText = json_lines.cells
        self._declared = dataset.schema.columns() if dataset.prepare is None else {}

    def takes_text_only(self, column: str) -> bool:
        """Whether a value has to be in quotes; where `prepare` gets the values, they need not."""
        return takes_text_only(self._declared.get(column))

    def is_boolean(self, column: str) -> bool:
        """Whether true and false are its values; where `prepare` gets the values, they may be."""
        declared = self._declared.get(column)
        return declared is None or type_of(declared) is BOOLEAN

    def words(self, column: str) -> dict[str, str]:
        """How true and false are written as text."""
        cells = self._cells.of(column)
        return {"true": cells.true[0], "false": cells.false[0]}

    def rule(self, column: str) -> str:
        """The name of the rule that a value breaks which is none of the column's type."""
        declared = self._declared.get(column)
        return type_of(declared).kind if declared is not None else "value"


def spelled(path: FieldPath) -> str:
    """A path in a message."""
    return ".".join(path)
