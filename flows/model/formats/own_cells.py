"""What formats have in common that came after CSV."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

from flows.model.declaration import declared_words
from flows.model.formats.cell_text import CellText


@dataclass(frozen=True, kw_only=True, repr=False)
class OwnCells(CellText):
    """A format whose options say how the text of its cells is read, as those of `Csv` do."""

    @cached_property
    def cells(self) -> CellText:
        """How the text of cells is read."""
        return CellText(**{each.name: getattr(self, each.name) for each in fields(CellText)})

    @property
    def fingerprint(self) -> str:
        """All that decides how a file is read."""
        return repr(self)

    def __repr__(self) -> str:
        return declared_words(self)
