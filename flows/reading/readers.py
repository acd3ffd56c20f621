"""The reader of each format."""

from __future__ import annotations

from typing import assert_never

from flows.model.dataset import Dataset
from flows.model.formats import Csv, Excel, JsonLines, Parquet
from flows.reading.csv.reader import CsvReader
from flows.reading.excel.reader import ExcelReader
from flows.reading.jsonl.reader import JsonLinesReader
from flows.reading.parquet.reader import ParquetReader
from flows.reading.port import Reader


def reader_of(dataset: Dataset) -> Reader:
    """What reads the files of a dataset."""
    match dataset.format:
        case Csv():
            return CsvReader(dataset)
        case Parquet():
            return ParquetReader(dataset, dataset.format)
        case JsonLines():
            return JsonLinesReader(dataset, dataset.format)
        case Excel():
            return ExcelReader(dataset, dataset.format)
        case _:
            assert_never(dataset.format)
