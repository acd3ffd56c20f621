"""Hierarchies: what by one of them, or down to one of its levels, means."""

from __future__ import annotations

import pytest

from flows.cube.atoti.answers import hierarchies_there
from flows.errors import QueryError
from flows.model.hierarchies import Hierarchy
from flows.model.tables import Column, Table
from flows.model.types import DATE, STRING

TABLE = Table(
    "shops",
    (Column("Country", STRING), Column("City", STRING), Column("Day", DATE)),
    hierarchies=(Hierarchy("Place", ("Country", "City")), Hierarchy("Time", ("Day.Year", "Day.Month", "Day"))),
)


@pytest.mark.parametrize(
    ("asked", "levels"),
    [
        (["Place"], ("Country", "City")),
        (["Place.Country"], ("Country",)),
        (["Place.City"], ("Country", "City")),
        (["City"], ("City",)),
        (["Place.Country", "Place.City"], ("Country", "City")),
        (["City", "Place"], ("City", "Country")),
        (["Time.Day.Month", "Place.Country"], ("Day.Year", "Day.Month", "Country")),
        (["Time"], ("Day.Year", "Day.Month", "Day")),
        ([], ()),
    ],
)
def test_a_level_of_a_hierarchy_implies_its_parents(asked: list[str], levels: tuple[str, ...]) -> None:
    assert TABLE.drilled(asked) == levels
    assert set(asked) <= set(TABLE.groupings)


def test_an_unknown_name_says_the_nearest() -> None:
    with pytest.raises(QueryError, match=r"did you mean Place\.City\?"):
        TABLE.drilled(["Place.Cty"])
    with pytest.raises(QueryError, match="There is no level"):
        TABLE.drilled(["Place.Day"])


def test_atotis_interface_has_those_of_columns() -> None:
    single = {name: (name,) for name in ("Country", "City", "Day")}
    assert hierarchies_there(TABLE) == {**single, "Place": ("Country", "City")}
