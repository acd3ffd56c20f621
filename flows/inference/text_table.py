"""All cells of the samples as text, by the reader that a session uses: what it takes without a finding is proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dataframely as dy
import polars as pl

from flows.inference.samples import Sample
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.header import Header
from flows.model.tables import FILE
from flows.reading.port import Source
from flows.reading.readers import reader_of


@dataclass(frozen=True)
class TextTable:
    """What the reader makes of the samples.

    Args:
        frame: a column of text for each name, and `_file`.
        columns: the texts of the headers → the columns of the frame.
        findings: how many there are.
    """

    frame: pl.DataFrame
    columns: Mapping[str, str]
    findings: int


def read_text(samples: Sequence[Sample], names: Sequence[str], form: Csv) -> TextTable:
    """Read the samples as text.

    Args:
        samples: the files.
        names: the texts of all headers.
        form: how they are written; its header names the columns.
    """
    columns = dict(zip(names, trial_names(len(names)), strict=True))
    fields = {column: dy.String(nullable=True) for column in columns.values()}
    schema = type("Text", (dy.Schema,), fields)
    dataset = Dataset(schema=schema, landing="landing", format=form)
    text = reader_of(dataset).parse([Source(sample.path, sample.body, opened=True) for sample in samples])
    count = sum(sum(each.counts.values()) for each in text.found)
    return TextTable(text.frame.select(*columns.values(), FILE), columns, count)


def trial_names(count: int) -> list[str]:
    """Names of columns that no header has."""
    return [f"\x02{place}" for place in range(count)]


def header_of(
    names: Sequence[str], headers: Sequence[tuple[str, ...] | None], columns: Sequence[str], *, strip: bool
) -> Header | None:
    """How headers name columns.

    Args:
        names: the texts of all headers.
        headers: those of each file; None where files have none.
        columns: what the declaration calls each of `names`.
        strip: whether there are blanks around names.
    """
    if any(header is None for header in headers):
        return None
    aliases = {name: column for name, column in zip(names, columns, strict=True) if name != column}
    if all(header == tuple(names) for header in headers):
        return Header(aliases=aliases, strip=strip)
    lacking = any(set(header or ()) != set(names) for header in headers)
    return Header(by="name", missing="null" if lacking else "refuse", aliases=aliases, strip=strip)
