"""Rows as a Parquet file."""

from __future__ import annotations

from collections.abc import Generator
from typing import IO, cast

from flows.web.arrow_stream import arrow_schema
from flows.web.chunks import Chunks
from flows.web.extract import Extract


def parquet_file(rows: Extract) -> Generator[bytes]:
    """The bytes of the file, a row group at a time; the metadata has the facts of the answer, as a stream has."""
    from pyarrow.parquet import ParquetWriter

    written = Chunks()
    with ParquetWriter(cast(IO[bytes], written), arrow_schema(rows), compression="zstd") as writer:
        for frame in rows.frames:
            writer.write_table(rows.arrow_of(frame))
            yield written.take()
    yield written.take()
