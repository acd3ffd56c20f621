"""Files of orders and products, made from a seed, and the same in tables of DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from tests.bench.files import FIRST_DAY, SEED, spread

ROWS, FILES = 10_000_000, 10
PRODUCTS = 100_000
CUSTOMERS = 100_000
DAYS = 3 * 365
COUNTRIES, CITIES = 10, 10
"""Cities of each country."""
READ_PRODUCTS = (
    "read_csv('{file}', header = true, auto_detect = false, "
    "columns = {{'Product': 'BIGINT', 'Category': 'VARCHAR', 'Brand': 'VARCHAR'}})"
)


@dataclass(frozen=True)
class Sizes:
    """How much there is."""

    rows: int
    products: int
    customers: int


def orders(sizes: Sizes) -> Iterator[pl.DataFrame]:
    """The orders of each file, one time after the other."""
    rows, days = sizes.rows // FILES, DAYS // FILES
    places = np.array([f"country {n // CITIES}/city {n % CITIES}" for n in range(COUNTRIES * CITIES)])
    for number in range(FILES):
        rng = np.random.default_rng((SEED, 5, number))
        place = pl.Series(places[rng.integers(0, len(places), rows)])
        yield pl.DataFrame(
            {
                "ID": spread(np.arange(number * rows, (number + 1) * rows)),
                "Day": pl.Series([FIRST_DAY]).new_from_index(0, rows)
                + pl.Series(number * days + rng.integers(0, days, rows)).cast(pl.Duration("ms")) * 86_400_000,
                "Country": place.str.split("/").list.first(),
                "City": place.str.split("/").list.last(),
                "Customer": pl.Series(rng.integers(0, sizes.customers, rows)).cast(pl.String).str.zfill(8),
                "Product": rng.integers(0, sizes.products, rows),
                "Quantity": rng.integers(1, 20, rows),
                "Price": pl.Series(rng.integers(100, 100_000, rows)).cast(pl.Decimal(12, 0)).cast(pl.Decimal(12, 2)),
            }
        ).with_columns((pl.col("Price") / 100).cast(pl.Decimal(10, 2)))


def write_orders(directory: Path, sizes: Sizes) -> None:
    """The files of orders."""
    directory.mkdir(parents=True)
    for number, each in enumerate(orders(sizes)):
        each.write_parquet(directory / f"orders_{number:03}.parquet")


def write_products(file: Path, sizes: Sizes, *, seed: int) -> None:
    """The list of all products; each seed gives them other categories."""
    rng = np.random.default_rng((SEED, 6, seed))
    numbers = np.arange(sizes.products)
    categories, brands = rng.integers(0, 50, sizes.products), rng.integers(0, 500, sizes.products)
    named = {"Category": ("category", categories), "Brand": ("brand", brands)}
    texts = {name: pl.Series([f"{word} {n:03}" for n in found]) for name, (word, found) in named.items()}
    pl.DataFrame({"Product": numbers, **texts}).write_csv(file)


def plain_tables(files: Path, products: Path) -> duckdb.DuckDBPyConnection:
    """The same as anybody has it in DuckDB."""
    plain = duckdb.connect()
    plain.execute(
        "CREATE TABLE orders AS SELECT *, CAST(Price * Quantity AS DECIMAL(14, 2)) AS Revenue "
        f"FROM read_parquet('{files}/*.parquet')"
    )
    plain.execute("CREATE TABLE products (Product BIGINT PRIMARY KEY, Category VARCHAR, Brand VARCHAR)")
    plain.execute(f"INSERT INTO products SELECT * FROM {READ_PRODUCTS.format(file=products)}")
    return plain
