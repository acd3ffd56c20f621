"""Sample files in `data/` of the working directory, and what init makes of them: a declaration, `data.py:DATA`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.datasets import find_dataset
from flows.ingest.file_checks import check_files, read_or_refuse
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.reading.file_reader import FileContent


def init(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", "data", "-o", "data.py", "--overwrite", *arguments])


def checked_rows(*names: str) -> pl.DataFrame:
    """The rows of files as the declaration has them; of all of them where none is named."""
    dataset = find_dataset("data.py:DATA")
    files = [Path("data", name) for name in names] or sorted(Path("data").iterdir())
    return check_files(dataset, [_read(dataset, file) for file in files]).rows


def _read(dataset: Dataset, file: Path) -> FileContent:
    read = read_or_refuse(dataset, SettledFile(file.name.encode(), Signature.of(file.stat())))
    assert isinstance(read, FileContent)
    return read
