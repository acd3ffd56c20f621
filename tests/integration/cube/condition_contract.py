"""What every engine has to make of conditions; see `cube_contract`."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from flows.cube.port import Cube
from flows.errors import QueryError
from flows.model.conditions import Among, Begins, Between, Compare, Condition, Contains
from flows.model.query import Query
from flows.model.row_query import RowQuery
from tests.integration.cube.cube_contract import KINDS, MAY_1, MAY_2, SALES, put

TEXTS = [None, "", " ", "Kunde 0", "Kunde 01", "kunde 0", "Ünde", "%", "a_c", "abc", "🙂"]
DAYS = [None, date(1969, 12, 31), MAY_1, MAY_2]
FLAGS = [None, True, False]
ROWS = [(str(i), TEXTS[i], i, None, FLAGS[i % 3], DAYS[i % 4], None) for i in range(len(TEXTS))]


def meets(condition: Condition, value: Any) -> bool:
    """What a condition means, in Python's words."""
    match condition:
        case Among(_, values, negated):
            return (value in values) != negated
        case Compare(_, sign, other):
            signs = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
            return value is not None and bool(signs[sign](value, other))  # type: ignore[arg-type]
        case Between(_, first, last):
            return value is not None and _at_most(first, value) and _at_most(value, last)
        case Begins(_, text):
            return value is not None and str(value).startswith(text)
        case Contains(_, text):
            return value is not None and text in str(value)


def _at_most(one: Any, other: Any) -> bool:
    return bool(one <= other)


def found(cube: Cube, *where: Condition) -> set[str]:
    rows = cube.query(Query("kinds", ("contributors.COUNT",), ("Key",), where=where))
    keys = set(rows["Key"])
    assert keys == set(cube.rows(RowQuery("kinds", where)).rows["Key"])
    assert cube.query(Query("kinds", ("contributors.COUNT",), where=where)).item() == len(keys)
    return keys


def right(level: str, conditions: Iterable[Condition]) -> set[str]:
    at = [column.name for column in KINDS.columns].index(level)
    return {str(row[0]) for row in ROWS if all(meets(each, row[at]) for each in conditions)}


def conditions(level: str, values: list[Any]) -> list[Condition]:
    real = [value for value in values if value is not None]
    return [
        *(Among(level, (value,), negated) for value in values for negated in (False, True)),
        *(Among(level, values_, negated) for values_ in ((), tuple(values), tuple(real)) for negated in (False, True)),
        *(Compare(level, sign, value) for value in real for sign in ("<", "<=", ">", ">=")),
        Between(level, min(real), max(real)), Between(level, max(real), min(real)), Between(level, real[1], real[1]),
    ]  # fmt: skip


class ConditionContract:
    """Inherit it and bring a fixture `cube`."""

    @pytest.mark.parametrize(("level", "values"), [("Text", TEXTS), ("Day", DAYS), ("Flag", FLAGS)])
    def test_each_condition_keeps_the_rows_that_meet_it(self, cube: Cube, level: str, values: list[Any]) -> None:
        put(cube, KINDS, *ROWS)
        asked = conditions(level, values)
        asked += [form(level, text) for text in TEXTS if text is not None for form in (Begins, Contains)] * (
            level == "Text"
        )
        for condition in asked:
            assert found(cube, condition) == right(level, [condition]), condition

    def test_conditions_on_a_level_without_nulls_and_on_a_number(self, cube: Cube) -> None:
        put(cube, SALES, *((n, MAY_1 if n < 3 else MAY_2, "ab"[n % 2], n) for n in range(5)))
        asked: list[tuple[tuple[Condition, ...], list[int]]] = [
            ((Compare("ID", ">", 1), Compare("ID", "<=", 3)), [2, 3]),
            ((Between("ID", 1, 3), Among("Product", ("a",), negated=True)), [1, 3]),
            ((Among("ID", (), negated=True), Among("Product", (None,), negated=True)), [0, 1, 2, 3, 4]),
            ((Compare("Date", ">=", MAY_2), Begins("Product", "a")), [4]),
        ]
        for where, ids in asked:
            rows = cube.query(Query("sales", ("Quantity.SUM",), ("ID",), where=where))
            assert rows["ID"].to_list() == ids, where

    @pytest.mark.parametrize(
        ("condition", "words"),
        [
            (Compare("Date", "<", 1), "date"),
            (Between("Date", MAY_1, "2021-05-02"), "date"),
            (Contains("ID", "1"), "no text, but a integer"),
            (Begins("Produkt", "x"), "Product"),
        ],
    )
    def test_a_condition_that_a_level_cannot_meet_is_refused(
        self, cube: Cube, condition: Condition, words: str
    ) -> None:
        with pytest.raises(QueryError, match=words):
            cube.query(Query("sales", ("Quantity.SUM",), where=(condition,)))
