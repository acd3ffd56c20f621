"""The reader of each format. Only those that datasets use are imported: each brings libraries of its own."""

from __future__ import annotations

from typing import assert_never

from flows.model.dataset import Dataset
from flows.model.formats import Csv, Excel, JsonLines, Parquet
from flows.reading.port import Reader


def reader_of(dataset: Dataset) -> Reader:
    """What reads the files of a dataset that are written in its first format: see `Dataset.of_file`."""
    match dataset.first_format:
        case Csv():
            from flows.reading.csv.reader import CsvReader

            return CsvReader(dataset)
        case Parquet() as parquet:
            from flows.reading.parquet.reader import ParquetReader

            return ParquetReader(dataset, parquet)
        case JsonLines() as json_lines:
            from flows.reading.jsonl.reader import JsonLinesReader

            return JsonLinesReader(dataset, json_lines)
        case Excel() as excel:
            from flows.reading.excel.reader import ExcelReader

            return ExcelReader(dataset, excel)
        case _ as unknown:
            assert_never(unknown)
