"""Texts of a closed set."""

from __future__ import annotations

from enum import Enum

import dataframely as dy
import polars as pl
import pytest

from flows.errors import DeclarationError, QueryError
from flows.model.condition_values import parse_value
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.tables import FILE, LINE
from flows.model.types import ENUM, type_of
from flows.validation.casts import cast_rows


class Channel(Enum):
    WEB = "web"
    SHOP = "Straße"


class Orders(dy.Schema):
    Channel = dy.Enum(Channel, nullable=True)
    Note = dy.Categorical(nullable=True)


DATASET = Dataset(Orders, "landing", format=Csv(nulls=("",)))


def test_only_texts_of_the_set_are_taken_and_they_are_kept_as_text() -> None:
    cells = ["web", "Straße", "Web", " web", "Strasse", ""]
    text = pl.DataFrame({"Channel": cells, "Note": cells, FILE: 0, LINE: range(6)})
    typed = cast_rows(Orders, DATASET.first_format.cells, text)
    assert [typed.frame.schema[name] for name in Orders.columns()] == [pl.Enum(["web", "Straße"]), pl.Categorical()]
    kept = DATASET.kept(typed.frame)
    assert kept["Channel"].to_list() == ["web", "Straße", None, None, None, None]
    assert kept["Note"].to_list() == [*cells[:5], None]
    assert kept.select(Orders.columns().keys()).schema == dict.fromkeys(Orders.columns(), pl.String())
    assert typed.unread["Channel"].to_list() == [False, False, True, True, True, False]
    assert DATASET.no_rows.schema["Channel"] == pl.String


def test_a_finding_names_the_set_or_the_first_of_many() -> None:
    column = Orders.columns()["Channel"]
    assert type_of(column).expected(column, DATASET.first_format.cells) == "one of web, Straße"
    many = dy.Enum([f"c{number}" for number in range(1_500)])
    assert ENUM.declared_by(many).noun == "one of c0, c1, c2, c3, c4, c5, c6, c7 and 1,492 more"


def test_a_condition_is_one_of_the_set() -> None:
    level = DATASET.table.level("Channel")
    assert parse_value(level, "Straße") == "Straße"
    with pytest.raises(QueryError, match="one of web, Straße"):
        parse_value(level, "Strasse")


def test_another_set_is_another_declaration() -> None:
    sets = (["a", "b"], ["a", "b", "c"])
    found = {Dataset(type("S", (dy.Schema,), {"C": dy.Enum(each)}), "landing").fingerprint for each in sets}
    assert len(found) == 2


@pytest.mark.parametrize("column", [dy.Enum([]), dy.Enum(["a", "a"]), dy.Enum([1, 2]), dy.Categorical(pl.UInt8)])  # type: ignore[list-item]  # as an author may write it
def test_what_is_no_set_of_texts_is_refused_at_the_start(column: dy.Column) -> None:
    with pytest.raises(DeclarationError, match="an Enum"):
        Dataset(type("S", (dy.Schema,), {"C": column}), "landing")
