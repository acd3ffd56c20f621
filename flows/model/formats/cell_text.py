"""How values are written as text, whatever the format is whose cells hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Literal

from flows.model.declaration import declared_words, require, require_kind
from flows.model.numbers import PLAIN_NUMBERS, Numbers
from flows.model.time_forms import FIRST_YEAR, TimeForm, reads_back

Side = Literal["earliest", "latest"]
_FIRST_YEARS = (1871, 2069)


@dataclass(frozen=True, kw_only=True, repr=False)
class Cells:
    """How the cells of one column are written, where that is otherwise than in the others; None is as there.

        columns={"Rate": Cells(numbers=Numbers(percent="share")), "Due": Cells(date_format="%m/%d/%Y", nulls=("-",))}

    Args:
        decimal: see `Csv`, as all of these.
        numbers: the marks that numbers may have.
        date_format: the form of days, or several.
        datetime_format: the form of moments, or several.
        first_year: the first year that `%y` may mean.
        ambiguous: which of two moments a local time means.
        nulls: texts that mean "no value".
        true: texts that mean true.
        false: texts that mean false.
    """

    decimal: str | None = None
    numbers: Numbers | None = None
    date_format: str | tuple[str, ...] | None = None
    datetime_format: str | tuple[str, ...] | None = None
    first_year: int | None = None
    ambiguous: Side | None = None
    nulls: tuple[str, ...] | None = None
    true: tuple[str, ...] | None = None
    false: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return declared_words(self)


@dataclass(frozen=True, kw_only=True)
class CellText:
    """How the text of cells is read, and values are written as text.

    Args:
        decimal: `.` or `,`.
        numbers: the marks that numbers may have.
        date_format: strftime format of Date columns, or several.
        datetime_format: strftime format of Datetime columns, or several; those with a time zone may have `%z` at its
            end, for `Z` and offsets such as `+01:00`.
        first_year: the first year that `%y` may mean.
        ambiguous: which of two moments a local time means that clocks of a zone have shown twice; None for neither.
        nulls: texts that mean "no value".
        true: texts that mean true.
        false: texts that mean false.
        columns: a column → what is otherwise in its cells.
    """

    decimal: str = "."
    numbers: Numbers = PLAIN_NUMBERS
    date_format: str | tuple[str, ...] = "%Y-%m-%d"
    datetime_format: str | tuple[str, ...] = "%Y-%m-%d %H:%M:%S"
    first_year: int = FIRST_YEAR
    ambiguous: Side | None = None
    nulls: tuple[str, ...] = ()
    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)
    columns: Mapping[str, Cells] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        require_kind("format.numbers", self.numbers, Numbers)
        require(self.decimal in (".", ","), "format.decimal", "`.` or `,`", self.decimal)
        apart = self.decimal not in self.numbers.separators
        require(apart, "format.numbers.thousands", "another sign than format.decimal", self.numbers.thousands)
        low, high = _FIRST_YEARS
        year = self.first_year
        require(low <= year <= high, "format.first_year", f"{low} to {high}", year)
        sides = ("earliest", "latest", None)
        require(self.ambiguous in sides, "format.ambiguous", "earliest, latest or None", self.ambiguous)
        _check_forms("format.date_format", self.date_forms, "a strftime format such as %d.%m.%Y, or several")
        expected = "a strftime format such as %d.%m.%Y %H:%M:%S, or several, with %z at its end or nowhere"
        _check_forms("format.datetime_format", self.datetime_forms, expected, offset=True)
        for name in ("nulls", "true", "false"):
            texts = getattr(self, name)
            require(isinstance(texts, tuple), f"format.{name}", 'a tuple such as ("N/A",)', texts)
        both = set(self.true) & set(self.false)
        require(not both, "format.true", "texts that are not in format.false too", both)
        _ = self._by_column  # which checks them

    @cached_property
    def _by_column(self) -> Mapping[str, CellText]:
        found = {}
        for name, each in self.columns.items():
            require_kind(f"format.columns.{name}", each, Cells)
            given = {option.name: getattr(each, option.name) for option in fields(each)}
            found[name] = replace(self, columns={}, **{n: value for n, value in given.items() if value is not None})
        return found

    def of(self, column: str) -> CellText:
        """How the cells of a column are written."""
        return self._by_column.get(column, self)

    @cached_property
    def date_forms(self) -> tuple[TimeForm, ...]:
        """The forms of days, in order."""
        return self._forms(self.date_format)

    @cached_property
    def datetime_forms(self) -> tuple[TimeForm, ...]:
        """The forms of moments, in order."""
        return self._forms(self.datetime_format)

    def _forms(self, text: str | tuple[str, ...]) -> tuple[TimeForm, ...]:
        texts = (text,) if isinstance(text, str) else text
        return tuple(TimeForm(each, self.first_year) for each in texts)

    @property
    def forms(self) -> tuple[TimeForm, ...]:
        """The forms of days and moments in all columns."""
        return tuple(
            form for each in (self, *self._by_column.values()) for form in each.date_forms + each.datetime_forms
        )


def _check_forms(name: str, forms: tuple[TimeForm, ...], expected: str, *, offset: bool = False) -> None:
    require(bool(forms) and len(set(forms)) == len(forms), name, expected, [form.text for form in forms])
    for form in forms:
        sound = "%z" not in form.text[: -2 if offset else None]
        require(sound and reads_back(form), name, expected, form.text)
