"""What a segment's keys are: the range of the first one, so that most segments need not be read for a correction, and
whether a content has one twice."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import polars as pl

from flows.model.duplicates import repeated, row_hash
from flows.model.tables import VERSION, Table
from flows.store.ledger import SegmentFacts


def key_range(table: Table, rows: pl.DataFrame) -> tuple[str | None, str | None]:
    """The least and the greatest value of the first key, as the ledger writes them; None where there is none."""
    if not table.keys or rows.is_empty() or table.keys[0] not in rows.columns:
        return None, None
    first = rows[table.keys[0]]
    return _json(first.min()), _json(first.max())


def keys_repeat(table: Table, rows: pl.DataFrame) -> bool:
    """Whether several rows of one version have the same key."""
    return bool(table.keys) and not repeated(rows.select(row_hash([VERSION, *table.keys])).to_series()).is_empty()


def _json(value: object) -> str:
    return json.dumps(value if isinstance(value, int | float | str) else str(value))


def _edge(written: str, kind: pl.DataType) -> Any:
    """An edge as the ledger has it, to be compared with others of its type: days and moments are in order as texts."""
    return Decimal(json.loads(written)) if isinstance(kind, pl.Decimal) else json.loads(written)


def may_hold(segment: SegmentFacts, keys: pl.Series) -> bool:
    """Whether a segment can hold a row with one of these values of the first key, going by its range."""
    if segment.key_low is None or segment.key_high is None or keys.is_empty():
        return segment.rows > 0 and not keys.is_empty()
    low, high = (_edge(_json(edge), keys.dtype) for edge in (keys.min(), keys.max()))
    return not (high < _edge(segment.key_low, keys.dtype) or low > _edge(segment.key_high, keys.dtype))
