"""A declaration for sample files: what they decide is declared, and what they leave open is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from flows.inference.columns import Column, find_columns
from flows.inference.draft import Draft
from flows.inference.encodings import decode_samples
from flows.inference.evidence import Decision, Question, Wishes
from flows.inference.keys import Key, find_key
from flows.inference.layout_search import search_layout
from flows.inference.paths import find_path_column
from flows.inference.samples import Sample, Samples
from flows.inference.source_text import write_declaration

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
    texts = decode_samples(samples, wishes.encoding)
    layout = search_layout(samples, texts, wishes.delimiter)
    frame = layout.table.frame
    stripped = frame.with_columns(pl.col(each).str.strip_chars(_PADDING) for each in layout.table.columns.values())
    columns = find_columns(stripped, layout.table.columns, wishes)
    padded = any(
        not frame[layout.table.columns[each.text]].equals(stripped[layout.table.columns[each.text]])
        for each in columns.columns
        if each.kind != "String"
    )
    key = find_key(stripped if padded else frame, layout.table.columns, columns.columns, wishes)
    columns = replace(columns, columns=tuple(_as_key(each, key) for each in columns.columns))
    dated = any(each.kind in ("Date", "Datetime") for each in columns.columns)
    path = None if dated else find_path_column([each.path for each in samples], layout.names)
    draft = Draft(found, samples, layout, columns, key, path, padded, wishes)
    decisions = (*texts.decisions, *draft.decisions())
    return Proposal(write_declaration(draft.declaration()), draft.constant, decisions, columns.questions)


def _as_key(column: Column, key: Key) -> Column:
    """Whole numbers that are the key are no measure in any case."""
    if not (column.is_code and column.text in key.columns):
        return column
    return replace(column, kind="Int64", why="whole numbers", uncertain="")
