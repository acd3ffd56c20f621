"""Input files, made from a seed: the same numbers give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

SEED = 20210501
FIRST_DAY = date(2021, 5, 1)
HEADER = "ID,Date,Product,Quantity\n"
PRODUCTS = 50
KEY_BITS = 40
_SPREAD = 0x9E3779B97F4A7C15 & ((1 << KEY_BITS) - 1) | 1
SPARE_KEY = 1 << (KEY_BITS + 1)
"""Keys from here on meet none that `spread` gives."""


@dataclass(frozen=True)
class Expected:
    """What a right load of some files holds."""

    rows: int
    quantity: int


def spread(numbers: np.ndarray) -> np.ndarray:
    """Different numbers to different keys, without any order, over the whole range."""
    return ((numbers.astype(np.uint64) * np.uint64(_SPREAD)) & np.uint64((1 << KEY_BITS) - 1)).astype(np.int64)


def sales(keys: np.ndarray, *, day: int, seed: int) -> pl.DataFrame:
    """One row per key, all of one day."""
    rng = np.random.default_rng((SEED, seed))
    products = np.array([f"product {n:03}" for n in range(PRODUCTS)])
    return pl.DataFrame(
        {
            "ID": keys,
            "Date": pl.Series([FIRST_DAY + timedelta(days=day)]).new_from_index(0, len(keys)),
            "Product": products[rng.integers(0, PRODUCTS, len(keys))],
            "Quantity": rng.integers(0, 1_000, len(keys)),
        }
    )


def all_new(files: int, rows: int) -> list[np.ndarray]:
    """The keys of each file; none occurs twice."""
    return [spread(np.arange(i * rows, (i + 1) * rows)) for i in range(files)]


def half_known(files: int, rows: int) -> list[np.ndarray]:
    """The keys of each file; half of them, from anywhere, are in earlier files."""
    rng = np.random.default_rng(SEED)
    known, keys = 0, []
    for _ in range(files):
        old = min(known, rows // 2)
        again = rng.choice(known, old, replace=False) if old else np.empty(0, np.int64)
        numbers = np.concatenate([again, np.arange(known, known + rows - old)])
        known += rows - old
        keys.append(spread(rng.permutation(numbers)))
    return keys


def write_files(directory: Path, keys: Iterable[np.ndarray]) -> Expected:
    """One file a day; says what they hold once the later file has won each key."""
    directory.mkdir(parents=True, exist_ok=True)
    frames = []
    for day, each in enumerate(keys):
        frame = sales(each, day=day, seed=day)
        frame.write_csv(directory / f"sales_{day:05}.csv")
        frames.append(frame.select("ID", "Quantity"))
    rows = pl.concat(frames).filter(pl.col("ID").is_last_distinct())
    return Expected(rows.height, int(rows["Quantity"].sum()))


def write_with_bad_rows(file: Path, keys: np.ndarray, *, share: float) -> None:
    """One file in which a share of the rows breaks a rule or cannot be read."""
    rng = np.random.default_rng((SEED, 1))
    frame = sales(keys, day=0, seed=0).with_columns(pl.col("Quantity").cast(pl.String))
    bad = rng.random(len(keys)) < share
    kinds = pl.Series(["-1", "1.6", None, "many"]).gather(rng.integers(0, 4, len(keys)))
    frame.with_columns(Quantity=pl.when(pl.Series(bad)).then(kinds).otherwise("Quantity")).write_csv(file)


def write_small_files(directory: Path, *, files: int, rows: int, first: int = 0) -> Expected:
    """Many files with few rows each, none of whose keys occurs twice."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng((SEED, 2))
    quantities = rng.integers(0, 1_000, (files, rows))
    for i, in_file in enumerate(quantities.tolist(), first):
        lines = (
            f"{key},{FIRST_DAY + timedelta(days=i % 365)},product {key % PRODUCTS:03},{quantity}\n"
            for key, quantity in enumerate(in_file, i * rows)
        )
        (directory / f"sales_{i:06}.csv").write_text(HEADER + "".join(lines))
    return Expected(files * rows, int(quantities.sum()))


def warm_up_file(directory: Path) -> Path:
    """A small file with keys of its own, which brings everything into memory that is loaded once only."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "warm_up.csv"
    sales(SPARE_KEY + np.arange(1_000), day=0, seed=0).with_columns(Quantity=0).write_csv(file)
    return file


WARM_ROWS = 1_000
