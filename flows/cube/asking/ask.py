"""A question's way: what the engine is asked, and the steps from its answer to that of the question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from flows.cube.asking.steps import having, ordered, page, top
from flows.cube.bounds import Bounds
from flows.model.query import Query
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
    """

    rows: pl.DataFrame
    count: int


def ask(
    table: Table, question: Question, engine: Callable[[Query, Bounds], pl.DataFrame], bounds: Bounds, *, most_rows: int
) -> Answer:
    """Answer a question from one answer of the engine, so that no part of it is of another state than the rest.

    The steps, in this order: the engine aggregates the rows that `where` keeps, with totals; `having` keeps groups;
    they are sorted; `top` keeps the first of them, and `others` stands for the rest; the answer is cut to `limit` and
    `offset`. A plain question ends with the first step.

    Args:
        table: the table asked, which has checked the question.
        question: the question.
        engine: asks the engine.
        bounds: what the engine may take.
        most_rows: how many rows the answer may have.

    Raises:
        TooManyRows: the answer has more, or is chosen out of more groups than may be looked at.
    """
    bounds.most_rows = most_rows if question.is_plain else MOST_GROUPS
    found = engine(question.query, bounds)
    if question.is_plain:
        return Answer(found, found.height)
    found = having(table, question, found)
    found = top(table, question, ordered(table, question, found))
    shown = page(question, found)
    bounds.most_rows = most_rows
    bounds.require_fits(shown.height)
    extra = [name for name in (TOTAL_DEPTH, OTHERS) if name in shown.columns]
    return Answer(shown.select(*question.by, *question.measures, *extra), found.height)
