"""The rows behind a number as people get them: each with its file, and as it stands in that."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import polars as pl

from flows.cube.bounds import Bounds
from flows.ingest.dataset_state import DatasetState
from flows.ingest.raw_lines import RawLine, raw_lines
from flows.model.files import shown
from flows.model.row_query import RowPage
from flows.model.tables import LINE, VERSION
from flows.reading.archive import DeliveryReader
from flows.store.ledger import Ledger
from flows.store.row_files import RowFile, row_files, version_file
from flows.web.rows import SOURCE

_LINE = "Source.Line"


class CellRows:
    """Says of rows which files they are of. Any thread may ask."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._reading = threading.Lock()
        """One question reads files at a time, since each may take as much memory as loading it."""

    def describe(self, state: DatasetState, page: RowPage, *, raw: bool, bounds: Bounds) -> list[dict[str, Any]]:
        """The rows of a page in JSON types: `values`, and the `source` of each.

        Args:
            state: whose rows.
            page: the rows.
            raw: whether to read the files for what stands in them.
            bounds: what it may take.
        """
        table = state.dataset.table
        files = row_files(self._ledger, set(page.rows[VERSION]))
        texts = self._raw(state, page, files, bounds) if raw else {}
        values = page.rows.select(column.type.json(pl.col(column.name)) for column in table.columns).to_dicts()
        places = page.rows.select(VERSION, LINE).rows()
        rows = [
            {"values": each, "source": _source(files.get(content), line)}
            for each, (content, line) in zip(values, places, strict=True)
        ]
        for row, place in zip(rows, places, strict=True) if raw else ():
            row["source"] |= {"raw": texts[place].text, "no_raw": texts[place].missing}
        return rows

    def with_files(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with the columns of `flows.web.rows.SOURCE` in place of `_version` and `_line`."""
        found = row_files(self._ledger, set(rows[VERSION]))
        named = [(content, _source(found.get(content), 0)) for content in rows[VERSION].unique(maintain_order=True)]
        files = pl.DataFrame(
            [
                (content, each["file"], ", ".join(each["also_in"]) or None, each["version"], each["loaded_utc"])
                for content, each in named
            ],
            schema={VERSION: rows.schema[VERSION], **{name: SOURCE[name].frame for name in SOURCE if name != _LINE}},
            orient="row",
        )
        joined = rows.join(files, on=VERSION, how="left", maintain_order="left")
        return joined.with_columns(pl.col(LINE).cast(SOURCE[_LINE].frame).alias(_LINE)).drop(VERSION, LINE)

    def _raw(
        self, state: DatasetState, page: RowPage, files: Mapping[int, RowFile], bounds: Bounds
    ) -> dict[tuple[int, int], RawLine]:
        """Content and line → what stands there."""
        found = dict[tuple[int, int], RawLine]()
        reader, mount = DeliveryReader(state.dataset), state.monitor.question_thread
        lines = page.rows.group_by(VERSION, maintain_order=True).agg(pl.col(LINE).unique()).rows()
        with self._reading_alone(bounds):
            for content, wanted in lines:
                bounds.require_wanted()
                texts = dict.fromkeys(wanted, RawLine(missing="gone: the ledger does not know its file any more"))
                if content in files:
                    texts = raw_lines(state.dataset, files[content], wanted, reader=reader, mount=mount)
                found |= {(content, line): text for line, text in texts.items()}
        return found

    def with_raw(
        self, state: DatasetState, version: int, findings: list[dict[str, Any]], kept: bytes | None, bounds: Bounds
    ) -> list[dict[str, Any]]:
        """Findings, each with what stands in the file at its line, `text`, or why that is not to be had, `no_text`.

        Args:
            state: of the dataset.
            version: in which they are.
            findings: in JSON types.
            kept: the bytes of the file, where all of it was refused and is kept.
            bounds: what it may take.
        """
        lines = sorted({finding["line"] for finding in findings} - {None})
        file = version_file(self._ledger, version)
        texts = dict.fromkeys(lines, RawLine(missing="gone: the ledger does not know its file any more"))
        if file is not None and lines:
            reader, mount = DeliveryReader(state.dataset), state.monitor.question_thread
            with self._reading_alone(bounds):
                texts = raw_lines(state.dataset, file, lines, reader=reader, mount=mount, kept=kept)
        none = RawLine(missing="it is of no line")
        shown_lines = [texts.get(finding["line"], none) for finding in findings]
        pairs = zip(findings, shown_lines, strict=True)
        return [finding | {"text": found.text, "no_text": found.missing} for finding, found in pairs]

    @contextmanager
    def _reading_alone(self, bounds: Bounds) -> Iterator[None]:
        if not self._reading.acquire(timeout=-1 if bounds.left_s is None else bounds.left_s):
            raise bounds.ended()
        try:
            yield
        finally:
            self._reading.release()


def _source(file: RowFile | None, line: int) -> dict[str, Any]:
    names = [shown(path) for path in file.paths] if file is not None else []
    return {
        "file": names[0] if names else None,
        "also_in": names[1:],
        "version": file.version if file is not None else None,
        "line": line,
        "loaded_utc": file.loaded_utc if file is not None else None,
    }
