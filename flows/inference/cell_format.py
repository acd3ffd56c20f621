"""How the cells of all columns are written, and what is otherwise in some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from flows.inference.columns import Column
from flows.model.formats import Cells, CellText, Csv
from flows.model.numbers import PLAIN_NUMBERS, Numbers

PLAIN_CELLS = CellText(nulls=Csv().nulls)
"""How cells are read where nothing is said of them."""


def describe_cells(columns: Sequence[Column], names: Mapping[str, str], decimal: str) -> CellText:
    """How the text of cells is read, with all that was understood of it.

    Args:
        columns: what they hold.
        names: what headers call columns → what they are called in the declaration.
        decimal: the decimal sign.
    """
    plain, true, false = PLAIN_CELLS, *_words(columns)
    days, moments = _forms(columns, "Date"), _forms(columns, "Datetime")
    common = replace(
        plain,
        decimal=decimal,
        numbers=_numbers(columns),
        date_format=_one_or_several(days) or plain.date_format,
        datetime_format=_one_or_several(moments) or plain.datetime_format,
        nulls=("", *_common_nulls(columns)),
        true=true or plain.true,
        false=false or plain.false,
    )
    return replace(common, columns={names[text]: cells for text, cells in _apart(common, columns)})


def _apart(form: CellText, columns: Sequence[Column]) -> Iterator[tuple[str, Cells]]:
    """What is otherwise in some columns."""
    for column in columns:
        written = _one_or_several(column.forms)
        nulls = tuple(each for each in column.nulls if each not in form.nulls)
        other = None if written in ((), form.date_format, form.datetime_format) else written
        cells = Cells(
            numbers=None if column.marks.percent is None else replace(form.numbers, percent=column.marks.percent),
            date_format=other if column.kind == "Date" else None,
            datetime_format=other if column.kind == "Datetime" else None,
            nulls=(*form.nulls, *nulls) if nulls else None,
        )
        if cells != Cells():
            yield column.text, cells


def _numbers(columns: Sequence[Column]) -> Numbers:
    """All marks that numbers have; a percent sign is a matter of its column."""
    return replace(reduce(_both, (column.marks for column in columns), PLAIN_NUMBERS), percent=None)


def _both(one: Numbers, other: Numbers) -> Numbers:
    return Numbers(
        thousands=one.thousands or other.thousands,
        currency=tuple(dict.fromkeys((*one.currency, *other.currency))),
        brackets=one.brackets or other.brackets,
        trailing_minus=one.trailing_minus or other.trailing_minus,
        plus=one.plus or other.plus,
        minus=tuple(dict.fromkeys((*one.minus, *other.minus))),
    )


def _common_nulls(columns: Sequence[Column]) -> list[str]:
    """Texts that mean "no value" in some columns, and are no text in others."""
    held = {each for column in columns for each in column.held}
    return list(dict.fromkeys(each for column in columns for each in column.nulls if each not in held))


def _forms(columns: Sequence[Column], kind: str) -> tuple[str, ...]:
    """The forms that most columns of a kind have."""
    counts = Counter(column.forms for column in columns if column.kind == kind and column.forms)
    return max(counts, key=lambda forms: counts[forms], default=())


def _one_or_several(forms: tuple[str, ...]) -> str | tuple[str, ...]:
    return forms[0] if len(forms) == 1 else forms


def _words(columns: Sequence[Column]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pairs = [column.words for column in columns if column.words is not None]
    return tuple(dict.fromkeys(yes for yes, _ in pairs)), tuple(dict.fromkeys(no for _, no in pairs))
