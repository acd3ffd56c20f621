"""Where the check of a file raised: the step, the rule, the column and the line, as far as they can be told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import polars as pl

from flows.model.dataset import Dataset
from flows.model.tables import LINE
from flows.runtime.boundaries import FileFailed, Scope, boundary
from flows.validation.casts import cast_rows
from flows.validation.derived_columns import DERIVED, compute_derived
from flows.validation.prepare import prepare_files
from flows.validation.raw_rows import RawRows
from flows.validation.rules import checks_of, expressions


@dataclass(frozen=True)
class Fault:
    """What raised.

    Args:
        rule: the step (`reading`, `prepare`, `cast`, `derived`, `check`), or the rule of the schema.
        column: the rule's column, if it belongs to one.
        line: the first physical line at which it raises by itself.
    """

    rule: str
    column: str | None = None
    line: int | None = None

    @property
    def where(self) -> str:
        """The line and the column in brackets, with a blank before; empty where they are not known."""
        known = [f"line {self.line}" if self.line else "", f"column {self.column}" if self.column else ""]
        return f" ({', '.join(filter(None, known))})" if any(known) else ""


def find_fault(dataset: Dataset, parse: Callable[[], RawRows]) -> Fault:
    """Take the steps of a file's check one by one, until one raises again.

    Each step is taken once on the whole file, so that one that raises now and then raises here and nowhere else.

    Args:
        dataset: the declaration.
        parse: reads the file as text.
    """
    text = _attempt(parse)
    if text is None:
        return Fault("reading")
    prepared = _attempt(prepare_files, dataset, text)
    if prepared is None:
        return Fault("prepare")
    rows = prepared.frame
    cast = partial(cast_rows, dataset.schema, dataset.first_format.cells)
    typed = _attempt(cast, rows)
    if typed is None:
        return Fault("cast", line=_first_line(rows, cast))
    derived = _attempt(compute_derived, dataset, typed)
    if derived is None:
        return Fault(DERIVED)
    for rule, expression in expressions(checks_of(dataset.row_schema)):
        check = partial(_select, expression)
        if _attempt(check, derived.frame) is None:
            return Fault(rule.name, rule.column, _first_line(derived.frame, check))
    return Fault("check")


def _select(expression: pl.Expr, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(expression)


def _attempt[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What a call returns; None where it raises."""
    try:
        with boundary(Scope.FILE):
            return call(*args, **kwargs)
    except FileFailed:
        return None


def _first_line(rows: pl.DataFrame, call: Callable[[pl.DataFrame], object]) -> int | None:
    """The line of the first row at which the call raises, where that row alone makes it do so."""
    passing, raising = 0, rows.height
    while passing + 1 < raising:
        middle = (passing + raising) // 2
        if _attempt(call, rows.head(middle)) is None:
            raising = middle
        else:
            passing = middle
    last = rows.slice(raising - 1, 1)
    return int(last[LINE][0]) if raising and _attempt(call, last) is None else None
