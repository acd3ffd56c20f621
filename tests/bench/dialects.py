"""A file as people write it beside the same rows as a machine writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import dataframely as dy
import numpy as np
import polars as pl
from cubefeed import Csv, Dataset, Numbers, Trailer

from tests.bench.apart import Figures, apart
from tests.bench.files import FIRST_DAY, SEED, SPARE_KEY, WARM_ROWS, Expected, spread
from tests.bench.ours import first_load_of
from tests.bench.rows import Measured
from tests.bench.workspace import Workspace, check, compared

ROWS = 1_000_000
DAYS = 365
type Writer = Callable[[pl.DataFrame, Path], object]


class Receipt(dy.Schema):
    """Numbers of both kinds, and a day."""

    ID = dy.Int64(primary_key=True)
    Day = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)
    Price = dy.Float64(min=0)


PLAIN = Dataset(schema=Receipt, landing="landing")
DIALECT = Dataset(
    schema=Receipt,
    landing="landing",
    format=Csv(
        delimiter=";",
        decimal=",",
        numbers=Numbers(thousands="."),
        date_format="%d.%m.%Y",
        footer=(Trailer(r"Rows: (?P<rows>.*)"),),
    ),
)


def dialect(on: Workspace) -> Iterator[Measured]:
    """The same rows twice."""
    rows = on.scaled(ROWS)
    loads = written_loads(on, rows, {"PLAIN": ("csv", write_plain), "DIALECT": ("csv", write_dialect)}, __file__)
    plain, people = on.alternate(loads)
    yield compared("file-dialect", people, plain, {"files": 1, "rows": rows})


def written_loads(
    on: Workspace, rows: int, writers: Mapping[str, tuple[str, Writer]], declarations: str
) -> list[Callable[[], Figures]]:
    """Write the same rows in several ways, and load them each.

    Args:
        on: where.
        rows: how many.
        writers: the name of a dataset → the ending of its files, and what writes them.
        declarations: the file that declares the datasets.
    """
    frame, warm = receipts(spread(np.arange(rows))), receipts(np.arange(SPARE_KEY, SPARE_KEY + WARM_ROWS))
    expected = Expected(rows + WARM_ROWS, int(frame["Quantity"].sum()) + int(warm["Quantity"].sum()))
    for name, (ending, write) in writers.items():
        for part, each in (("files", frame), ("warm", warm)):
            directory = on.fresh(f"{name}-{part}")
            directory.mkdir()
            write(each, directory / f"{part}.{ending}")
    return [
        partial(_load, on, name, ending, expected, declared=f"{declarations}:{name}")
        for name, (ending, _) in writers.items()
    ]


def receipts(keys: np.ndarray) -> pl.DataFrame:
    """One row per key."""
    rng = np.random.default_rng((SEED, len(keys)))
    days = pl.Series([FIRST_DAY + timedelta(days=day) for day in range(DAYS)])
    return pl.DataFrame(
        {
            "ID": keys,
            "Day": days.gather(rng.integers(0, DAYS, len(keys))),
            "Product": pl.Series([f"product {n:03}" for n in range(50)]).gather(rng.integers(0, 50, len(keys))),
            "Quantity": rng.integers(0, 100_000, len(keys)),
            "Price": pl.Series(rng.integers(0, 10_000_000, len(keys))) / 100,
        }
    )


def write_plain(frame: pl.DataFrame, file: Path) -> None:
    """As a machine writes rows."""
    frame.write_csv(file)


def write_dialect(frame: pl.DataFrame, file: Path) -> None:
    """The same as an office does."""
    price = (pl.col("Price") * 100).round().cast(pl.Int64)
    written = frame.with_columns(
        pl.col("Day").dt.strftime("%d.%m.%Y"),
        _grouped(pl.col("Quantity")),
        Price=_grouped(price // 100) + "," + (price % 100).cast(pl.String).str.zfill(2),
    )
    file.write_text(written.write_csv(separator=";") + f"Rows: {frame.height}\n")


def _grouped(number: pl.Expr) -> pl.Expr:
    """A number below a million in groups of three digits."""
    thousands, rest = number // 1_000, (number % 1_000).cast(pl.String)
    return pl.when(thousands > 0).then(thousands.cast(pl.String) + "." + rest.str.zfill(3)).otherwise(rest)


def _load(on: Workspace, name: str, ending: str, expected: Expected, *, declared: str) -> Figures:
    figures = apart(
        first_load_of,
        waiting=on.root / f"{name}-files",
        landing=on.fresh(f"{name}/landing"),
        state=on.fresh(f"{name}/state"),
        warm=on.root / f"{name}-warm/warm.{ending}",
        declared=declared,
    )
    check(figures, expected)
    return figures
