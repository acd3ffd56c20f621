"""An aggregation that a part of the program does not know is refused there: it never answers another one's number."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, ClassVar, cast

import polars as pl
import pytest

from flows.cube import frames
from flows.cube.atoti.answers import is_answered_from_rows, is_shown_there
from flows.cube.atoti.engine import compile_aggregation
from flows.cube.duckdb.engine import DuckDbCube
from flows.model.measures import Aggregation, Measure, Shown, folding, is_sum
from flows.model.query import Query
from flows.model.tables import Table
from flows.web.cells import Layout, cell_part, page_fold
from tests.integration.cube.cube_contract import SALES, put

UNREACHABLE = "Expected code to be unreachable"


@dataclass(frozen=True)
class Median:
    """An aggregation that nobody knows."""

    column: str
    word: ClassVar = "MEDIAN"


MEDIAN = cast(Aggregation, Median("Quantity"))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table of which the model has a measure by that aggregation."""
    monkeypatch.setattr(Table, "measures", (Measure("Quantity.MEDIAN", MEDIAN),))
    return replace(SALES)  # another one, which has not made its measures yet


def test_the_embedded_engine_refuses_it(table: Table) -> None:
    with closing(DuckDbCube((table,))) as cube:
        put(cube, table, (1, date(2021, 5, 1), "phone", 4))
        with pytest.raises(AssertionError, match=UNREACHABLE):
            cube.query(Query(table.name, ("Quantity.MEDIAN",)))


def test_atoti_refuses_it(table: Table) -> None:
    compiled = partial(compile_aggregation, cast(Any, None))
    for refuse in (compiled, partial(is_answered_from_rows, table), partial(is_shown_there, table)):
        with pytest.raises(AssertionError, match=UNREACHABLE):
            refuse(MEDIAN)


def test_an_answer_from_rows_refuses_it(table: Table) -> None:
    rows = pl.DataFrame(schema={column.name: column.type.frame for column in table.columns})
    with pytest.raises(AssertionError, match=UNREACHABLE):
        frames.aggregate(table, Query(table.name, ("Quantity.MEDIAN",)), rows)


def test_the_page_and_the_model_refuse_it(table: Table) -> None:
    for refuse in (folding, is_sum, table.type_of):
        with pytest.raises(AssertionError, match=UNREACHABLE):
            refuse(MEDIAN)
    for refuse_shown in (cell_part, partial(page_fold, Layout(table, ()))):
        with pytest.raises(AssertionError, match=UNREACHABLE):
            refuse_shown(cast(Shown, MEDIAN))
