"""What analysts ask, each question in three languages: Python, the read API, and SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flows.model.conditions import Between
from flows.model.question import Question, Top

_SUM = "sum(Revenue)"
_MONTH = "date_trunc('month', Day)"
_MONTHS = f"SELECT {_MONTH} AS m, {_SUM} AS s FROM orders GROUP BY m"
FIRST, LAST = date(2022, 1, 1), date(2022, 6, 30)
CELL = {"Customer": ("00000042",), "Country": ("country 4",)}


@dataclass(frozen=True)
class Case:
    """A question, as it is asked of a cube, over HTTP, and in SQL."""

    question: Question
    sql: str

    @property
    def parameters(self) -> list[tuple[str, str]]:
        asked = self.question
        found = [*(("measure", name) for name in asked.measures), *(("by", name) for name in asked.by)]
        found += [("where", f"Day between {FIRST} and {LAST}") for _ in asked.where]
        return [("dataset", "orders"), *found, *([("top", str(asked.top.groups))] if asked.top else [])]


def _asked(*measures: str, by: Sequence[str], **more: Any) -> Question:
    return Question("orders", measures, tuple(by), **more)


CASES: dict[str, Case] = {
    "month": Case(_asked("Revenue.SUM", by=["Day.Month"]), f"{_MONTHS} ORDER BY m"),
    "extremes": Case(
        _asked("Price.MIN", "Price.MAX", "Day.MAX", by=["Country"]),
        "SELECT Country, min(Price), max(Price), max(Day) FROM orders GROUP BY Country ORDER BY Country",
    ),
    "top": Case(
        _asked("Revenue.SUM", by=["Customer"], top=Top(10)),
        f"SELECT Customer, {_SUM} AS s FROM orders GROUP BY Customer ORDER BY s DESC, Customer LIMIT 10",
    ),
    "range": Case(
        _asked("Revenue.SUM", by=["Country"], where=(Between("Day", FIRST, LAST),)),
        f"SELECT Country, {_SUM} FROM orders WHERE Day BETWEEN '{FIRST}' AND '{LAST}' "
        "GROUP BY Country ORDER BY Country",
    ),
    "share": Case(
        _asked("Share", by=["Country", "City"]),
        f"SELECT Country, City, {_SUM} / sum({_SUM}) OVER (PARTITION BY Country) FROM orders "
        "GROUP BY Country, City ORDER BY Country, City",
    ),
    "before": Case(
        _asked("Revenue.SUM", "Before", by=["Day.Month"]),
        f"WITH g AS ({_MONTHS}) SELECT g.m, g.s, p.s FROM g LEFT JOIN g p ON p.m = g.m - INTERVAL 1 MONTH ORDER BY g.m",
    ),
    "distinct": Case(
        _asked("Customer.COUNT_DISTINCT", by=["Country"]),
        "SELECT Country, count(DISTINCT Customer) FROM orders GROUP BY Country ORDER BY Country",
    ),
    "join": Case(
        _asked("Revenue.SUM", by=["Product.Category"]),
        f"SELECT Category, {_SUM} FROM orders LEFT JOIN products USING (Product) GROUP BY Category ORDER BY Category",
    ),
}
CELL_SQL = f"SELECT * FROM orders WHERE {' AND '.join(f'{name} = {value!r}' for name, (value,) in CELL.items())}"
