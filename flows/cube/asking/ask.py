"""A question's way: what the engine is asked, and the steps from its answer to that of the question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from flows.cube.asking import steps
from flows.cube.asking.calculate import calculate, is_calculated
from flows.cube.bounds import Bounds
from flows.errors import TooManyRows
from flows.model.answered import Answered
from flows.model.query import First, Query
from flows.model.question import OTHERS, Question
from flows.model.tables import TOTAL_DEPTH, Table

MOST_GROUPS = 1_000_000
"""Groups out of which an answer is chosen: those of 1,000,000 are sorted in a second."""


@dataclass(frozen=True)
class Answer:
    """The answer of a question.

    Args:
        rows: the levels and the measures asked for; with totals `total_depth`, with others `is_others`.
        count: how many rows there are in all, whatever limit and offset.
        too_large: the calculated measures of which a value does not fit, and is null.
    """

    rows: pl.DataFrame
    count: int
    too_large: tuple[str, ...] = ()


type Engine = Callable[[Sequence[Query], Bounds], Sequence[pl.DataFrame]]
"""Asks the engine; several answers are of one state of the table."""


def ask(table: Table, question: Question, engine: Engine, bounds: Bounds, *, most_rows: int) -> Answer:
    """Answer a question from what the engine says of one state, so that no part is of another than the rest.

    The steps, in this order: the engine aggregates the rows that `where` keeps, with totals; what calculated measures
    compare with is asked with them, and they are calculated; `having` keeps groups; they are sorted; `top` keeps the
    first of them, and `others` stands for the rest; the answer is cut to `limit` and `offset`. So a share, a rank or a
    change is the same, whatever groups are kept. A plain question ends with what the engine answers.

    Args:
        table: the table asked, which has checked the question.
        question: the question.
        engine: asks the engine.
        bounds: what the engine may take.
        most_rows: how many rows the answer may have.

    Raises:
        TooManyRows: the answer has more, or is chosen out of more groups than may be looked at.
    """

    def found() -> tuple[pl.DataFrame, tuple[str, ...]]:
        if is_calculated(table, question.query):
            return calculate(table, question.query, lambda queries: engine(queries, bounds))
        [answer] = engine([_query(question)], bounds)
        return answer, ()

    return answer_of(table, question, found, bounds, most_rows)


def answer_of(
    table: Answered,
    question: Question,
    find: Callable[[], tuple[pl.DataFrame, tuple[str, ...]]],
    bounds: Bounds,
    most_rows: int,
) -> Answer:
    """The steps from the groups to the answer.

    Args:
        table: what was asked.
        question: the question.
        find: finds all groups, with the measures that have to be known, and those of which a value does not fit.
        bounds: what may be taken.
        most_rows: how many rows the answer may have.

    Raises:
        TooManyRows: as `ask` does.
    """
    bounds.most_rows = most_rows if question.is_plain else MOST_GROUPS
    try:
        found, too_large = find()
    except TooManyRows as error:
        if question.is_plain:
            raise
        raise TooManyRows(
            f"There are more than {MOST_GROUPS:,} groups to choose from",
            next_step="ask for fewer levels, or add a condition on rows",
            most=MOST_GROUPS,
        ) from error
    if question.is_plain:
        return Answer(found, found.height, too_large)
    found = steps.having(table, question, found)
    found = steps.top(table, question, steps.ordered(table, question, found))
    shown = steps.page(question, found)
    bounds.most_rows = most_rows
    bounds.require_fits(shown.height)
    extra = [name for name in (TOTAL_DEPTH, OTHERS) if name in shown.columns]
    return Answer(shown.select(*question.by, *question.measures, *extra), found.height, too_large)


def _query(question: Question) -> Query:
    """What the engine is asked: of the first groups alone, where no step looks at others."""
    top = question.top
    if top is None or top.per is not None or top.groups > MOST_GROUPS:
        return question.query
    if question.others or question.having or question.totals:
        return question.query
    return replace(question.query, first=First(top.groups, question.order))
