"""The declaration of a dataset: one table's schema, how its files are read, and what to do with bad rows."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dataframely as dy
import polars as pl

from flows.model.declaration import require, wrong
from flows.model.formats import Csv
from flows.model.tables import CONTRIBUTORS_COUNT, LINE, RESERVED, VERSION, Column, Table
from flows.model.types import DECLARED, type_of

if TYPE_CHECKING:
    import pandas as pd

LEAST_QUARANTINE_DAYS = 30
"""Refused bytes that lie nowhere else are kept so long in any case: a month's close finds them."""

type Prepare = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class RejectFile:
    """One finding refuses the whole file; what was loaded from the path before stays."""


@dataclass(frozen=True)
class SkipRows:
    """Refused rows are left out, up to a share of the file's rows; above it the whole file is refused.

    Args:
        up_to: the largest share of refused rows, from 0 to 1.
    """

    up_to: float

    def __post_init__(self) -> None:
        require(0 <= self.up_to <= 1, "bad_rows", "SkipRows(up_to=…) from 0 to 1", self.up_to)


@dataclass(frozen=True)
class Keep:
    """The rows of a file that is deleted from the directory stay in the cube."""


@dataclass(frozen=True)
class Unload:
    """The rows of a file that is deleted from the directory leave the cube."""


@dataclass(frozen=True)
class DailyBy:
    """A business day's rows are expected by a time of day.

    Args:
        time: `HH:MM`, local time in `zone`.
        zone: an IANA time zone such as `Europe/Paris`.
        day: the Date column that holds the business day.
        lag_days: how many days before the day of the check the expected business day lies.
        weekdays: the days on which data is expected, Monday is 0.
        holidays: ISO dates on which none is.
    """

    time: str
    zone: str
    day: str
    lag_days: int = 1
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    holidays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.time) is not None, "expect.time", "HH:MM", self.time)
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise wrong("expect.zone", "an IANA time zone such as Europe/Paris", self.zone) from None
        require(self.lag_days >= 0, "expect.lag_days", "0 or more", self.lag_days)
        require(
            bool(self.weekdays) and set(self.weekdays) <= set(range(7)),
            "expect.weekdays",
            "days from 0 (Monday) to 6",
            self.weekdays,
        )
        for holiday in self.holidays:
            require(_is_iso_date(holiday), "expect.holidays", 'dates such as "2026-12-25"', holiday)


@dataclass(frozen=True)
class Dataset:
    """One table of the cube and the files that fill it.

    Args:
        schema: a dataframely schema: types, keys, nullability, ranges, and rules of its own.
        landing: the directory where producers put files. Relative paths start at the working directory. It may be a
            symbolic link; in it links to files of the same tree are followed and no others, and a file with other
            names (hard links) that belongs to a third person waits until those are gone.
        name: the dataset's and the table's name; the schema's name in lower case by default.
        pattern: glob for the names of the files to take (fnmatch rules, case matters).
        recursive: whether directories inside the landing directory are searched too: 32 below each other, no links,
            and none whose name begins with a dot.
        csv: how the files' text is read.
        from_name: regular expression with named groups; each group is a column taken from the file's name.
        source_columns: the header expected in the file where `prepare` makes other columns of it.
        prepare: text table of one file (pandas, with `_line`) → table with the schema's columns, before the
            checks. It must keep `_line`. A change of it is seen only when `revision` is raised.
        revision: raised by the author when `prepare` changes.
        bad_rows: what to do with a file that has findings.
        when_deleted: what to do with the rows of a file that is deleted.
        rows: fewest and most data rows that a file may have.
        marker: suffix of a marker file; `sales.csv` waits for `sales.csv.done` when it is `.done`.
        manifest: suffix of a JSON file beside each file: `{"rows": 7, "sha256": "…"}`, either or both.
        max_bytes: a larger file, also after decompression, is quarantined before it is read.
        quarantine_bytes: how much of what was refused is kept; by default two of the largest files. Bytes that lie
            nowhere else go last, and not within 30 days.
        quarantine_days: how long it is kept, 30 or more; by default a quarter, as backups are.
        read_memory_bytes: most memory that its files may take while they are read, all of a batch together; None takes
            a third of what this machine or container has. A file that needs more is quarantined before it is tried.
        settle_s: seconds without a change after which a file counts as complete; None leaves it to the observer.
        expect: when which business day is expected.
        retain_days: close-day takes rows out of the cube whose `expect.day` lies more than so many days back;
            None keeps all.
    """

    schema: type[dy.Schema]
    landing: str | Path
    name: str = ""
    pattern: str = "*.csv"
    recursive: bool = False
    csv: Csv = field(default_factory=Csv)
    from_name: str | None = None
    source_columns: tuple[str, ...] | None = None
    prepare: Prepare | None = None
    revision: int = 0
    bad_rows: RejectFile | SkipRows = field(default_factory=RejectFile)
    when_deleted: Keep | Unload = field(default_factory=Keep)
    rows: tuple[int, int] | None = None
    marker: str | None = None
    manifest: str | None = None
    max_bytes: int = 1 << 30
    quarantine_bytes: int = 2 << 30
    quarantine_days: int = 90
    read_memory_bytes: int | None = None
    settle_s: float | None = None
    expect: DailyBy | None = None
    retain_days: int | None = None

    def __post_init__(self) -> None:
        is_schema = isinstance(self.schema, type) and issubclass(self.schema, dy.Schema)  # type: ignore[redundant-expr]  # authors' files are not type-checked
        require(
            is_schema,
            "schema",
            "a subclass of dataframely.Schema",
            self.schema,
        )
        object.__setattr__(self, "name", self.name or self.schema.__name__.lower())
        object.__setattr__(self, "landing", Path(self.landing))
        require(
            re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,62}", self.name) is not None,
            "name",
            "a letter, then letters, digits, - and _",
            self.name,
        )
        self._check_policies()
        self._check_columns()
        self._check_from_name()
        self._check_limits()

    def _check_columns(self) -> None:
        columns = self.schema.columns()
        require(bool(columns), "schema", "at least one column", self.schema.__name__)
        for name, column in columns.items():
            known = ", ".join(sorted({declared.__name__ for declared in DECLARED}))
            require(type(column) in DECLARED, f"schema.{name}", f"one of {known}", type(column).__name__)
            require(name not in RESERVED, f"schema.{name}", "another name; this one is taken", name)
            counted = (
                f"{name}.COUNT" == CONTRIBUTORS_COUNT and column.nullable
            )  # its count of values would be that of rows
            require(not counted, f"schema.{name}", "another name, or not nullable", name)
            zoned = isinstance(column, dy.Datetime) and column.time_zone is not None
            require(not zoned, f"schema.{name}", "a Datetime without time zone", name)
        if self.source_columns is not None:
            require(
                len(set(self.source_columns)) == len(self.source_columns) > 0,
                "source_columns",
                "one or more different names",
                self.source_columns,
            )
            taken = sorted(RESERVED & set(self.source_columns))
            require(not taken, "source_columns", "other names; these are taken", taken)
            require(self.prepare is not None, "prepare", "a function, since source_columns is set", None)

    def _check_from_name(self) -> None:
        if self.from_name is None:
            return
        try:
            groups = tuple(re.compile(self.from_name).groupindex)
        except re.error as error:
            raise wrong("from_name", f"a regular expression ({error})", self.from_name) from None
        require(bool(groups), "from_name", "at least one named group (?P<Column>…)", self.from_name)
        both = sorted(set(groups) & (RESERVED | set(self.source_columns or ())))
        require(not both, "from_name", "groups named otherwise than the columns in the file", both)
        if self.prepare is None:
            unknown = [name for name in groups if name not in self.schema.columns()]
            require(not unknown, "from_name", "groups named as columns of the schema", unknown)

    def _check_policies(self) -> None:
        """Authors' files are not type-checked: a class without its brackets, or a word, would mean something else."""
        policies: dict[str, tuple[type, ...]] = {
            "csv": (Csv,),
            "bad_rows": (RejectFile, SkipRows),
            "when_deleted": (Keep, Unload),
            "expect": (DailyBy, NoneType),
        }
        for name, kinds in policies.items():
            expected = " or ".join(f"{kind.__name__}(…)" for kind in kinds if kind is not NoneType)
            require(isinstance(getattr(self, name), kinds), name, expected, getattr(self, name))

    def _check_limits(self) -> None:
        if self.rows is not None:
            pair = isinstance(self.rows, tuple) and len(self.rows) == 2  # type: ignore[redundant-expr]  # as above
            fits = pair and 0 <= self.rows[0] <= self.rows[1]
            require(fits, "rows", "(fewest, most) with 0 <= fewest <= most", self.rows)
        for what in ("marker", "manifest"):
            suffix = getattr(self, what)
            require(
                suffix is None or (len(suffix) > 1 and "/" not in suffix),
                what,
                "a suffix such as .done",
                suffix,
            )
        require(self.max_bytes > 0, "max_bytes", "a positive number of bytes", self.max_bytes)
        require(self.quarantine_bytes >= 0, "quarantine_bytes", "0 or more bytes", self.quarantine_bytes)
        days = self.quarantine_days
        require(days >= LEAST_QUARANTINE_DAYS, "quarantine_days", f"{LEAST_QUARANTINE_DAYS} or more", days)
        room = self.read_memory_bytes
        require(room is None or room > 0, "read_memory_bytes", "a positive number of bytes", room)
        require(self.settle_s is None or self.settle_s >= 0, "settle_s", "0 or more seconds", self.settle_s)
        require(self.retain_days is None or self.retain_days > 0, "retain_days", "1 or more", self.retain_days)
        dated = self.retain_days is None or self.expect is not None
        require(dated, "expect", "DailyBy(…), whose day retain_days counts by", None)
        if self.expect is not None:
            day = self.schema.columns().get(self.expect.day)
            require(isinstance(day, dy.Date), "expect.day", "a Date column of the schema", self.expect.day)

    @property
    def directory(self) -> Path:
        """The landing directory."""
        return Path(self.landing)

    @cached_property
    def root(self) -> bytes:
        """The same, absolute, as the system's calls take it."""
        return os.fsencode(self.directory.absolute())

    @cached_property
    def name_columns(self) -> tuple[str, ...]:
        """Columns taken from the file's name."""
        return tuple(re.compile(self.from_name).groupindex) if self.from_name else ()

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The header expected in each file."""
        if self.source_columns is not None:
            return self.source_columns
        return tuple(name for name in self.schema.columns() if name not in self.name_columns)

    @cached_property
    def table(self) -> Table:
        """The table of the cube that this dataset fills."""
        columns = self.schema.columns()
        return Table(
            name=self.name,
            columns=tuple(Column(name, type_of(column), column.nullable) for name, column in columns.items()),
            keys=tuple(self.schema.primary_key()),
        )

    @cached_property
    def no_rows(self) -> pl.DataFrame:
        """No rows, with the schema's columns, `_version` and `_line`."""
        extra = (pl.lit(None, pl.Int64).alias(VERSION), pl.lit(None, pl.UInt32).alias(LINE))
        return self.schema.create_empty().with_columns(*extra)

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever the same bytes could give other rows: schema, rules, reading options, `revision`.

        The bodies of Python functions are not seen (`prepare`, `check=`): raise `revision` when they change.
        """
        reading = ("csv", "from_name", "source_columns", "revision", "bad_rows", "rows")
        facts = [
            repr(self.schema),
            *(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name in reading),
        ]
        without_addresses = re.sub(r" at 0x[0-9a-f]+", "", "\n".join(facts))
        return hashlib.sha256(without_addresses.encode()).hexdigest()[:16]


def _is_iso_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except (ValueError, TypeError):
        return False
