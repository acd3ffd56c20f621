"""The columns of a Parquet file: of types that the declared ones can be made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from flows.model.dataset import Dataset
from flows.model.formats import Parquet
from flows.reading.decompression import check_size
from flows.reading.parquet.footer import Footer, damaged, read_types
from flows.reading.refusal import FileRefused
from flows.reading.typed_columns import misfit
from flows.validation.cost import Cost


def check_types(body: bytes, stored: Mapping[str, str], dataset: Dataset, parquet: Parquet) -> None:
    """Refuse a file with columns none of whose values would be one of the declared type.

    Args:
        body: the file.
        stored: the declared columns → their names in it.
        dataset: the declaration.
        parquet: its format.

    Raises:
        FileRefused: names all of them.
    """
    types = read_types(body)
    declared = dataset.schema.columns() if dataset.prepare is None else {}
    found, expected = [], []
    for name, column in stored.items():
        wanted = misfit(types[column], declared.get(name), whole_floats=parquet.whole_floats)
        if wanted is not None:
            found.append(f"{column}: {types[column]}")
            expected.append(f"{column}: {wanted}")
    if found:
        raise FileRefused("type", raw=", ".join(found), expected="; ".join(expected))


def read_groups(body: bytes, footer: Footer, stored: Mapping[str, str]) -> Iterator[dict[str, pl.Series]]:
    """The columns of one row group after the other, under their declared names. What a text takes that is stored once
    and stands in many rows is little as long as nothing is done with it.

    Raises:
        FileRefused: the file cannot be read.
    """
    columns = [pl.col(column).alias(name) for name, column in stored.items()]
    start = 0
    for rows in footer.group_rows:
        try:
            frame = pl.scan_parquet(body).slice(start, rows).select(columns).collect()
        except pl.exceptions.PolarsError as error:
            raise damaged(error) from None
        if frame.height != rows:
            raise damaged(ValueError(f"{frame.height} of the {rows} rows that a row group says to have"))
        yield {each.name: each for each in frame}
        start += rows


def check_text(columns: Mapping[str, pl.Series], dataset: Dataset, cost: Cost) -> None:
    """Refuse texts that are stored once and stand in many rows, where all of them would be too large.

    Raises:
        FileRefused: larger than the dataset allows.
        TooCostly: larger than there is memory for.
    """
    size = sum(_text_bytes(values) for values in columns.values())
    check_size(size, dataset.limits.file_bytes)
    cost.check_size(size)


def _text_bytes(values: pl.Series) -> int:
    if values.dtype == pl.String:
        return int(values.str.len_bytes().sum())
    return int(values.cat.len_bytes().sum()) if values.dtype in (pl.Categorical, pl.Enum) else 0
