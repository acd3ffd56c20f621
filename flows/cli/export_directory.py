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
"""Rows of a file at most."""
GROUP_ROWS = 1 << 17
OPEN_FILES = 200
"""Files that are written at the same time, where a column parts the rows: each holds some of its rows in memory."""
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
        by = self._partition_by
        flavor = None if by is None else pad.partitioning(pa.schema([stream.schema.field(by)]), flavor="hive")
        pad.write_dataset(
            stream,
            partial,
            format="parquet",
            basename_template="part-{i}.parquet",
            partitioning=flavor,
            file_options=pad.ParquetFileFormat().make_write_options(**_WRITTEN),
            max_open_files=OPEN_FILES,
            max_partitions=MOST_PARTITIONS,
            max_rows_per_file=FILE_ROWS,
            max_rows_per_group=GROUP_ROWS,
            file_visitor=written.append,
            existing_data_behavior="overwrite_or_ignore",
            use_threads=False,
        )
        found = [_described(Path(file.path), partial, file.metadata.num_rows) for file in written]
        return sorted(found, key=lambda file: str(file["path"]))


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
