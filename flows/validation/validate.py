"""Split the rows of a batch of files into loadable rows and findings, and judge each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from flows.model.dataset import Dataset
from flows.model.finding_frame import NOTES, first_of_each_file, lines_by_file, make_notes, rows_by_file, with_notes
from flows.model.findings import FileFindings, Verdict
from flows.model.tables import FILE, LINE, ROW
from flows.model.tolerances import Tolerance
from flows.model.types import type_of
from flows.validation.casts import TypedRows, cast_rows
from flows.validation.cost import Cost
from flows.validation.derived_columns import DERIVED, compute_derived, expected_of, operand_texts
from flows.validation.expectation import expected_texts
from flows.validation.prepare import prepare_files
from flows.validation.raw_rows import RawRows
from flows.validation.rules import PRIMARY_KEY, Checks, broken, checks_of, refused_for_their_key, repeats, sharing_a_key
from flows.validation.tolerated_cells import tolerated_cells
from flows.validation.verdict import judge, refuse


@dataclass(frozen=True)
class CheckedRows:
    """What the checks make of a batch of files.

    Args:
        rows: the good rows of the accepted files: the schema's columns, `_file` and `_line`, in file order
            and inside a file in line order (or as its `prepare` left them).
        verdicts: one per file.
    """

    rows: pl.DataFrame
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class _SortedRows:
    good: pl.DataFrame
    failing: pl.DataFrame
    typed: TypedRows
    collapsed: pl.Series  # the file of each row that was left out as a repeat


def validate(dataset: Dataset, text: RawRows) -> CheckedRows:
    """Cast and check the rows of a batch; keys, shares and rules are judged per file.

    Args:
        dataset: the declaration: schema, formats, policy.
        text: the rows as text, with what the gate found.

    Returns:
        Every row of an accepted file is good, collapsed into an identical one, or refused with a finding.
    """
    prepared = prepare_files(dataset, text)
    checks = checks_of(dataset.row_schema, keys_repeat=dataset.table.greatest is not None)
    sorted_rows = _sort(dataset, checks, prepared.frame)
    found = _with_broken_rules(dataset, checks, prepared.found, sorted_rows, prepared.frame)
    let_pass = tolerated_cells(dataset.schema, dataset.first_format.cells, prepared.frame, sorted_rows.typed)
    found = tuple(_with_tolerances(each, let_pass.get(file, ())) for file, each in enumerate(found))
    verdicts = _judge(dataset, replace(text, found=found), sorted_rows, rows_by_file(prepared.frame[FILE]))
    accepted = pl.Series([verdict.accepted for verdict in verdicts], dtype=pl.Boolean)
    good = sorted_rows.good if accepted.all() else sorted_rows.good.filter(accepted.gather(sorted_rows.good[FILE]))
    return CheckedRows(dataset.kept(good.select(*dataset.row_schema.columns(), FILE, LINE)), verdicts)


def _with_tolerances(found: FileFindings, more: tuple[Tolerance, ...]) -> FileFindings:
    return replace(found, tolerated=(*found.tolerated, *more)) if more else found


def find_faults(
    dataset: Dataset, typed: TypedRows, raw: pl.DataFrame, found: Sequence[FileFindings]
) -> tuple[FileFindings, ...]:
    """What the checks say of rows that have their types already; none of them is left out.

    Args:
        dataset: the declaration.
        typed: the rows of one file after the other.
        raw: what stands in their cells, for the findings.
        found: what is found in each file so far.
    """
    checks = checks_of(dataset.row_schema, keys_repeat=dataset.table.greatest is not None)
    good, failing = checks.filter(typed.frame, Cost(dataset))
    return _with_broken_rules(dataset, checks, found, _SortedRows(good, failing, typed, typed.frame[FILE].clear()), raw)


def _with_broken_rules(
    dataset: Dataset, checks: Checks, found: Sequence[FileFindings], rows: _SortedRows, raw: pl.DataFrame
) -> tuple[FileFindings, ...]:
    if rows.failing.is_empty():
        return tuple(found)
    thin = _thin_notes(dataset, checks, rows)
    return with_notes(found, thin, first=_full_notes(dataset, checks, first_of_each_file(thin), raw))


def _sort(dataset: Dataset, checks: Checks, text: pl.DataFrame) -> _SortedRows:
    """Filter once; where a file repeats rows, leave the repeats out and filter again."""
    typed = compute_derived(dataset, cast_rows(dataset.schema, dataset.first_format.cells, text))
    cost = Cost(dataset)
    if dataset.table.greatest is not None:
        return _sort_repeated_keys(dataset, checks, typed, text)
    good, failing = checks.filter(typed.frame, cost)
    if failing.is_empty():
        return _SortedRows(good, failing, typed, text[FILE].clear())
    again = repeats(refused_for_their_key(failing), typed, text)
    if len(again):
        good, failing = checks.filter(_without(typed.frame, again), cost)
    return _SortedRows(good, failing, typed, text[FILE].gather(again))


def _sort_repeated_keys(dataset: Dataset, checks: Checks, typed: TypedRows, text: pl.DataFrame) -> _SortedRows:
    """The same where a key may repeat: rows that are the same are left out before the only filter."""
    again = repeats(sharing_a_key(dataset.schema, typed.frame), typed, text, last_stays=True)
    rows = _without(typed.frame, again) if len(again) else typed.frame
    good, failing = checks.filter(rows, Cost(dataset))
    if dataset.prepare is not None:
        # It may make several rows of a line. Of those with one key the line does not say which one stays.
        one = good.select([FILE, *dataset.table.keys, LINE])
        last = good.sort(dataset.table.greatest or LINE, nulls_last=False, maintain_order=True)
        last = last.filter(last.select(pl.struct(one.columns).is_last_distinct()).to_series())
        again = again.append(good[ROW].filter(~good[ROW].is_in(last[ROW].implode())))
        good = good.filter(pl.col(ROW).is_in(last[ROW].implode()))
    return _SortedRows(good, failing, typed, text[FILE].gather(again))


def _without(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    return frame.filter(~pl.col(ROW).is_in(rows.implode()))


_THIN = [FILE, LINE, ROW]
_THIN_NOTES = pl.Schema({**dict.fromkeys(_THIN, pl.UInt32), "rule": pl.String, "check": pl.Int32, "rank": pl.Int32})


def _thin_notes(dataset: Dataset, checks: Checks, found: _SortedRows) -> pl.DataFrame:
    """One row per finding, without the texts, which are looked up for those that are kept."""
    columns = dataset.row_schema.columns()
    position = {name: index for index, name in enumerate(columns)}
    left = found.failing.select(*_THIN)
    notes = [
        left.filter(flags.gather(left[ROW])).with_columns(
            rule=pl.lit(_rule_of(dataset, name)), check=-1 - position[name], rank=position[name]
        )
        for name, flags in found.typed.unread.items()
    ]
    for check, rule in enumerate(checks.rules):
        rows = broken(rule, found.failing, found.typed)
        notes.append(rows.select(*_THIN, rule=pl.lit(rule.name), check=check, rank=rule.rank))
    return pl.concat([_THIN_NOTES.to_frame(), *notes])


def _rule_of(dataset: Dataset, name: str) -> str:
    """What a finding calls it that a column has no value where it should."""
    return DERIVED if name in dataset.columns else type_of(dataset.schema.columns()[name]).kind


def _full_notes(dataset: Dataset, checks: Checks, thin: pl.DataFrame, text: pl.DataFrame) -> pl.DataFrame:
    notes = [NOTES.to_frame()]
    for (check,), rows in thin.group_by("check", maintain_order=True):
        assert isinstance(check, int)
        name, raw, expected = _words(dataset, checks, check, text[rows[ROW]])
        notes.append(make_notes(rows, column=pl.lit(name, pl.String), raw=raw, expected=expected))
    return pl.concat(notes)


def _words(
    dataset: Dataset, checks: Checks, check: int, text: pl.DataFrame
) -> tuple[str | None, pl.Series | pl.Expr, pl.Series | pl.Expr]:
    """The column of a check, what stands in the cells of rows that fail it, and what should."""
    if check < 0:
        name, column = list(dataset.row_schema.columns().items())[-1 - check]
        if name in dataset.columns:
            return name, operand_texts(dataset, name, text), pl.lit(expected_of(dataset, name))
        return name, text[name], expected_texts(name, column, dataset.first_format, text[name])
    rule = checks.rules[check]
    if rule.name == PRIMARY_KEY:
        key = text.select(pl.format(f"{name}={{}}", pl.col(name)).alias(name) for name in dataset.table.keys)
        return None, key.select(pl.concat_str(pl.all(), separator=", ")).to_series(), pl.lit(rule.expected)
    if rule.column is not None and rule.column in dataset.columns:
        return rule.column, operand_texts(dataset, rule.column, text), pl.lit(rule.expected)
    return rule.column, text[rule.column] if rule.column else pl.lit(None, pl.String), pl.lit(rule.expected)


def _judge(dataset: Dataset, text: RawRows, found: _SortedRows, prepared: dict[int, int]) -> tuple[Verdict, ...]:
    good, failed = rows_by_file(found.good[FILE]), rows_by_file(found.failing[FILE])
    collapsed = rows_by_file(found.collapsed)
    lines = lines_by_file(_refused_lines(dataset, text, found)) if failed else {}
    verdicts = []
    for file, before in enumerate(text.found):
        if before.refusal is not None:
            verdicts.append(refuse(before, rows=text.data_rows[file]))
            continue
        all_found = _with_rows(before, failed[file], lines[file]) if file in failed else before
        counts = {"rows": good.get(file, 0), "collapsed": collapsed.get(file, 0)}
        verdicts.append(judge(dataset.bad_rows, all_found, judged=before.refused + prepared.get(file, 0), **counts))
    return tuple(verdicts)


def _with_rows(found: FileFindings, refused: int, lines: Sequence[int]) -> FileFindings:
    """The same with more rows refused."""
    return replace(found, refused=found.refused + refused, refused_lines=tuple(sorted({*found.refused_lines, *lines})))


def _refused_lines(dataset: Dataset, text: RawRows, found: _SortedRows) -> pl.DataFrame:
    """The physical lines of failing rows; a row whose cells hold line ends stands on several."""
    rows = found.failing.select(FILE, LINE)
    if not text.multiline:
        return rows
    cells = [pl.col(name).str.count_matches("\n", literal=True) for name in dataset.header]
    hurt = text.frame.join(rows, on=[FILE, LINE], how="semi")
    end = pl.col(LINE) + 1 + pl.sum_horizontal(cells)
    return hurt.select(FILE, pl.int_ranges(LINE, end, dtype=pl.UInt32).alias(LINE)).explode(LINE)
