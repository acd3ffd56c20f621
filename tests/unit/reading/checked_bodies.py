"""Bodies of files through reading and checks, without a landing directory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import polars as pl

from flows.ingest.file_checks import check_files
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.findings import Verdict
from flows.model.lifecycle import Identity
from flows.reading.file_reader import FileContent


def check_bodies(dataset: Dataset, bodies: Mapping[str, bytes]) -> tuple[pl.DataFrame, dict[str, Verdict]]:
    """The good rows of some files, and the verdict on each by its path."""
    checked = check_files(dataset, [_content(path.encode(), body) for path, body in bodies.items()])
    return checked.rows, {path.decode(): verdict for path, verdict in checked.verdicts.items()}


def check_body(dataset: Dataset, body: bytes, path: str = "f") -> tuple[list[dict[str, Any]], Verdict]:
    """The good rows of a file and the verdict on it."""
    rows, verdicts = check_bodies(dataset, {path: body})
    return rows.drop("_file").to_dicts(), verdicts[path]


def _content(path: bytes, body: bytes) -> FileContent:
    signature = Signature(1, 1, 1, len(body))
    return FileContent(SettledFile(path, signature), signature, body, Identity(hashlib.sha256(body).digest()))
