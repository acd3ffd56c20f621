"""Answers of questions are those of a plain model: lists of rows, and Python's sort."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.cube import frames
from flows.cube.asking.ask import ask
from flows.cube.bounds import Bounds
from flows.model.conditions import Compare
from flows.model.query import Order, Query
from flows.model.question import Question, Top
from flows.model.tables import Column, Table
from flows.model.types import INTEGER, STRING

TABLE = Table("t", (Column("A", STRING), Column("B", STRING, nullable=True), Column("N", INTEGER, nullable=True)))
MEASURES = ("N.SUM", "contributors.COUNT", "N.MAX")
ROWS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from(["p", "q", "r", None]), st.none() | st.integers(-3, 3)),
    min_size=3,
    max_size=25,
)
ORDERS = st.lists(
    st.builds(Order, st.sampled_from([*MEASURES, "A", "B"]), st.booleans()), max_size=3, unique_by=lambda o: o.name
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    having = [Compare(name, draw(st.sampled_from(["<", ">="])), draw(st.integers(-2, 3))) for name in MEASURES]
    top = draw(st.none() | st.builds(Top, st.integers(1, 4), st.sampled_from([None, "A"])))
    return Question(
        "t",
        tuple(draw(st.permutations(MEASURES)))[: draw(st.integers(1, 3))],
        ("A", "B"),
        having=tuple(draw(st.sampled_from([[], [], having[:1], having[1:]]))),
        sort=tuple(draw(ORDERS)),
        top=top,
        others=top is not None and draw(st.booleans()),
        limit=draw(st.sampled_from([None, None, 3, 8])),
        offset=draw(st.sampled_from([0, 0, 0, 2])),
    )


def measured(rows: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    rows = list(rows)
    values = [n for *_, n in rows if n is not None]
    least = {"N.SUM": sum(values), "N.MAX": max(values)} if values else {"N.SUM": None, "N.MAX": None}
    return least | {"contributors.COUNT": len(rows)}


def meets(group: dict[str, Any], condition: Compare) -> bool:
    value, other = group[condition.name], condition.value
    return value is not None and (value < other if condition.operator == "<" else value >= other)


def place(group: dict[str, Any], orders: Iterable[Order]) -> list[Any]:
    """A key of Python's sort. Without a value a level is the least, and a measure comes last both ways."""

    def key(value: Any, *, is_level: bool, descending: bool) -> tuple[Any, ...]:
        if value is None:
            return (descending,) if is_level else (True,)
        within = [-ord(c) for c in value] if isinstance(value, str) and descending else value
        within = -value if isinstance(value, int) and descending else within
        return (not descending, within) if is_level else (False, within)

    return [key(group[o.name], is_level=o.name in "AB", descending=o.descending) for o in orders]


def right(rows: list[tuple[Any, ...]], question: Question) -> tuple[list[tuple[Any, ...]], int]:
    members = {row[:2]: [each for each in rows if each[:2] == row[:2]] for row in rows}
    groups = [{"A": a, "B": b, **measured(held), "others": False} for (a, b), held in members.items()]
    groups = [group for group in groups if all(meets(group, each) for each in question.having)]  # type: ignore[arg-type]
    down = {order.name: order.descending for order in question.order}
    within = [Order(name, down.get(name, False)) for name in question.partition]
    groups.sort(key=lambda group: place(group, [*within, *question.order, Order("A"), Order("B")]))
    shown = groups
    if question.top is not None:
        shown = []
        for part in dict.fromkeys(tuple(group[name] for name in question.partition) for group in groups):
            mine = [group for group in groups if tuple(group[name] for name in question.partition) == part]
            shown += mine[: question.top.groups]
            left = [row for group in mine[question.top.groups :] for row in members[group["A"], group["B"]]]
            if left and question.others:
                shown.append(
                    {"A": None, "B": None, **dict(zip(question.partition, part, strict=True)), **measured(left)}
                )
                shown[-1]["others"] = True
    columns = [*question.by, *question.measures, *(["others"] if question.others else [])]
    answer = [tuple(group[name] for name in columns) for group in shown]
    end = None if question.limit is None else question.offset + question.limit
    return answer[question.offset : end], len(answer)


@settings(deadline=None, max_examples=150)
@given(ROWS, questions())
def test_a_question_is_answered_as_a_plain_model_does(rows: list[tuple[Any, ...]], question: Question) -> None:
    held = pl.DataFrame(rows, schema={column.name: column.type.frame for column in TABLE.columns}, orient="row")
    table = question.checked((TABLE,))

    def engine(queries: Iterable[Query], _: Bounds) -> list[pl.DataFrame]:
        return [frames.aggregate(TABLE, query, held) for query in queries]

    found = ask(table, question, engine, Bounds(), most_rows=1_000)
    assert (found.rows.rows(), found.count) == right(rows, question)
