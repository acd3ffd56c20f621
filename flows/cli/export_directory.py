"""A directory with the Parquet files of a table and the manifest that names them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pad

from flows.cli.file_output import require_free
from flows.errors import QueryError, StateError
from flows.store.atomic_write import private_name, put_folder, write_file
from flows.store.disk import room_for

MANIFEST = "_manifest.json"
"""A name that begins so is left out by what reads a directory of Parquet files: pyarrow, pandas, Spark."""
FILE_ROWS = 1 << 20
"""Rows that are written at once, after which a file ends: the session does not wait much longer for who reads."""
GROUP_ROWS = 1 << 17
MOST_PARTITIONS = 10_000
_WRITTEN: dict[str, Any] = {"compression": "zstd"}


class ExportDirectory:
    """Where a table is exported to.

    Args:
        place: the directory.
        partition_by: a column, for each of whose values there is a directory; None for none.
    """

    def __init__(self, place: Path, partition_by: str | None) -> None:
        self._place = place
        self._partition_by = partition_by

    def require_free(self, *, overwrite: bool) -> None:
        """Refuse a place where something else than an export is, or one that is not to be replaced.

        Raises:
            StateError: it is.
        """
        if overwrite and (self._place / MANIFEST).is_file():
            return
        if overwrite and self._place.exists():
            raise StateError("That is no export, and so not replaced", next_step="name another one", path=self._place)
        if (self._place / MANIFEST).is_file():
            step = "name another one, or replace it with --overwrite"
            raise StateError("There is an export of that name already", next_step=step, path=self._place)
        require_free(self._place, overwrite=False)

    def write(self, parts: Generator[bytes], shown: Callable[[Iterable[bytes]], Iterator[bytes]]) -> dict[str, Any]:
        """Write the table that an Arrow stream brings; it appears once it is complete.

        Args:
            parts: the stream's bytes.
            shown: shows people how much has come.

        Returns:
            the manifest.
        """
        with closing(parts), private_name(self._place) as partial, room_for("the export", self._place.parent, 0):
            partial.mkdir()
            with pa.ipc.open_stream(io.BufferedReader(_Stream(shown(parts)))) as stream:
                self._require_column(stream.schema)
                files = self._write_files(partial, stream)
                facts = json.loads((stream.schema.metadata or {})[b"cubefeed"])
            manifest = facts | {
                "rows": sum(file["rows"] for file in files), "partitioned_by": self._partition_by, "files": files,
            }  # fmt: skip
            write_file(partial / MANIFEST, json.dumps(manifest, indent=1), what="the manifest")
            put_folder(partial, self._place)
        return dict(manifest)

    def _require_column(self, schema: pa.Schema) -> None:
        if self._partition_by is not None and self._partition_by not in schema.names:
            raise QueryError(
                "The table has no such column",
                next_step=f"use one of {', '.join(schema.names)}",
                got=self._partition_by,
            )

    def _write_files(self, partial: Path, stream: pa.RecordBatchReader) -> list[dict[str, Any]]:
        """Write the rows as they come; returns what each file is."""
        written: list[Any] = []
        for number, rows in enumerate(_slabs(stream)):
            self._write_slab(partial, rows, number, written.append)
        found = [_described(Path(file.path), partial, file.metadata.num_rows) for file in written]
        return sorted(found, key=lambda file: str(file["path"]))

    def _write_slab(self, partial: Path, rows: pa.Table, number: int, note: Any) -> None:
        """Write some rows; where a column parts them, sorted by it, so that few files are open at the same time."""
        by = self._partition_by
        pad.write_dataset(
            rows if by is None else rows.sort_by(by),
            partial,
            format="parquet",
            basename_template=f"part-{number}-{{i}}.parquet",
            partitioning=None if by is None else pad.partitioning(pa.schema([rows.schema.field(by)]), flavor="hive"),
            file_options=pad.ParquetFileFormat().make_write_options(**_WRITTEN),
            max_partitions=MOST_PARTITIONS,
            max_rows_per_group=GROUP_ROWS,
            file_visitor=note,
            existing_data_behavior="overwrite_or_ignore",
            use_threads=False,
        )


def _slabs(stream: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The rows of a stream, so many at a time that they fit into memory."""
    batches: list[pa.RecordBatch] = []
    rows = 0
    for batch in stream:
        batches.append(batch)
        rows += batch.num_rows
        if rows >= FILE_ROWS:
            yield pa.Table.from_batches(batches, stream.schema)
            batches, rows = [], 0
    if batches:
        yield pa.Table.from_batches(batches, stream.schema)


def _described(file: Path, root: Path, rows: int) -> dict[str, Any]:
    with open(file, "rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return {"path": file.relative_to(root).as_posix(), "rows": rows, "bytes": file.stat().st_size, "sha256": digest}


class _Stream(io.RawIOBase):
    """Parts that come one after another, as a file that is read from the front to the back."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._parts, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
