"""What a Parquet file says of itself at its end: before anything is decoded, what it costs to do that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from flows.model.types.moment import is_zone
from flows.reading.decompression import name_binary
from flows.reading.refusal import FileRefused

_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Footer:
    """What the end of a file says.

    Args:
        names: the columns, in their order.
        group_rows: how many rows each row group has.
        size_bytes: what is stored, decompressed.
    """

    names: tuple[str, ...]
    group_rows: tuple[int, ...]
    size_bytes: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.group_rows)


def read_footer(body: bytes) -> Footer:
    """The footer of a file.

    Raises:
        FileRefused: it is no Parquet file, or not all of one.
    """
    if not body.startswith(_MAGIC):
        raise FileRefused("binary", raw=name_binary(body) or repr(body[:8]), expected="a Parquet file")
    try:
        footer = pq.read_metadata(pa.BufferReader(body))
        names = tuple(footer.schema.to_arrow_schema().names)
    except (pa.ArrowException, OSError) as error:
        raise damaged(error) from None
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    _check_counts(footer, groups)
    return Footer(names, tuple(each.num_rows for each in groups), sum(each.total_byte_size for each in groups))


def _check_counts(footer: pq.FileMetaData, groups: Sequence[pq.RowGroupMetaData]) -> None:
    """Refuse a footer whose numbers of rows contradict each other: readers believe the smaller one, and leave rows out.

    Raises:
        FileRefused: with both numbers.
    """
    flat = [place for place in range(footer.num_columns) if footer.schema.column(place).max_repetition_level == 0]
    told = [(each.column(place).num_values, each.num_rows) for each in groups for place in flat]
    for first, second in (*told, (footer.num_rows, sum(each.num_rows for each in groups))):
        if first != second:
            raise damaged(ValueError(f"{first:,} rows by one number of the footer, {second:,} by another"))


def read_types(body: bytes) -> dict[str, pl.DataType]:
    """The types of the columns of a file with a sound footer.

    Raises:
        FileRefused: it has some that nothing can be made of.
    """
    for field in pq.read_schema(pa.BufferReader(body)):
        if isinstance(field.type, pa.TimestampType) and field.type.tz is not None and not is_zone(field.type.tz):
            expected = "moments in UTC, or in a time zone of the time zone database, such as Europe/Berlin"
            raise FileRefused("type", raw=f"{field.name}: {field.type}", expected=f"{field.name}: {expected}")
    try:
        return dict(pl.read_parquet_schema(body))
    except pl.exceptions.PolarsError as error:
        raise damaged(error) from None


def damaged(error: Exception) -> FileRefused:
    """The refusal of a file that cannot be read to its end."""
    return FileRefused("parquet", raw=str(error), expected="a whole Parquet file that is not encrypted")
