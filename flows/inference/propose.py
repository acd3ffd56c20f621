"""A declaration for sample files: what they decide is declared, and what they leave open is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from flows.inference.columns import Column, Columns, find_columns
from flows.inference.common_columns import FormatRows, join_columns, join_rows
from flows.inference.csv_draft import CsvDraft
from flows.inference.draft import Draft
from flows.inference.encodings import decode_samples
from flows.inference.evidence import Decision, Question, Wishes
from flows.inference.format_draft import FormatDraft
from flows.inference.keys import NO_KEY, Key, find_key
from flows.inference.layout_search import search_layout
from flows.inference.paths import PathColumn, find_path_column
from flows.inference.samples import Sample, Samples
from flows.inference.several_formats import SeveralFormatsDraft
from flows.inference.source_text import write_declaration
from flows.inference.stored import StoredKind, find_stored_columns, read_stored, samples_by_kind
from flows.inference.stored_draft import StoredDraft

_PADDING = " \t\u00a0"


@dataclass(frozen=True)
class Proposal:
    """What was understood.

    Args:
        source: the text of a dataset file.
        constant: the name of the dataset in it.
        decisions: what it says, and why.
        questions: what has to be decided before it is right.
    """

    source: str
    constant: str
    decisions: tuple[Decision, ...]
    questions: tuple[Question, ...]


def propose(found: Samples, samples: Sequence[Sample], wishes: Wishes) -> Proposal:
    """A declaration for files.

    Args:
        found: all of them.
        samples: those that were read.
        wishes: what is decided already.

    Raises:
        QueryError: nothing can be understood of them, or a wish cannot be fulfilled.
    """
    parts = [
        _csv(found, each, wishes) if kind == "text" else _stored(kind, found, each, wishes)
        for kind, each in samples_by_kind(samples).items()
    ]
    draft: Draft = _alone(parts[0], wishes) if len(parts) == 1 else _joined(parts, found, samples, wishes)
    source = write_declaration(draft.declaration())
    return Proposal(source, draft.constant, tuple(draft.decisions()), draft.columns.questions)


def _csv(found: Samples, samples: Sequence[Sample], wishes: Wishes) -> FormatRows:
    texts = decode_samples(samples, wishes.encoding)
    layout = search_layout(samples, texts, wishes.delimiter)
    frame, names = layout.table.frame, dict(layout.table.columns)
    stripped = frame.with_columns(pl.col(each).str.strip_chars(_PADDING) for each in names.values())
    columns = find_columns(stripped, names, wishes)
    values = [names[each.text] for each in columns.columns if each.kind != "String"]
    padded = any(not frame[name].equals(stripped[name]) for name in values)
    draft = CsvDraft(found, samples, columns, NO_KEY, None, wishes, layout, padded, texts.decisions)
    return FormatRows(draft, stripped if padded else frame, names)


def _stored(kind: StoredKind, found: Samples, samples: Sequence[Sample], wishes: Wishes) -> FormatRows:
    table = read_stored(kind, samples, wishes)
    columns = find_stored_columns(table, wishes)
    return FormatRows(StoredDraft(found, samples, columns, NO_KEY, None, wishes, table), table.frame, table.names)


def _alone(rows: FormatRows, wishes: Wishes) -> FormatDraft:
    draft = rows.draft
    path = _path_column(draft.columns, draft.samples)
    key = find_key(rows.frame, rows.names, draft.columns.columns, wishes, apart=path is not None)
    return replace(draft, columns=_with_key(draft.columns, key), key=key, path=path)


def _joined(
    parts: Sequence[FormatRows], found: Samples, samples: Sequence[Sample], wishes: Wishes
) -> SeveralFormatsDraft:
    columns = join_columns(parts)
    questions = tuple(question for each in parts for question in each.draft.columns.questions)
    together = Columns(columns, parts[0].draft.columns.decimal, questions)
    path, texts = _path_column(together, samples), [each.text for each in columns]
    rows = join_rows(parts, columns)
    key = find_key(rows, {text: text for text in texts}, columns, wishes, apart=path is not None)
    drafts = [replace(each.draft, key=key, path=path, beside=texts) for each in parts]
    return SeveralFormatsDraft(found, samples, _with_key(together, key), key, path, wishes, drafts)


def _path_column(columns: Columns, samples: Sequence[Sample]) -> PathColumn | None:
    """The day that paths give, where no column has one."""
    dated = any(each.kind in ("Date", "Datetime") for each in columns.columns)
    taken = [each.text for each in columns.columns]
    return None if dated else find_path_column([each.path for each in samples], taken)


def _with_key(columns: Columns, key: Key) -> Columns:
    return replace(columns, columns=tuple(_as_key(each, key) for each in columns.columns))


def _as_key(column: Column, key: Key) -> Column:
    """Whole numbers that are the key are no measure in any case."""
    if not (column.is_code and column.text in key.columns):
        return column
    return replace(column, kind="Int64", why="whole numbers", uncertain="")
