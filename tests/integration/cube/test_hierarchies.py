"""A question by a hierarchy: equal names under different parents stay apart, and each level has its totals."""

from __future__ import annotations

from contextlib import closing

from flows.cube.duckdb.engine import DuckDbCube
from flows.model.hierarchies import Hierarchy
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import Column, Table
from flows.model.types import INTEGER, STRING
from flows.web.parameter_checks import parse
from flows.web.parameters import QueryParameters
from tests.cube_rows import rows_of

SHOPS = Table(
    "shops",
    (Column("Country", STRING), Column("City", STRING), Column("Amount", INTEGER)),
    hierarchies=(Hierarchy("Place", ("Country", "City")),),
)
ROWS = [("France", "Paris", 1), ("USA", "Paris", 2), ("USA", "Dallas", 4), ("France", "Paris", 8)]


def test_equal_names_under_different_parents_stay_apart_and_each_level_has_totals() -> None:
    with closing(DuckDbCube((SHOPS,))) as cube:
        cube.apply(ChangeSet("shops", frozenset(), rows_of(SHOPS, ROWS)))
        for asked in ("Place", "Place.City"):
            given = parse(QueryParameters, {"measure": ["Amount.SUM"], "by": [asked]}, (SHOPS,))
            assert cube.query(Query("shops", given.measure, given.by, totals=True)).rows() == [
                (None, None, 15, 0),
                ("France", None, 9, 1),
                ("USA", None, 6, 1),
                ("France", "Paris", 9, 2),
                ("USA", "Dallas", 4, 2),
                ("USA", "Paris", 2, 2),
            ]
        assert cube.query(Query("shops", ("Amount.SUM",), ("City",))).rows() == [("Dallas", 4), ("Paris", 11)]
