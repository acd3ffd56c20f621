"""What may be declared: a polars expression whose every part is on the list of those that look at one row alone.

A part is known by its name in polars' serialised form; one that is not on the list is refused, whatever it is. What is
on it is computed by the rooms beside this one, not by polars' own rules: those wrap integers and round decimals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from inspect import signature
from typing import Any

import dataframely as dy
import polars as pl

from flows.model.expressions import exact
from flows.model.expressions.calendar import TEMPORAL, zone_of
from flows.model.expressions.functions import NUMERIC
from flows.model.expressions.kinds import column_term, literal_term, settled
from flows.model.expressions.operators import BINARY, choose
from flows.model.expressions.result import cast, fitted
from flows.model.expressions.term import Kind, Refused, Sheet, Term
from flows.model.expressions.texts import TEXT
from flows.model.nulls import only_where

FUNCTIONS: Mapping[str, Callable[..., Term]] = {
    **NUMERIC,
    **{f"StringExpr.{name}": function for name, function in TEXT.items()},
    **{f"TemporalExpr.{name}": function for name, function in TEMPORAL.items()},
}
"""Polars' name of a function → what it computes; all others are refused."""
_GROUPS = frozenset(("StringExpr", "TemporalExpr", "Boolean", "Pow"))
_OTHER_ROWS = frozenset((
    "Agg", "Len", "Over", "Rolling", "Sort", "SortBy", "Filter", "Gather", "Slice", "Explode", "Shift", "CumSum",
    "FillNullWithStrategy", "Random", "Interpolate", "Diff", "Unique", "Rank",
))  # fmt: skip
_MOST_PARTS = 1_000


@dataclass(frozen=True)
class Step:
    """A column to compute.

    Args:
        name: its name.
        value: what it is computed from.
        needs: the columns of that.
        last: those of them that nothing after it needs.
    """

    name: str
    value: pl.Expr
    needs: tuple[str, ...]
    last: tuple[str, ...]


@dataclass(frozen=True)
class Computation:
    """An expression, ready to be computed over the rows of a frame.

    Args:
        steps: one after the other.
        value: the column that has the values.
        failed: the one that says where there is none since it could not be computed, or has no place in the type; None
            where that cannot be.
        reads: the columns it is computed from.
    """

    steps: tuple[Step, ...]
    value: str
    failed: str | None
    reads: tuple[str, ...]

    def compute(self, name: str, rows: pl.DataFrame) -> tuple[pl.Series, pl.Series | None]:
        """The values, null where one failed, and where that is; None where it is nowhere."""
        held = {each: rows[each] for each in self.reads}
        for step in self.steps:
            needs = [held[each].alias(each) for each in step.needs]
            held[step.name] = _values(needs, step.value, rows.height)
            for each in step.last:
                del held[each]
        value = held[self.value].alias(name)
        failed = None if self.failed is None else held[self.failed]
        return (only_where(value, ~failed), failed) if failed is not None and failed.any() else (value, None)


def _values(needs: Sequence[pl.Series], value: pl.Expr, height: int) -> pl.Series:
    """A value for each row, also of constants: with columns that are kept as one value polars loses their number."""
    found = pl.DataFrame(needs).select(value).to_series()
    return found if len(found) == height else found.new_from_index(0, height)


def compile_expression(expression: pl.Expr, column: dy.Column, columns: Mapping[str, dy.Column]) -> Computation:
    """An expression over columns, checked and made ready.

    Args:
        expression: as it is declared.
        column: the type of its values.
        columns: those it may name.

    Raises:
        Refused: a part is not allowed, or has no meaning for the columns' types.
    """
    sheet = Sheet({*columns})
    walk = _Walk(sheet, columns)
    try:
        tree = json.loads(expression.meta.serialize(format="json"))
        term = fitted(sheet, walk.term(tree), column)
    except (pl.exceptions.PolarsError, ValueError, RecursionError) as error:
        raise Refused(f"what polars cannot write down ({type(error).__name__})", "with the columns of a row") from error
    value, failed = sheet.name_of(term.value), sheet.name_of(term.failed) if term.failed is not None else None
    return Computation(_steps(sheet.steps, {value, failed}), value, failed, tuple(walk.reads))


def _steps(made: Mapping[str, pl.Expr], kept: Collection[str | None]) -> tuple[Step, ...]:
    """The steps, each with what may be forgotten behind it."""
    found, needed = list[Step](), {each for each in kept if each is not None}
    for name, value in reversed(list(made.items())):
        needs = tuple(dict.fromkeys(value.meta.root_names()))
        if name in needed:  # else what it says is not asked for
            found.append(Step(name, value, needs, tuple(each for each in needs if each not in needed)))
            needed.update(needs)
    return tuple(reversed(found))


class _Walk:
    """From the tree of an expression to a term, part by part."""

    def __init__(self, sheet: Sheet, columns: Mapping[str, dy.Column]) -> None:
        self._sheet = sheet
        self._columns = columns
        self._parts = 0
        self.reads = dict[str, None]()

    def term(self, node: object) -> Term:
        """A part that is not a quotient waiting to be rounded."""
        return settled(self._sheet, self._part(node))

    def _part(self, node: object) -> Term:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise Refused(f"more than {_MOST_PARTS:,} parts", "with fewer of them; several columns may share the work")
        match node:
            case {"Column": str(name)}:
                return self._column(name)
            case {"Literal": literal}:
                return self._literal(literal)
            case {"BinaryExpr": {"left": left, "op": str(op), "right": right}}:
                if op not in BINARY:
                    raise _not_listed(op)
                return BINARY[op](self._sheet, self.term(left), self.term(right))
            case {"Ternary": {"predicate": predicate, "truthy": then, "falsy": otherwise}}:
                return choose(self._sheet, self.term(predicate), self.term(then), self.term(otherwise))
            case {"Cast": {"expr": inner, "dtype": {"Literal": dtype}, "options": "Strict" | "NonStrict" as options}}:
                return cast(self._sheet, self.term(inner), dtype, strict=options == "Strict")
            case {"Function": {"input": [*inputs], "function": function}}:
                return self._function(function, inputs)
            case _:
                raise _not_listed(_name(node))

    def _column(self, name: str) -> Term:
        if name not in self._columns:
            near = "".join(f"; did you mean {each}" for each in get_close_matches(name, self._columns, n=1, cutoff=0.4))
            text = f'; a text would be written pl.lit("{name}")'
            expected = f"with columns of the schema, or declared before it: {', '.join(self._columns)}{near}{text}"
            raise Refused(f"the column {name}", expected)
        self.reads[name] = None
        return column_term(name, self._columns[name])

    def _function(self, function: object, inputs: list[object]) -> Term:
        name, options = _named(function)
        if name not in FUNCTIONS:
            raise _not_listed(name)
        rounds = name == "Round"
        terms = [self._part(each) if rounds else self.term(each) for each in inputs]
        try:
            called = signature(FUNCTIONS[name]).bind(self._sheet, *terms, **options)
        except TypeError as error:
            raise Refused(f"{_words(name)} with {options or 'other options'}", "without them") from error
        return FUNCTIONS[name](*called.args, **called.kwargs)

    def _literal(self, literal: object) -> Term:
        match literal:
            case {"Dyn": {"Int": int(value)}}:
                return exact.constant(value)
            case {"Dyn": {"Float": float(value)}}:
                try:
                    return exact.constant(Decimal(repr(value)))
                except Refused:
                    return literal_term(value)
            case {"Scalar": {"List": _}}:
                return Term(Kind.NOTHING, pl.lit(None), constant=tuple(_value_of(literal)))
            case {"Scalar": _}:
                return literal_term(_value_of(literal))
            case {"Series": _}:
                raise Refused(
                    "a literal Series", "with values that are the same in each row; a list may stand in is_in"
                )
            case _:
                raise Refused("a literal without a finite value", "with literals of the columns' types")


def _value_of(literal: Any) -> Any:
    """A literal, read by polars itself."""
    return pl.select(pl.Expr.deserialize(json.dumps({"Literal": literal}).encode(), format="json")).item()


def _named(function: Any) -> tuple[str, dict[str, Any]]:
    """The name of a function with those of the groups it is in, and its options."""
    match function:
        case str(name):
            return name, {}
        case {"StringExpr": {"Extract": int(capture)}}:
            return "StringExpr.Extract", {"group": capture}
        case {"StringExpr": {"Format": {"format": str(text), "insertions": [*cuts]}}}:
            return "StringExpr.Format", {"text": text, "cuts": cuts}
        case {"TemporalExpr": {"ConvertTimeZone": zone}}:
            return "TemporalExpr.ConvertTimeZone", zone_of(zone)
        case {**named} if len(named) == 1:
            ((group, inner),) = named.items()
            if group not in _GROUPS:
                return str(group), inner if isinstance(inner, dict) else {"": inner}
            within, options = _named(inner)
            return f"{group}.{within}", options
    return _name(function), {}


def _name(node: object) -> str:
    """What polars calls a part, with what is directly in it where that says more: `Agg.Sum`."""
    if not isinstance(node, dict) or not node:
        return str(node)
    name, inner = next(iter(node.items()))
    if name == "Agg" and isinstance(inner, dict):
        return f"{name}.{next(iter(inner))}"
    return str(name)


def _words(name: str) -> str:
    """A part's name as an author writes it, nearly: `Agg.CumSum` is cum_sum."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.rpartition(".")[2]).lower()


def _not_listed(name: str) -> Refused:
    if name.startswith("Anonymous"):
        return Refused("a Python function", "with polars' own functions of the columns of a row; prepare may be Python")
    if name == "Selector":
        return Refused("several columns at once", "with columns by their names, one by one")
    if name == "Alias":
        return Refused("alias", "without a name: the column has that under which it is declared")
    words = "fill_null(strategy=…)" if name == "FillNullWithStrategy" else _words(name)
    if name.partition(".")[0] in _OTHER_ROWS:
        return Refused(f"{words}, which looks at other rows", "with what a row says alone")
    listed = ", ".join(sorted({_words(each) for each in (*FUNCTIONS, *BINARY)}))
    return Refused(words, f"with when/then/otherwise, cast, and these alone: {listed}")
