"""Questions to several tables at once: each is asked for its own measures, and the answers stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from flows.cube.asking.ask import Answer, Engine, answer_of
from flows.cube.asking.calculate import Widened
from flows.cube.bounds import Bounds
from flows.model.conditions import Condition
from flows.model.joint_table import JointTable
from flows.model.query import Query
from flows.model.question import Question
from flows.model.tables import TOTAL_DEPTH, Table


def ask_side_by_side(
    table: JointTable,
    question: Question,
    where: Mapping[str, tuple[Condition, ...]],
    engine: Engine,
    bounds: Bounds,
    *,
    most_rows: int,
) -> Answer:
    """Answer a question of several tables, from one state of all: a row per group that one of them has, in which the
    measures of those without such a group are null. The steps are those of `ask`, on these rows.

    Args:
        table: the tables asked.
        question: the question, which names measures as `sales:Revenue.SUM`, and has no conditions on rows.
        where: as in `JointTable.queries`.
        engine: asks the engine.
        bounds: what the engine may take, of each table.
        most_rows: how many rows the answer may have.

    Raises:
        TooManyRows: as `ask` does.
    """

    def found() -> tuple[pl.DataFrame, tuple[str, ...]]:
        queries = table.queries(question, where)
        parts = [_Part(table, each, query, question) for each, query in zip(table.tables, queries, strict=True)]
        answers = iter(engine([query for part in parts for query in part.queries], bounds))
        told = [part.answer([next(answers) for _ in part.queries]) for part in parts]
        frame = _joined(question, [rows for rows, _ in told])
        bounds.require_fits(frame.height)
        return frame, tuple(name for _, names in told for name in names)

    return answer_of(table, question, found, bounds, most_rows)


class _Part:
    """What is asked of one of several tables."""

    def __init__(self, joint: JointTable, table: Table, query: Query, question: Question) -> None:
        self._by = question.by
        self._missing = {name: found for name in question.by if (found := joint.missing(name, table))}
        names = {name: joint.own(name) for name in question.asked_measures}
        self._names = {own: name for name, (of, own) in names.items() if of is table}
        self._widened = Widened(table, query)
        self.queries = self._widened.queries

    def answer(self, found: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Its rows, and the measures of which a value does not fit, by the names that they have in the question."""
        rows, too_large = self._widened.answer(found)
        named = [*self._by, *self._names.values()]
        rows.columns = [*named, *rows.columns[len(named) :]]
        rows = rows.with_columns(pl.col(name).replace(missing) for name, missing in self._missing.items())
        return rows, tuple(self._names[name] for name in too_large)


def _joined(question: Question, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows of several answers beside each other, in the order of the port."""
    depth = [TOTAL_DEPTH] if question.totals else []
    keys = [*depth, *question.by]
    if not keys:
        return pl.concat(parts, how="horizontal").select(question.asked_measures)
    found = parts[0]
    for part in parts[1:]:
        found = found.join(part, on=keys, how="full", coalesce=True, nulls_equal=True)
    return found.select(*question.by, *question.asked_measures, *depth).sort(keys, nulls_last=False)
