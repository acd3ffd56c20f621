"""The steps from an engine's answer to that of a question, each on the whole answer and for every engine.

The frame of a step has the levels and measures asked of the engine, with totals `total_depth`, and with others
`is_others`. Rows of totals pass `having` and `top` untouched: they are of all rows that `where` keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import polars as pl

from flows.cube.frames import exact_sums
from flows.cube.wide_sums import narrow_sums, wide_sum
from flows.model.answered import Answered
from flows.model.conditions import Condition
from flows.model.matching import matches
from flows.model.measures import Aggregation, Measure, folding
from flows.model.question import OTHERS, Question
from flows.model.tables import TOTAL_DEPTH, Column
from flows.model.types import FLOAT

_PLACE = "_place"


def having(table: Answered, question: Question, answer: pl.DataFrame) -> pl.DataFrame:
    """The groups that meet the conditions on measures."""
    if not question.having:
        return answer
    kept = [_meets(table, each, answer) for each in question.having]
    return answer.filter(pl.all_horizontal(kept) | _is_total(question))


def ordered(table: Answered, question: Question, answer: pl.DataFrame) -> pl.DataFrame:
    """The rows in the order asked for: totals of fewer levels first, others last in their part, and those that are
    equal in the order of the levels. What has no value comes last among measures; of levels it is the least."""
    falling = {order.name: order.descending for order in question.order}
    depth = [pl.col(TOTAL_DEPTH)] if question.totals else []
    parts = [pl.col(name) for name in question.partition]
    others = [pl.col(OTHERS)] if OTHERS in answer.columns else []
    asked = [_compared(table, order.name, answer) for order in question.order]
    levels = [pl.col(name) for name in question.by]
    keys = [*depth, *parts, *others, *asked, *levels]
    if not keys:
        return answer
    down = [falling.get(name, False) for name in question.partition]
    descending = [*_no(depth), *down, *_no(others), *falling.values(), *_no(levels)]
    last = [name not in question.by or descending for name, descending in falling.items()]
    return answer.sort(keys, descending=descending, nulls_last=[*_no(depth), *down, *_no(others), *last, *_no(levels)])


def _no(keys: Sequence[object]) -> list[bool]:
    return [False] * len(keys)


def top(table: Answered, question: Question, answer: pl.DataFrame) -> pl.DataFrame:
    """The first groups of an ordered answer, with others a row for the rest of each part."""
    if question.top is None:
        return answer
    totals, groups = answer.filter(_is_total(question)), answer.filter(~_is_total(question))
    place = pl.int_range(pl.len()).over(question.partition) if question.partition else pl.int_range(pl.len())
    placed = groups.with_columns(place.alias(_PLACE))
    first = placed.filter(pl.col(_PLACE) < question.top.groups).drop(_PLACE)
    if not question.others:
        return pl.concat([totals, first])
    rest = _folded(table, question, placed.filter(pl.col(_PLACE) >= question.top.groups))
    shown = pl.concat([totals, first]).with_columns(pl.lit(False).alias(OTHERS))
    wide = {name: kind for name, kind in rest.schema.items() if kind != shown.schema[name]}
    shown = shown.with_columns(pl.col(name).cast(kind) for name, kind in wide.items())
    return ordered(table, question, pl.concat([shown, rest.select(shown.columns)]))


def page(question: Question, answer: pl.DataFrame) -> pl.DataFrame:
    """The rows asked for, out of all."""
    return answer.slice(question.offset, question.limit)


def _folded(table: Answered, question: Question, rest: pl.DataFrame) -> pl.DataFrame:
    """One row for the groups of each part; what cannot be made of theirs is null."""
    fixed = question.partition
    base = {measure.name: measure for measure in table.measures}
    measures = [
        _fold(table, rest, base[name]) if name in base else pl.lit(None, rest.schema[name]).alias(name)
        for name in question.asked_measures
    ]
    found = rest.group_by(fixed).agg(measures) if fixed else rest.select(measures).head(rest.height)
    absent = [pl.lit(None, rest.schema[name]).alias(name) for name in question.by if name not in fixed]
    depth = [pl.lit(len(question.by), pl.Int64).alias(TOTAL_DEPTH)] if question.totals else []
    sums = exact_sums(table, question.query)
    narrow = [narrow_sums(found[name], kind) for name, kind in sums.items() if _is_wide(found[name])]
    return found.with_columns(*narrow, *absent, *depth, pl.lit(True).alias(OTHERS))


def _fold(table: Answered, rest: pl.DataFrame, measure: Measure[Aggregation]) -> pl.Expr:
    name, kind, how = measure.name, rest.schema[measure.name], folding(measure.aggregation)
    column = pl.col(name)
    match how:
        case "sum" if kind == pl.String:  # sums of decimals with more digits than one has: an error is told of them
            found = pl.lit(None, kind)
        case "sum":
            found = pl.when(column.count() > 0).then(wide_sum(Column(name, table.type_of_measure(name))))
        case "count":
            found = column.sum()
        case "least":
            found = column.min()
        case "greatest":
            found = column.max()
        case None:
            found = pl.lit(None, kind)
        case _:
            assert_never(how)
    return found.alias(name)


def _is_wide(sums: pl.Series) -> bool:
    return isinstance(sums.dtype, pl.Struct | pl.Int128)


def _meets(table: Answered, condition: Condition, answer: pl.DataFrame) -> pl.Expr:
    kind = table.type_of_measure(condition.name)
    if _is_long(table, condition.name, answer):
        kind = FLOAT
    return matches(condition, _compared(table, condition.name, answer), kind)


def _compared(table: Answered, name: str, answer: pl.DataFrame) -> pl.Expr:
    return pl.col(name).cast(pl.Float64) if _is_long(table, name, answer) else pl.col(name)


def _is_long(table: Answered, name: str, answer: pl.DataFrame) -> bool:
    """Whether a measure came as text, since a sum of decimals has more digits than one holds: compared as floats, those
    that differ there alone count as equal."""
    is_base = any(each.name == name for each in table.measures)
    is_number = is_base and table.type_of_measure(name).sums is not None
    return is_number and answer.schema[name] == pl.String


def _is_total(question: Question) -> pl.Expr:
    return pl.col(TOTAL_DEPTH) < len(question.by) if question.totals else pl.lit(False)
