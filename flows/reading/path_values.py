"""The columns that a file's path gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from flows.model.dataset import Dataset
from flows.model.tables import FILE, LINE
from flows.reading.refusal import FileRefused


def path_values(dataset: Dataset, path: str) -> dict[str, str | None]:
    """The values that a file's path holds.

    Raises:
        FileRefused: it is not as `from_path` says, or no text.
    """
    values = dataset.values_of_path(path)
    if values is None:
        raise FileRefused("from_path", raw=path, expected=f"a path that matches {dataset.from_path}")
    try:
        "".join(value or "" for value in values.values()).encode()
    except UnicodeEncodeError:
        raise FileRefused("from_path", raw=path, expected="a path in UTF-8") from None
    return values


def with_path_values(dataset: Dataset, frame: pl.DataFrame, held: Mapping[str, Sequence[str | None]]) -> pl.DataFrame:
    """The rows of a batch with the columns of their files' paths; `held` has a value per file in each."""
    columns = [pl.Series(name, values, pl.String).gather(frame[FILE]) for name, values in held.items()]
    order = [*dataset.header, *dataset.path_columns, FILE, LINE]
    return frame.with_columns(columns).select(order) if columns else frame
