"""What was understood of samples of one format."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from flows.inference.cell_format import describe_cells
from flows.inference.draft import Draft
from flows.inference.paths import name_pattern
from flows.inference.source_text import Argument, FormatText
from flows.model.formats import CellText, Csv, Excel, JsonLines, Parquet


@dataclass(frozen=True)
class FormatDraft(Draft):
    """What was understood of files of one format.

    Args:
        beside: the columns of all files in their order, where there are some of other formats besides.
    """

    beside: Sequence[str] = field(default=(), kw_only=True)

    @property
    @abstractmethod
    def format_class(self) -> type[Csv] | type[Excel] | type[JsonLines] | type[Parquet]:
        """The class of the format."""

    @abstractmethod
    def format_arguments(self) -> Iterator[Argument]:
        """What of the format differs from the defaults."""

    def formats(self) -> list[FormatText]:
        form = FormatText("", self.format_class.__name__, list(self.format_arguments()))
        return [form] if form.arguments or self.format_class is not Csv else []

    def pattern(self) -> str:
        plain = set(self.found.files).difference(self.found.archives)
        pattern = name_pattern([*plain, *(sample.file for sample in self.samples if sample.archive is not None)])
        return "" if pattern == self.format_class.pattern else pattern

    @cached_property
    def names(self) -> tuple[str, ...]:
        texts = [each.text for each in self.columns.columns]
        named = dict(zip(self.beside or texts, self._named(self.beside or texts), strict=True))
        return tuple(named[text] for text in texts)

    @property
    def is_apart(self) -> bool:
        """Whether files of other formats have other columns, or the same in another order."""
        return bool(self.beside) and [each.text for each in self.columns.columns] != list(self.beside)

    @property
    def lacks_columns(self) -> bool:
        """Whether files of other formats have columns besides."""
        return len(self.beside) > len(self.columns.columns)

    def cells_of(self, text: str) -> CellText:
        """How the cells of a column are read that headers call so."""
        return self.cells.of(self._named_by_text[text])

    @cached_property
    def cells(self) -> CellText:
        """All that was understood of cells, and of the days that paths give."""
        found = describe_cells(self.columns.columns, self._named_by_text, self.columns.decimal)
        return replace(found, date_format=self.path.form) if self.path is not None and self.path.form else found

    @property
    def _named_by_text(self) -> dict[str, str]:
        return dict(zip((each.text for each in self.columns.columns), self.names, strict=True))

    def why_forms(self, kind: str) -> str:
        """From how many values of a kind their forms were understood."""
        values = sum(each.values for each in self.columns.columns if each.kind == kind)
        return f"{values:,} values" if values else "in the paths"
