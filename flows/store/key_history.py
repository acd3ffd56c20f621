"""The deliveries that hold a key: which of them is shown, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from flows.errors import QueryError
from flows.model.condition_text import parse_condition, split_condition
from flows.model.dataset import Dataset
from flows.model.files import first_names, shown
from flows.model.lifecycle import LIVE, State
from flows.model.matching import matches
from flows.model.merge import last_by_rank
from flows.model.precedence import ByArrival, ByColumn, ByName, Rank
from flows.model.tables import LINE, VERSION, Table
from flows.store.ledger import Ledger
from flows.store.ranks import live_ranks
from flows.store.row_files import holders
from flows.store.segment_rows import Part, legible, scan_segments
from flows.store.segments import Segments
from flows.store.upkeep import horizon_of

_SHOWN_PATHS = 3


@dataclass(frozen=True)
class KeyRow:
    """A row of a key.

    Args:
        key: the values of the key's columns, as text.
        file: the paths that have the delivery, or had it.
        version: the version that brought it.
        line: its line in the file.
        at_utc: when it was found.
        shown: whether the cube shows it.
        why: why, or why not.
        values: of the other columns.
    """

    key: str
    file: str
    version: int
    line: int | None
    at_utc: str
    shown: bool
    why: str
    values: str


def key_rows(
    dataset: Dataset, ledger: Ledger, segments: Segments, conditions: Sequence[str], *, limit: int
) -> list[KeyRow]:
    """The rows with these values of key columns, as far as they lie in segments, the newest first.

    Args:
        dataset: whose.
        ledger: the ledger.
        segments: where the rows are.
        conditions: of some of the key's columns or of all.
        limit: how many at most.

    Raises:
        QueryError: the table has no keys, or one of the conditions is of no column of its key.
        RequestFailed: a segment cannot be read.
    """
    wanted = _wanted(dataset, conditions)
    rows = _rows(dataset, ledger, segments, wanted).sort(VERSION, LINE, descending=True)
    ranks = {
        id: rank for those in live_ranks(ledger, dataset.name, dataset.meaning).values() for id, rank in those.items()
    }
    winning = _winning(dataset, ledger, rows, ranks)
    held_by = holders(ledger, set(rows[VERSION]))
    return [_key_row(dataset, row, winning, held_by) for row in rows.head(limit).to_dicts()]


def _wanted(dataset: Dataset, conditions: Sequence[str]) -> pl.Expr:
    table = dataset.table
    if not table.keys:
        raise QueryError("The table has no keys: all rows of its files are in it", next_step="use --file or --day")
    expressions = []
    for condition in conditions:
        if split_condition(condition, table.keys)[0] not in table.keys:
            raise QueryError(
                "A condition is of no column of the key",
                next_step=f"write for example {table.keys[0]}=1",
                got=condition,
                allowed=", ".join(table.keys),
            )
        asked = parse_condition(condition, {key: table.column(key).type for key in table.keys})
        kind = table.column(asked.name).type
        expressions.append(matches(asked, pl.col(asked.name).cast(kind.frame), kind))
    return pl.all_horizontal(expressions)


def _rows(dataset: Dataset, ledger: Ledger, segments: Segments, wanted: pl.Expr) -> pl.DataFrame:
    """The rows of all segments, dead ones included, whose columns have the types of now."""
    table = dataset.table
    with segments.reading():
        known = ledger.segments(dataset.name).values()
        parts = [Part(facts, path, {}) for facts in known if (path := segments.path(facts)).exists()]
        empty = dataset.no_rows.select(*(c.name for c in table.columns), VERSION, LINE)
        with legible(parts):
            found = [_typed(scan, dataset).filter(wanted) for scan in scan_segments(parts)]
            return pl.concat([empty, *pl.collect_all(found)], how="vertical_relaxed")


def _typed(scan: pl.LazyFrame, dataset: Dataset) -> pl.LazyFrame:
    stored = scan.collect_schema()
    columns = [
        pl.col(c.name) if c.type.is_stored_as(stored.get(c.name)) else pl.lit(None, c.type.frame).alias(c.name)
        for c in dataset.table.columns
    ]
    line = pl.col(LINE) if LINE in stored else pl.lit(None, pl.UInt32).alias(LINE)
    return scan.select(*columns, VERSION, line)


def _winning(
    dataset: Dataset, ledger: Ledger, rows: pl.DataFrame, ranks: Mapping[int, Rank]
) -> dict[tuple[Any, ...], tuple[int, int | None, bool]]:
    """Key → the version and line that cover the others, and whether retention leaves it in the cube."""
    table = dataset.table
    horizon = horizon_of(ledger, dataset)
    best = last_by_rank(table, rows, ranks)
    kept = pl.lit(True) if horizon is None else horizon.kept()
    return {
        tuple(row[name] for name in table.keys): (row[VERSION], row[LINE], row["_kept"])
        for row in best.with_columns(kept.alias("_kept")).to_dicts()
    }


def _key_row(
    dataset: Dataset,
    row: Mapping[str, Any],
    winning: Mapping[tuple[Any, ...], tuple[int, int | None, bool]],
    holding: Mapping[int, Sequence[Any]],
) -> KeyRow:
    keys = dataset.table.keys
    held_by = holding.get(row[VERSION], [])
    best = winning.get(tuple(row[name] for name in keys))
    wins = best is not None and best[:2] == (row[VERSION], row[LINE])
    names = list(dict.fromkeys(shown(each.path) for each in held_by if each.state in LIVE)) or [
        shown(each.path) for each in held_by[:1]
    ]
    others = [c.name for c in dataset.table.columns if c.name not in keys]
    return KeyRow(
        key=_text(dataset.table, row, keys),
        file=first_names(names, _SHOWN_PATHS) or "?",
        version=row[VERSION],
        line=row[LINE],
        at_utc=min((each.detected_utc for each in held_by), default=""),
        shown=wins and best is not None and best[2],
        why=_why(dataset, held_by, best, wins, holding),
        values=_text(dataset.table, row, others),
    )


def _text(table: Table, row: Mapping[str, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name}={table.column(name).type.words(row[name])}" for name in names)


def _why(
    dataset: Dataset,
    held_by: Sequence[Any],
    best: tuple[int, int | None, bool] | None,
    wins: bool,
    holding: Mapping[int, Sequence[Any]],
) -> str:
    if not any(each.state in LIVE for each in held_by):
        return _why_left(held_by[0]) if held_by else "the ledger does not know it any more"
    if wins and best is not None:
        return _rule(dataset) if best[2] else f"it is of a day that retention has taken out; else {_rule(dataset)}"
    over = [shown(each.path) for each in holding.get(best[0], []) if each.state in LIVE] if best is not None else []
    return f"covered by {first_names(over, _SHOWN_PATHS) or 'another row'}, which ranks higher"


def _rule(dataset: Dataset) -> str:
    match dataset.meaning.precedence:
        case ByArrival():
            return "of those in the cube it ranks highest: by arrival"
        case ByName():
            return "of those in the cube it ranks highest: by name"
        case ByColumn(column):
            return f"of those in the cube it has the greatest {column}"


def _why_left(version: Any) -> str:
    since = f" since {version.ended_utc}" if version.ended_utc else ""
    match version.state:
        case State.SUPERSEDED:
            return f"its path shows something else{since}"
        case State.UNLOADED:
            return f"{version.reason or 'unloaded'}{since}"
        case _:
            return f"it was refused{since}"
