"""A question, answered by a cube in this process."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from flows.cube.asking.ask import Answer, ask
from flows.cube.bounds import Bounds
from flows.cube.port import Cube
from flows.model.query import Query
from flows.model.question import Question


def answer_of(cube: Cube, question: Question, *, most_rows: int) -> Answer:
    """The answer, as the read API has it."""

    def engine(queries: Sequence[Query], bounds: Bounds) -> Sequence[pl.DataFrame]:
        if len(queries) == 1:
            return [cube.query(queries[0], bounds=bounds)]
        return cube.query_together(queries, bounds=bounds)

    return ask(question.checked(cube.model), question, engine, Bounds(), most_rows=most_rows)
