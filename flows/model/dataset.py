"""The declaration of a dataset: one table's schema, how its files are read, and what to do with bad rows."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dataframely as dy
import polars as pl

from flows.model.archives import Zip
from flows.model.calculated import Formula
from flows.model.calculated_checks import calculated_measures
from flows.model.calendar import DailyBy
from flows.model.calendar_levels import Calendar
from flows.model.completeness import Completeness
from flows.model.declaration import require
from flows.model.derived import Derived, with_derived
from flows.model.file_names import name_matcher
from flows.model.formats import Csv, Format, fingerprint_of
from flows.model.hierarchies import Hierarchy
from flows.model.joins import Join, check_joins
from flows.model.limits import Limits
from flows.model.number_formats import check_number_formats
from flows.model.old_names import refuse_old_names
from flows.model.option_kinds import check_kinds
from flows.model.policies import BadRows, Duplicates, Keep, RejectFile, WhenDeleted, counts_copies, unloads
from flows.model.precedence import ByArrival, ByColumn, Meaning, Precedence
from flows.model.schema_checks import (
    check_archives,
    check_duplicates,
    check_expected_day,
    check_format,
    check_from_path,
    check_hierarchies,
    check_names,
    check_precedence,
    check_renamed,
    check_schema,
    check_source_columns,
)
from flows.model.tables import LINE, VERSION, Column, Table
from flows.model.types import type_of

if TYPE_CHECKING:
    import pandas as pd

    from flows.model.expressions.compile import Computation

type Prepare = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Dataset:
    """One table of the cube and the files that fill it.

    Args:
        schema: a dataframely schema: types, keys, nullability, ranges, and rules of its own.
        landing: the directory where producers put files. Relative paths start at the working directory. It may be a
            symbolic link; in it links to files of the same tree are followed and no others, and a file with other
            names (hard links) that belongs to a third person waits until those are gone.
        name: the dataset's and the table's name; the schema's name in lower case by default.
        pattern: glob for the names of the files to take (fnmatch rules, case matters); by default the usual ending of
            the format, such as `*.csv`.
        recursive: whether directories inside the landing directory are searched too: 32 below each other, no links,
            and none whose name begins with a dot.
        archives: `Zip()` takes archives as well, whose members are files of the dataset where their names match
            `pattern`; None takes none.
        format: how the files are written: `Csv(…)`, `Parquet(…)`, `JsonLines(…)`, `Excel(…)`; or, where that is in
            several ways, a mapping from globs for their names, in place of `pattern`, of which the first one that
            matches counts: `{"*.csv": Csv(…), "*.xlsx": Excel()}`.
        columns: columns that are computed from those of the schema: name → `Derived(…)`. They come behind them.
        renamed: the earlier name of a column → its name now, so that what was loaded under the one is shown under the
            other.
        from_path: regular expression with named groups; each group is a column taken from the file's path inside the
            landing directory, all of which it has to match: `day/sales.csv`, or the name where it is not `recursive`.
        source_columns: the header expected in the file where `prepare` makes other columns of it.
        prepare: text table of one file (pandas, with `_line`) → table with the schema's columns, before the
            checks. It must keep `_line`. A change of it is seen only when `revision` is raised.
        revision: raised by the author when `prepare` changes.
        completeness: what a file has to show before it counts as complete.
        bad_rows: what to do with a file that has findings.
        when_deleted: what to do with the rows of a file that is deleted.
        duplicates: tables without keys: whether equal files count once (`Skip()`, the default) or each (`Load()`).
        precedence: tables with keys: of rows with the same key, which one stays; `ByArrival()` by default.
        limits: what the files may take, on the disk, in memory and in the quarantine.
        joins: reference tables, whose columns are levels: `(Join(PRODUCTS, on={"Product": "ID"}),)`.
        hierarchies: name → levels that are drilled in this order, such as `{"Place": ("Country", "City")}`.
        calendar: how the days of its dates and moments are grouped into years, quarters, months, weeks and weekdays.
        expect: when which business day is expected.
        measures: calculated measures by name, such as `{"Margin": Ratio("Profit.SUM", "Revenue.SUM")}`.
        number_formats: measure → how its numbers are written for people, such as `{"Margin": "{:.1%}"}`.
        retain_days: close-day takes rows out of the cube whose `expect.day` lies more than so many days back;
            None keeps all.
    """

    schema: type[dy.Schema]
    landing: str | Path
    _: KW_ONLY
    name: str = ""
    pattern: str = ""
    recursive: bool = False
    archives: Zip | None = None

    format: Format | Mapping[str, Format] = field(default_factory=Csv, hash=False)
    columns: Mapping[str, Derived] = field(default_factory=dict, hash=False)
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)
    from_path: str | None = None
    source_columns: tuple[str, ...] | None = None
    prepare: Prepare | None = None
    revision: int = 0

    completeness: Completeness = field(default_factory=Completeness)
    bad_rows: BadRows = field(default_factory=RejectFile)
    when_deleted: WhenDeleted = field(default_factory=Keep)
    duplicates: Duplicates | None = None
    precedence: Precedence | None = None
    limits: Limits = field(default_factory=Limits)

    joins: tuple[Join, ...] = ()
    hierarchies: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    calendar: Calendar = field(default_factory=Calendar)
    expect: DailyBy | None = None
    retain_days: int | None = None

    measures: Mapping[str, Formula] = field(default_factory=dict, hash=False)
    number_formats: Mapping[str, str] = field(default_factory=dict, hash=False)

    computations: Mapping[str, Computation] = field(init=False, repr=False, compare=False)
    """The derived columns, ready to be computed."""

    def __new__(cls, *_args: object, **options: object) -> Self:
        """Before `__init__` would refuse an old name without a word about the new one."""
        refuse_old_names(options)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_schema(self.schema)
        require(isinstance(self.columns, Mapping), "columns", "a mapping of names to Derived(…)", self.columns)
        object.__setattr__(self, "computations", self._compiled())
        object.__setattr__(self, "name", self.name or self.schema.__name__.lower())
        object.__setattr__(self, "landing", Path(self.landing))
        named = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,62}", self.name) is not None
        require(named, "name", "a letter, then letters, digits, - and _", self.name)
        check_kinds(vars(self), type(self))
        if not isinstance(self.format, Mapping):
            object.__setattr__(self, "pattern", self.pattern or self.format.pattern)
        check_source_columns(self.source_columns, prepared=self.prepare is not None)
        columns = tuple(self.schema.columns()) if self.prepare is None else None
        check_renamed(self.schema, self.renamed, self.columns)
        check_from_path(self.from_path, columns, self.source_columns)
        check_expected_day(self.row_schema, self.expect, self.retain_days)
        check_duplicates(self.schema, self.duplicates)
        check_precedence(self.schema, self.precedence)
        check_archives(self.archives, self.formats)
        for form in self.formats.values():
            check_format(form, self.schema, self.header, self.path_columns)
        check_joins(self.table)
        check_hierarchies(self.table)

    def _compiled(self) -> Mapping[str, Computation]:
        if not self.columns:
            return {}
        from flows.model.derived_checks import computations

        return computations(self.schema, self.columns)

    @property
    def directory(self) -> Path:
        """The landing directory."""
        return Path(self.landing)

    @cached_property
    def root(self) -> bytes:
        """The same, absolute, as the system's calls take it."""
        return os.fsencode(self.directory.absolute())

    def archive_of(self, path: bytes) -> bytes | None:
        """The archive whose member a path is; None where it is a file's."""
        return None if self.archives is None else self.archives.above(path)

    def is_archive(self, path: bytes) -> bool:
        """Whether a path is an archive's."""
        return self.archives is not None and self.archives.takes(os.fsdecode(os.path.basename(path)))

    @cached_property
    def formats(self) -> Mapping[str, Format]:
        """Glob for names of files → how those are written; the first one that matches counts."""
        return self.format if isinstance(self.format, Mapping) else {self.pattern: self.format}

    @property
    def first_format(self) -> Format:
        """How its files are written; where that is in several ways, the first of them: see `of_file`."""
        return next(iter(self.formats.values()))

    @property
    def all_patterns(self) -> str:
        """Which names it takes, for people."""
        return " or ".join(self.formats)

    def of_file(self, path: bytes) -> Dataset:
        """The dataset as it would be, had it files like this one alone; a name that none of its globs matches is read
        like one of the first."""
        if not isinstance(self.format, Mapping):
            return self
        name = os.path.basename(os.fsdecode(path))
        found = (dataset for matches, dataset in self._by_name if matches(name))
        return next(found, self._by_name[0][1])

    @cached_property
    def _by_name(self) -> tuple[tuple[Callable[[str], bool], Dataset], ...]:
        of_format = {repr(form): replace(self, format=form) for form in self.formats.values()}
        return tuple((name_matcher(glob), of_format[repr(form)]) for glob, form in self.formats.items())

    @cached_property
    def path_columns(self) -> tuple[str, ...]:
        """Columns taken from the file's path."""
        return tuple(re.compile(self.from_path).groupindex) if self.from_path else ()

    def values_of_path(self, path: str) -> dict[str, str | None] | None:
        """The values that a path inside the landing directory holds; None where it is not as `from_path` says."""
        if self.from_path is None:
            return {}
        found = re.fullmatch(self.from_path, unicodedata.normalize("NFC", path))
        return None if found is None else found.groupdict()

    def path_values(self, path: bytes) -> str:
        """The same as JSON, by which deliveries are told apart; empty where the path gives none."""
        values = self.values_of_path(os.fsdecode(path))
        return json.dumps(values, sort_keys=True) if values else ""

    def earlier_names(self, column: str) -> tuple[str, ...]:
        """The names that a column had, the last one first."""
        before = tuple(old for old, new in self.renamed.items() if new == column)
        return (*before, *(earliest for old in before for earliest in self.earlier_names(old)))

    @cached_property
    def meaning(self) -> Meaning:
        """What its deliveries mean."""
        return Meaning(
            keyed=bool(self.table.keys),
            precedence=self.precedence or ByArrival(),
            copies_count=self.duplicates is not None and counts_copies(self.duplicates),
            unload_deleted=unloads(self.when_deleted),
        )

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The header expected in each file."""
        if self.source_columns is not None:
            return self.source_columns
        return tuple(name for name in self.schema.columns() if name not in self.path_columns)

    @cached_property
    def row_schema(self) -> type[dy.Schema]:
        """The schema with the derived columns: what is checked, and what segments hold."""
        return with_derived(self.schema, self.columns)

    @cached_property
    def table(self) -> Table:
        """The table of the cube that this dataset fills."""
        columns = self.row_schema.columns()
        table = Table(
            name=self.name,
            columns=tuple(Column(name, type_of(column), column.nullable) for name, column in columns.items()),
            keys=tuple(self.schema.primary_key()),
            greatest=self.precedence.column if isinstance(self.precedence, ByColumn) else None,
            expect=self.expect,
            calendar=self.calendar,
            joins=tuple(join.of_table for join in self.joins),
            hierarchies=tuple(Hierarchy(name, tuple(levels)) for name, levels in self.hierarchies.items()),
        )
        check_names(table)
        table = replace(table, calculated=calculated_measures(self.measures, table))
        check_number_formats(self.number_formats, table)
        return replace(table, number_formats=dict(self.number_formats))

    def kept(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Checked rows, which have the types of the schema, as segments hold them; other columns stay as they are."""
        return rows.with_columns(column.type.kept(pl.col(column.name)) for column in self.table.columns)

    @cached_property
    def no_rows(self) -> pl.DataFrame:
        """No rows, with the schema's columns, `_version` and `_line`."""
        extra = (pl.lit(None, pl.Int64).alias(VERSION), pl.lit(None, pl.UInt32).alias(LINE))
        return self.kept(self.row_schema.create_empty()).with_columns(*extra)

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever the same bytes could give other rows: schema, rules, reading options, `revision`.

        The bodies of Python functions are not seen (`prepare`, `check=`): raise `revision` when they change.
        """
        facts = [
            repr(self.schema),
            f"csv={fingerprint_of(self.format)}",  # these names are on disks: another one would check all files again
            f"from_name={self.from_path!r}",
            f"source_columns={self.source_columns!r}",
            f"revision={self.revision!r}",
            f"bad_rows={self.bad_rows!r}",
            f"rows={self.completeness.rows!r}",
        ]
        facts += [f"renamed={dict(self.renamed)!r}"] if self.renamed else []
        facts += (
            [f"columns={[(name, each.fingerprint) for name, each in self.columns.items()]}"] if self.columns else []
        )
        without_addresses = re.sub(r" at 0x[0-9a-f]+", "", "\n".join(facts))
        return hashlib.sha256(without_addresses.encode()).hexdigest()[:16]
