"""Random shops: declarations of facts with two reference tables behind each other, what their files say, and what the
rows of the cube are after all of it, by plain rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
from hypothesis import strategies as st

from flows.model.calendar_levels import Calendar
from flows.model.dataset import Dataset
from flows.model.derived import Derived
from flows.model.formats import Csv
from flows.model.header import Header
from flows.model.joins import Join
from flows.model.policies import Load, Unload
from flows.model.precedence import ByName
from tests.property.expressions import COLUMNS, NUMBERS, Drawn
from tests.property.plain_cube import PERIODS
from tests.property.test_expressions import meant

MADE = dy.Decimal(14, 6, nullable=True)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
type Row = Mapping[str, Any]


class Suppliers(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Country = dy.String(nullable=True)
    Points = dy.Int64(nullable=True)


class Products(dy.Schema):
    Product = dy.String(primary_key=True)
    Category = dy.String(nullable=True)
    Since = dy.Date(nullable=True)
    Supplier = dy.Int64(nullable=True)
    Cost = dy.Decimal(9, 2, nullable=True)


@dataclass(frozen=True)
class Text:
    """A derived column of text, and what it means."""

    polars: pl.Expr
    of: Callable[[Row], str | None]


def _label(row: Row) -> str | None:
    return None if row["Shop"] is None or row["Product"] is None else f"{row['Shop']}/{row['Product']}"


TEXTS = {
    "label": Text(pl.col("Shop") + pl.lit("/") + pl.col("Product"), _label),
    "filled": Text(pl.col("Shop").fill_null("none"), lambda row: row["Shop"] or "none"),
    "sized": Text(
        pl.when(pl.col("Qty") > 2).then(pl.lit("many")).otherwise(pl.lit("few")),
        lambda row: "many" if row["Qty"] is not None and row["Qty"] > 2 else "few",
    ),
}


@dataclass(frozen=True)
class Shop:
    """What is declared.

    Args:
        keyed: whether the facts have a key, or each row counts.
        made: a derived column of numbers.
        kind: a derived column of text, one of `TEXTS`.
        fiscal_start, first_weekday: of the calendar.
    """

    keyed: bool
    made: Drawn
    kind: str
    fiscal_start: int
    first_weekday: int

    def datasets(self, root: Path, formulas: Mapping[str, Any]) -> dict[str, Dataset]:
        """As people declare it."""
        calendar = Calendar(self.fiscal_start, WEEKDAYS[self.first_weekday])
        rules: dict[str, Any] = {"format": Csv(header=Header(by="name")), "precedence": ByName()}
        rules |= {"when_deleted": Unload(), "calendar": calendar}
        suppliers = Dataset(Suppliers, root / "suppliers", **rules)
        by_supplier = (Join(suppliers, on={"Supplier": "ID"}),)
        products = Dataset(Products, root / "products", joins=by_supplier, **rules)
        rules |= {} if self.keyed else {"precedence": None, "duplicates": Load()}
        facts = Dataset(
            self.schema,
            root / "facts",
            name="facts",
            columns={"Made": Derived(self.made.polars, MADE), "Kind": Derived(TEXTS[self.kind].polars, TEXT)},
            joins=(Join(products, on={"Product": "Product"}),),
            measures=formulas,
            **rules,
        )
        return {"facts": facts, "products": products, "suppliers": suppliers}

    @property
    def schema(self) -> type[dy.Schema]:
        own: dict[str, Any] = {
            "ID": dy.Int64(primary_key=self.keyed),
            "Day": dy.Date(nullable=True),
            "Shop": dy.String(nullable=True),
            "Product": dy.String(nullable=True),
        }
        return type("Facts", (dy.Schema,), own | COLUMNS)

    def computed(self, row: Row) -> Row | None:
        """A row of facts with its derived columns; None where one has no place, which refuses its file."""
        numbers = {name: row[name] for name in COLUMNS}
        made = meant(self.made, numbers, MADE)
        return None if isinstance(made, str) else {**row, "Made": made, "Kind": TEXTS[self.kind].of(row)}

    def periods(self, level: str, day: date | None) -> dict[str, int | None]:
        """The levels of the calendar of a level of days, as whole numbers."""
        if day is None:
            return {f"{level}.{part}": None for part in PERIODS}
        month = day.year * 12 + day.month - 1
        fiscal = month - (self.fiscal_start - 1)
        weekday = (day.weekday() - self.first_weekday) % 7
        numbers = (fiscal // 12, fiscal // 3, month, (day.toordinal() - 1) // 7, weekday)
        return {f"{level}.{part}": number for part, number in zip(PERIODS, numbers, strict=True)}

    def shown(self, level: str, value: Any) -> Any:
        """A level's value as an answer has it."""
        part = level.rpartition(".")[2]
        if value is None or part not in PERIODS:
            return value
        if part == "Weekday":
            return WEEKDAYS[(value + self.first_weekday) % 7]
        if part == "Week":
            year, week, _ = date.fromordinal(value * 7 + 1).isocalendar()
            return f"{year}-W{week:02}"
        if part == "Month":
            return f"{value // 12}-{value % 12 + 1:02}"
        year = value if part == "Year" else value // 4
        named = str(year) if self.fiscal_start == 1 else f"{year}/{(year + 1) % 100:02}"
        return named if part == "Year" else f"{named}-Q{value % 4 + 1}"


TEXT = dy.String(nullable=True)


@dataclass
class Files:
    """What the files of a table say: those of later names cover those of earlier ones, where there is a key; and a path
    whose file was refused shows the sound one that it had."""

    key: str | None
    sound: dict[str, list[Row]] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)

    def write(self, name: str, rows: list[Row | None]) -> None:
        """A file lands, with rows of which one may be refused."""
        self.present.add(name)
        kept = [row for row in rows if row is not None]
        if len(kept) == len(rows):
            self.sound[name] = kept

    def remove(self, name: str) -> None:
        """A file is deleted."""
        self.present.discard(name)
        self.sound.pop(name, None)

    def rows(self) -> list[Row]:
        """What is in the cube."""
        rows = [row for name in sorted(self.sound) for row in self.sound[name]]
        return rows if self.key is None else list({row[self.key]: row for row in rows}.values())


def cube_rows(shop: Shop, files: Mapping[str, Files]) -> Iterator[dict[str, Any]]:
    """The facts with all their levels, and the numbers of what is joined."""
    products = {row["Product"]: row for row in files["products"].rows()}
    suppliers = {row["ID"]: row for row in files["suppliers"].rows()}
    for row in files["facts"].rows():
        product = products.get(row["Product"], {"Category": "no Product", "Since": None, "Cost": None})
        missing = {"Country": "no Supplier" if row["Product"] in products else "no Product", "Points": None}
        supplier = suppliers.get(product.get("Supplier"), missing)
        joined = {f"Product.{name}": product[name] for name in ("Category", "Since", "Cost")}
        joined |= {f"Product.Supplier.{name}": supplier[name] for name in ("Country", "Points")}
        days = shop.periods("Day", row["Day"]) | shop.periods("Product.Since", product["Since"])
        yield {**row, **joined, **days}


FIRST = date(2020, 12, 27)
DAYS = [FIRST + timedelta(days=n) for n in (0, 4, 5, 6, 35, 36, 37, 96, 370)]
SHOPS, PRODUCTS, CATEGORIES, COUNTRIES = ("a", "b", "A b"), ("p", "q", "r"), ("x", "y"), ("FR", "DE")
CENTS = st.integers(-250, 900).map(lambda cents: Fraction(cents, 100))
FACT = st.fixed_dictionaries(
    {
        "Day": st.none() | st.sampled_from(DAYS),
        "Shop": st.none() | st.sampled_from(SHOPS),
        "Product": st.none() | st.sampled_from(PRODUCTS),
        "Price": st.none() | CENTS,
        "Rate": st.none() | st.integers(0, 40).map(lambda tenths: Fraction(tenths, 10)),
        "Qty": st.none() | st.integers(-3, 9),
        "Small": st.none() | st.integers(0, 5),
    }
)
PRODUCT = st.fixed_dictionaries(
    {
        "Category": st.none() | st.sampled_from(CATEGORIES),
        "Since": st.none() | st.sampled_from(DAYS),
        "Supplier": st.none() | st.integers(1, 3),
        "Cost": st.none() | CENTS,
    }
)
SUPPLIER = st.fixed_dictionaries(
    {"Country": st.none() | st.sampled_from(COUNTRIES), "Points": st.none() | st.integers(-3, 9)}
)


def _keyed(key: str, keys: st.SearchStrategy[Any], row: st.SearchStrategy[Row], most: int) -> st.SearchStrategy[Any]:
    found = st.dictionaries(keys, row, min_size=1, max_size=most)
    return found.map(lambda rows: [{key: name, **each} for name, each in rows.items()])


CONTENTS = {
    "facts": _keyed("ID", st.integers(1, 9), FACT, 7),
    "products": _keyed("Product", st.sampled_from(PRODUCTS), PRODUCT, 3),
    "suppliers": _keyed("ID", st.integers(1, 2), SUPPLIER, 2),
}
SIMPLE = Drawn(pl.col("Price") * pl.col("Qty"), 2, lambda row: _product(row["Price"], row["Qty"]))


def _product(price: Fraction | None, quantity: Fraction | None) -> Fraction | None:
    return None if price is None or quantity is None else price * quantity


SHOP = st.builds(
    Shop,
    st.booleans(),
    st.just(SIMPLE) | NUMBERS,
    st.sampled_from(sorted(TEXTS)),
    st.sampled_from([1, 1, 4, 12]),
    st.integers(0, 6),
)


def text_of(rows: Sequence[Row]) -> str:
    """A file of rows."""
    lines = (",".join(_written(row[column]) for column in rows[0]) for row in rows)
    return "\n".join([",".join(rows[0]), *lines, ""])


def _written(value: Any) -> str:
    if isinstance(value, Fraction):
        units = abs(value.numerator) * 10_000 // value.denominator
        return f"{'-' * (value < 0)}{units // 10_000}.{units % 10_000:04}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)
