"""How a question is answered out of an engine's answer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from flows.cube import frames
from flows.cube.asking.ask import Answer, ask
from flows.cube.bounds import Bounds
from flows.errors import QueryError, TooManyRows
from flows.model.conditions import Among, Compare
from flows.model.query import Order, Query
from flows.model.question import Question, Top
from flows.model.question_text import parse_order, parse_top
from flows.model.tables import Column, Table
from flows.model.types import DECIMAL, INTEGER, STRING

SHOPS = Table(
    "shops",
    (
        Column("Country", STRING), Column("City", STRING, nullable=True), Column("Sold", INTEGER),
        Column("Paid", DECIMAL.sized(38, 2), nullable=True),
    ),
)  # fmt: skip
ROWS = [
    ("FR", "Paris", 5, "1.00"), ("FR", "Paris", 1, "2.00"), ("FR", "Lyon", 4, None), ("FR", "Nice", 4, "4.00"),
    ("FR", None, 1, "9.00"), ("DE", "Berlin", 7, "0.50"), ("DE", "Ulm", 1, "0.25"), ("IT", "Rome", 2, None),
]  # fmt: skip


def answer(question: Question, rows: list[tuple[Any, ...]] = ROWS, most_rows: int = 100) -> Answer:
    schema = {column.name: column.type.frame for column in SHOPS.columns}
    held = pl.DataFrame(rows, schema=schema | {"Paid": pl.String}, orient="row").cast({"Paid": schema["Paid"]})

    def engine(queries: Sequence[Query], bounds: Bounds) -> list[pl.DataFrame]:
        found = [frames.aggregate(SHOPS, query, held) for query in queries]
        for each in found:
            bounds.require_fits(each.height)
        return found

    table = question.checked((SHOPS,))
    return ask(table, question, engine, Bounds(), most_rows=most_rows)


def sold(**asked: Any) -> list[tuple[Any, ...]]:
    return answer(Question("shops", ("Sold.SUM",), ("City",), **asked)).rows.rows()


def test_groups_are_sorted_by_measures_and_those_that_are_equal_by_the_levels() -> None:
    by_sum = [("Berlin", 7), ("Paris", 6), ("Lyon", 4), ("Nice", 4), ("Rome", 2), (None, 1), ("Ulm", 1)]
    assert sold(sort=(Order("Sold.SUM", descending=True),)) == by_sum
    assert sold(sort=(Order("Sold.SUM"),))[:3] == [(None, 1), ("Ulm", 1), ("Rome", 2)]
    assert sold(sort=(Order("City", descending=True),))[::6] == [("Ulm", 1), (None, 1)]
    assert [city for city, _ in sold(sort=(Order("Paid.SUM", descending=True),))] == [
        None, "Nice", "Paris", "Berlin", "Ulm", "Lyon", "Rome",
    ]  # fmt: skip


def test_the_top_is_that_of_the_first_measure_or_of_the_order_asked_for() -> None:
    assert sold(top=Top(2)) == [("Berlin", 7), ("Paris", 6)]
    assert sold(top=Top(2), sort=(Order("Sold.SUM"),)) == [(None, 1), ("Ulm", 1)]
    assert len(sold(top=Top(100))) == 7


def test_others_are_what_the_top_leaves_out_as_far_as_parts_make_it() -> None:
    measures = (
        "Sold.SUM",
        "contributors.COUNT",
        "Sold.MIN",
        "Sold.MAX",
        "Sold.MEAN",
        "City.COUNT_DISTINCT",
        "Paid.SUM",
    )
    found = answer(Question("shops", measures, ("City",), top=Top(2), others=True))
    assert found.rows.columns == ["City", *measures, "is_others"]
    assert found.rows.rows()[-1] == (None, 12, 5, 1, 4, None, None, Decimal("13.25"), True)
    assert found.rows["is_others"].to_list() == [False, False, True] and found.count == 3
    assert answer(Question("shops", measures, ("City",), top=Top(9), others=True)).rows["is_others"].sum() == 0


def test_sums_of_others_are_exact_beyond_their_type() -> None:
    large = [("FR", name, 2**62, f"{'9' * 36}.00") for name in "abc"]
    found = answer(Question("shops", ("Sold.SUM", "Paid.SUM"), ("City",), top=Top(1), others=True), large).rows
    assert found["Sold.SUM"].to_list() == [2**62, 2**63]
    assert found["Paid.SUM"].to_list() == [f"{'9' * 36}.00", f"1{'9' * 35}8.00"]


def test_a_top_per_level_is_that_of_each_of_its_members() -> None:
    question = Question("shops", ("Sold.SUM",), ("Country", "City"), top=Top(1, "Country"), others=True)
    assert answer(question).rows.rows() == [
        ("DE", "Berlin", 7, False), ("DE", None, 1, True), ("FR", "Paris", 6, False), ("FR", None, 9, True),
        ("IT", "Rome", 2, False),
    ]  # fmt: skip


def test_a_condition_on_groups_may_be_about_what_is_not_shown_and_comes_before_the_top() -> None:
    assert sold(having=(Compare("contributors.COUNT", ">", 1),)) == [("Paris", 6)]
    assert sold(having=(Compare("Paid.SUM", "<", Decimal(3)),), top=Top(2)) == [("Berlin", 7), ("Ulm", 1)]
    assert sold(having=(Among("Paid.SUM", (None,)), Compare("Sold.SUM", ">=", 3))) == [("Lyon", 4)]
    kept = answer(
        Question("shops", ("Sold.SUM",), ("City",), having=(Compare("Sold.SUM", "<", 5),), top=Top(1), others=True)
    )
    assert kept.rows.rows() == [("Lyon", 4, False), (None, 8, True)]


def test_totals_are_of_all_rows_whatever_is_shown() -> None:
    question = Question(
        "shops", ("Sold.SUM", "Sold.MEAN"), ("Country", "City"), having=(Compare("Sold.SUM", ">", 4),), totals=True,
        top=Top(1), others=True,
    )  # fmt: skip
    assert answer(question).rows.rows() == [
        (None, None, 25, 3.125, 0, False), ("FR", None, 15, 3.0, 1, False), ("DE", None, 8, 4.0, 1, False),
        ("IT", None, 2, 2.0, 1, False), ("DE", "Berlin", 7, 7.0, 2, False), (None, None, 6, None, 2, True),
    ]  # fmt: skip


def test_a_page_is_a_part_of_the_answer_and_says_how_many_rows_there_are() -> None:
    asked = {"measures": ("Sold.SUM",), "by": ("City",), "sort": (Order("City"),)}
    whole = answer(Question("shops", **asked))  # type: ignore[arg-type]
    for offset in (0, 3, 6, 9):
        page = answer(Question("shops", **asked, limit=2, offset=offset))  # type: ignore[arg-type]
        assert page.rows.rows() == whole.rows.rows()[offset : offset + 2] and page.count == whole.count == 7


def test_an_answer_with_too_many_rows_is_refused_but_not_a_part_of_it() -> None:
    for asked in ({}, {"sort": (Order("City"),)}):
        with pytest.raises(TooManyRows, match="more than 3 rows"):
            answer(Question("shops", ("Sold.SUM",), ("City",), **asked), most_rows=3)  # type: ignore[arg-type]
    assert answer(Question("shops", ("Sold.SUM",), ("City",), limit=3), most_rows=3).count == 7


def test_a_top_out_of_too_many_groups_names_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.cube.asking.ask.MOST_GROUPS", 6)
    with pytest.raises(TooManyRows, match="more than 6 groups to choose from"):
        sold(top=Top(1))
    assert len(sold()) == 7


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"top": Top(0)}, "top .*1 or more"),
        ({"top": Top(1, "City")}, "no top per City.*group by another"),
        ({"top": Top(1), "by": ()}, "no groups.*group by a level"),
        ({"others": True}, "ask for top"),
        ({"sort": (Order("Sold.SUMM"),)}, "did you mean Sold.SUM"),
        ({"sort": (Order("Country"),)}, "levels that are asked for"),
        ({"sort": (Order("City"), Order("City", descending=True))}, "sorted by twice"),
        ({"having": (Compare("Sold.SUM", ">", "x"),)}, "Not a value of Sold.SUM.*integer"),
        ({"having": (Compare("City", ">", "x"),)}, "no measure of that name"),
        ({"limit": 0}, "limit .*1 or more"),
        ({"offset": -1}, "offset .*0 or more"),
        ({"by": ("City", "City")}, "level is named twice"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(QueryError, match=words):
        answer(Question(**({"table": "shops", "measures": ("Sold.SUM",), "by": ("City",)} | asked)))


def test_orders_and_tops_are_written_in_words() -> None:
    assert parse_order("-Sold.SUM", ["Sold.SUM"]) == Order("Sold.SUM", descending=True)
    assert parse_order("-odd", ["-odd"]) == Order("-odd")
    assert (parse_top("10"), parse_top('3 PER "a b"')) == (Top(10), Top(3, "a b"))
    for text in ("", "-1", "x", "3 per", "3 Country", "1e3"):
        with pytest.raises(QueryError, match="3 per Country"):
            parse_top(text)
