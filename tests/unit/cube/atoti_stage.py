"""Atoti's public classes, autospecced: what is asked of them and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import create_autospec

import atoti as tt
import pyarrow as pa
from atoti.tables import Tables

from flows.cube.atoti.engine import AtotiCube
from flows.model.tables import LINE, VERSION, Column, Table
from flows.model.types import DATE, DECIMAL, INTEGER, STRING

SALES = Table(
    "sales",
    (
        Column("ID", INTEGER),
        Column("Date", DATE),
        Column("Product", STRING),
        Column("Region", STRING, nullable=True),
        Column("Quantity", INTEGER),
    ),
    keys=("ID",),
)
PRICES = Table(
    "prices", (Column("Price", DECIMAL.sized(9, 8)), Column("Amount", DECIMAL.sized(10, 2), nullable=True)), ("Price",)
)
COLUMNS = [*(c.name for c in (*SALES.columns, *PRICES.columns)), VERSION, LINE]


class Stage:
    """Atoti's public classes, autospecced, and the story of what was asked of them."""

    def __init__(self, url: str) -> None:
        self.story: list[str] = []
        self.loaded: list[pa.Table] = []
        self.opened: list[AtotiCube] = []
        self.columns = {name: create_autospec(tt.Column, instance=True, spec_set=True) for name in COLUMNS}
        self.table = create_autospec(tt.Table, instance=True, spec_set=True)
        self.table.__getitem__.side_effect = self.columns.__getitem__
        self.table.drop.side_effect = lambda *condition: self.story.append(f"drop {len(condition)}")
        self.table.load.side_effect = self.load
        self.cube = create_autospec(tt.Cube, instance=True, spec_set=True)
        self.session = create_autospec(tt.Session, instance=True, spec_set=True)
        self.session.url = url
        self.session.tables = create_autospec(Tables, instance=True, spec_set=True)
        self.session.tables.data_transaction.side_effect = self.transaction
        self.session.create_table.return_value = self.table
        self.session.create_cube.return_value = self.cube
        self.aggregations = {
            name: create_autospec(getattr(tt.agg, name), return_value=name)
            for name in ("sum", "mean", "min", "max", "count_distinct")
        }
        self.start = create_autospec(tt.Session.start, return_value=self.session)

    def load(self, rows: pa.Table) -> None:
        self.story.append("load")
        self.loaded.append(rows)

    @contextmanager
    def transaction(self, *, allow_nested: bool, tables: set[Any]) -> Iterator[None]:
        assert not allow_nested and tables == {self.table}
        self.story.append("begin")
        try:
            yield
        except BaseException:
            self.story.append("rollback")
            raise
        self.story.append("commit")

    def open(self, tell: Callable[[str], None] = print, table: Table = SALES) -> AtotiCube:
        self.opened.append(AtotiCube((table,), tell=tell))
        return self.opened[-1]
