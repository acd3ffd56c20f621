"""Whether the rows of a file are what its trailers say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import polars as pl

from flows.model.dataset import Dataset
from flows.model.formats import CellText
from flows.model.tables import FILE
from flows.model.types.exact_sum import exact_sum, float_error, number_words, read_number
from flows.reading.footer_lines import TrailerLine
from flows.reading.refusal import FileRefused
from flows.reading.typed_columns import as_text
from flows.text.plural import counted


def check_row_counts(dataset: Dataset, trailers: tuple[TrailerLine, ...], data_rows: int) -> None:
    """Compare the numbers of rows.

    Raises:
        FileRefused: they differ.
    """
    for trailer in trailers:
        if trailer.rows is not None and read_number(trailer.rows, dataset.first_format.cells) != data_rows:
            raise _refused(trailer, f"{data_rows} rows", data_rows)


def wrong_sums(
    dataset: Dataset, frame: pl.DataFrame, trailers: Mapping[int, tuple[TrailerLine, ...]]
) -> Iterator[tuple[int, FileRefused]]:
    """The files in which the rows sum up to something else than a trailer says.

    Args:
        dataset: the declaration.
        frame: the text of the rows, with `_file`.
        trailers: file → what it says of its rows.
    """
    summed = {file: lines for file, lines in trailers.items() if any(line.sums for line in lines)}
    rows_of = frame.partition_by(FILE, as_dict=True) if summed else {}
    for file, lines in summed.items():
        rows = rows_of.get((file,), frame.clear())
        for line in lines:
            wrong = next(_differences(dataset, rows, line), None)
            if wrong is not None:
                yield file, _refused(line, wrong, rows.height)


def check_typed_sums(dataset: Dataset, rows: pl.DataFrame, trailers: Iterable[TrailerLine]) -> None:
    """Compare the sums of a file whose numbers are floats with what its trailers say, which a program has added up.

    Raises:
        FileRefused: they differ by more than such an addition may.
    """
    for line in trailers:
        wrong = next(_differences(dataset, rows, line, typed=True), None)
        if wrong is not None:
            raise _refused(line, wrong, rows.height)


def _differences(dataset: Dataset, rows: pl.DataFrame, line: TrailerLine, *, typed: bool = False) -> Iterator[str]:
    """What a trailer would have to say of the sums of rows."""
    for column, text in line.sums.items():
        cells = dataset.first_format.cells.of(column)
        texts = as_text(rows[column], dataset.first_format.cells)
        total, others = exact_sum(texts, cells)
        if others:
            yield f"the sum of {column}, in which {counted(others, 'cell')} without a number cannot be added up"
            continue
        said, slack = [read_number(text, cells)], Fraction(0)
        if typed:
            said, slack = [*said, read_number(text, CellText())], float_error(texts, cells)
        if not any(value is not None and abs(value - total) <= slack for value in said):
            yield f"{number_words(total)} as the sum of {column}, not {text.strip()}"


def _refused(trailer: TrailerLine, expected: str, data_rows: int) -> FileRefused:
    return FileRefused("trailer", line=trailer.line, raw=trailer.raw, expected=expected, data_rows=data_rows)
