"""Checks of a schema, and of the options that name its columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import dataframely as dy

from flows.model.archives import Zip
from flows.model.calendar import DailyBy
from flows.model.declaration import require, wrong
from flows.model.formats import CellText, Csv, Excel, Format, JsonLines
from flows.model.header import Header
from flows.model.levels import SOURCE, CalendarPart
from flows.model.measures import Aggregation, Measure
from flows.model.policies import Duplicates
from flows.model.precedence import ByColumn, Precedence
from flows.model.tables import CONTRIBUTORS_COUNT, RESERVED, SOURCE_LEVELS, TOTAL_DEPTH, Table
from flows.model.trailer import Trailer
from flows.model.types import DATETIME, DECLARED, INTEGER, type_of


def check_schema(schema: object) -> None:
    """Refuse what is no schema, and columns that no cube could hold."""
    if not (isinstance(schema, type) and issubclass(schema, dy.Schema)):
        raise wrong("schema", "a subclass of dataframely.Schema", schema)
    require(bool(schema.columns()), "schema", "at least one column", schema.__name__)
    for name, column in schema.columns().items():
        check_column(name, column, f"schema.{name}")


def check_column(name: str, column: dy.Column, field: str) -> None:
    """Refuse a column that no cube could hold.

    Args:
        name: its name.
        column: it.
        field: where it is declared.
    """
    known = ", ".join(sorted({declared.__name__ for declared in DECLARED}))
    require(type(column) in DECLARED, field, f"one of {known}", type(column).__name__)
    nameless = "columns that have names; where lines end with a delimiter: format=Csv(trailing_delimiter=True)"
    require(bool(name), field.rstrip("."), nameless, name)
    require(not _is_pattern(name), field, "another name: a text that is no pattern", name)
    require(name not in RESERVED, field, "another name; this one is taken", name)
    counted = f"{name}.COUNT" == CONTRIBUTORS_COUNT and column.nullable  # its count of values would be that of rows
    require(not counted, field, "another name, or not nullable", name)
    instead = DECLARED[type(column)].instead_of(column)
    if instead is not None:
        raise wrong(field, instead, name)


def _is_pattern(name: str) -> bool:
    """Whether polars takes a name for several columns."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def check_names(table: Table) -> None:
    """Refuse names that two things of a table would have, so that nobody could say which of them is meant."""
    taken = {m.name: _described(m) for m in table.measures} | {CONTRIBUTORS_COUNT: "the count of rows"}
    for level in table.levels:
        if isinstance(level.source, CalendarPart):
            taken[level.name] = f"a level of the calendar of {level.source.column}"
        if level.name == TOTAL_DEPTH:
            taken[TOTAL_DEPTH] = "the depth of totals"
    sources = [level.name for level in SOURCE_LEVELS]
    taken |= dict.fromkeys([SOURCE, *sources], f"what {' and '.join(sources)} say of each row's file")
    for name in (column.name for column in table.columns if column.name in taken):
        raise wrong(f"schema.{name}", f"another name: {taken[name]} is called so", name)


def _described(measure: Measure[Aggregation]) -> str:
    word = measure.aggregation.word
    return f"the {word} of {measure.name.removesuffix(f'.{word}')}"


def check_hierarchies(table: Table) -> None:
    """Refuse hierarchies of what are no levels, and names that say something else already."""
    levels = {level.name for level in table.levels}
    taken = {*(column.name for column in table.columns), *levels, *(measure.name for measure in table.measures)}
    for hierarchy in table.hierarchies:
        field = f"hierarchies.{hierarchy.name}"
        unknown = [name for name in hierarchy.levels if name not in levels]
        require(not unknown, field, f"a tuple of levels, which are {', '.join(sorted(levels))}", unknown)
        several = len(set(hierarchy.levels)) == len(hierarchy.levels) > 1
        require(several, field, "two or more different levels, the widest first", hierarchy.levels)
        both = next((name for name in hierarchy.steps if name in taken), None)
        require(both is None, field, f"another name: {both} is a column, level, measure or hierarchy already", both)
        taken.update(hierarchy.steps)


def check_format(form: Format, schema: type[dy.Schema], header: tuple[str, ...], path_columns: Collection[str]) -> None:
    """Refuse a format that does not fit the columns which its files have.

    Args:
        form: how files are written.
        schema: the dataset's.
        header: the header expected in each file.
        path_columns: the columns taken from paths.
    """
    check_moments(schema, form.cells)
    check_fields(form, header)
    check_header(form, header)
    if isinstance(form, Csv | Excel):
        check_trailers(form.trailers, header)
    check_cell_columns(form.cells.columns, {*schema.columns(), *header, *path_columns})


def check_moments(schema: type[dy.Schema], cells: CellText) -> None:
    """Refuse offsets in a column that has no zone."""
    local = [
        name
        for name, column in schema.columns().items()
        if type_of(column) is DATETIME and any(form.has_offset for form in cells.of(name).datetime_forms)
    ]
    require(not local, "format.datetime_format", "without %z, or Datetime columns with a time_zone", ", ".join(local))


def check_archives(archives: Zip | None, patterns: Collection[str]) -> None:
    """Refuse a pattern of files that would be that of the archives in which they lie."""
    alike = archives is not None and archives.pattern in patterns
    expected = "that of the files in the archives, such as *.csv; archives.pattern is theirs"
    require(not alike, "pattern", expected, ", ".join(patterns))


def check_source_columns(names: tuple[str, ...] | None, *, prepared: bool) -> None:
    """Refuse columns of the files that could not be told apart, or that nothing makes into those of the schema."""
    if names is None:
        return
    usable = all(name and not _is_pattern(name) for name in names)
    require(usable, "source_columns", "names that are not empty, and no patterns", names)
    require(len(set(names)) == len(names) > 0, "source_columns", "one or more different names", names)
    taken = sorted(RESERVED & set(names))
    require(not taken, "source_columns", "other names; these are taken", taken)
    require(prepared, "prepare", "a function, since source_columns is set", None)


def check_header(declared: Format, columns: tuple[str, ...]) -> None:
    """Refuse texts of a header that would mean no column, or two of them."""
    header = None if isinstance(declared, JsonLines) else declared.header
    if header is None or header.by == "position":
        return
    alike = [names for names in _spelled_alike(header, [(name, name) for name in columns]) if len(names) > 1]
    require(not alike, "format.header", "without ignore_case or strip, which make two columns one", alike)
    unknown = [name for name in header.aliases.values() if name not in columns]
    require(not unknown, "format.header.aliases", f"a mapping to columns, which are {', '.join(columns)}", unknown)
    texts = [*header.aliases.items(), *((name, name) for name in columns)]
    twice = [names for names in _spelled_alike(header, texts) if len(names) > 1]
    require(not twice, "format.header.aliases", "texts that are no name of another column, each for one column", twice)


def _spelled_alike(header: Header, texts: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The columns that each text of a header means."""
    found = dict[str, dict[str, None]]()
    for text, column in texts:
        found.setdefault(header.spelled(text), {})[column] = None
    return [[*columns] for columns in found.values()]


def check_fields(declared: Format, header: tuple[str, ...]) -> None:
    """Refuse paths to columns that the files do not have."""
    if isinstance(declared, JsonLines):
        unknown = sorted(set(declared.fields) - set(header))
        require(not unknown, "format.fields", f"paths to these columns: {', '.join(header)}", unknown)


def check_from_path(pattern: str | None, columns: tuple[str, ...] | None, source: tuple[str, ...] | None) -> None:
    """Refuse a pattern whose groups are no columns.

    Args:
        pattern: the regular expression.
        columns: the names that its groups may have; None for any, where `prepare` follows.
        source: the columns that the file itself holds, where they are declared.
    """
    if pattern is None:
        return
    try:
        groups = tuple(re.compile(pattern).groupindex)
    except re.error as error:
        raise wrong("from_path", f"a regular expression ({error})", pattern) from None
    require(bool(groups), "from_path", "at least one named group (?P<Column>…)", pattern)
    both = sorted(set(groups) & (RESERVED | set(source or ())))
    require(not both, "from_path", "groups named otherwise than the columns in the file", both)
    unknown = [name for name in groups if columns is not None and name not in columns]
    require(not unknown, "from_path", "groups named as columns of the schema", unknown)


def check_renamed(schema: type[dy.Schema], renamed: Mapping[str, str], derived: Collection[str]) -> None:
    """Refuse an earlier name that is one of now, and one whose column has no name now."""
    known = set(schema.columns())
    for old, new in renamed.items():
        require(
            old not in {*known, *derived}, "renamed", "a mapping from names that columns had to those they have", old
        )
        leads = {old}
        while new not in known and new in renamed and new not in leads:
            leads.add(new)
            new = renamed[new]
        require(new in known, "renamed", "a mapping to columns of the schema", new)


def check_expected_day(schema: type[dy.Schema], expect: DailyBy | None, retain_days: int | None) -> None:
    """Refuse a business day that no column holds."""
    require(retain_days is None or retain_days > 0, "retain_days", "1 or more", retain_days)
    dated = retain_days is None or expect is not None
    require(dated, "expect", "DailyBy(…), whose day retain_days counts by", None)
    if expect is not None:
        day = schema.columns().get(expect.day)
        require(isinstance(day, dy.Date), "expect.day", "a Date column of the schema", expect.day)


def check_cell_columns(named: Collection[str], known: Collection[str]) -> None:
    """Refuse options of a column that is in no file."""
    unknown = [name for name in named if name not in known]
    require(not unknown, "format.columns", f"a mapping from columns, which are {', '.join(sorted(known))}", unknown)


def check_trailers(trailers: Iterable[Trailer], columns: Collection[str]) -> None:
    """Refuse a trailer with the sum of a column that files do not have."""
    unknown = [name for trailer in trailers for name in trailer.columns.values() if name not in columns]
    expected = f"a Trailer whose groups are rows or columns of the files, which are {', '.join(columns)}"
    require(not unknown, "format.footer", expected, unknown)


def check_duplicates(schema: type[dy.Schema], duplicates: Duplicates | None) -> None:
    """Refuse the option where it would mean nothing: with a key, an equal file brings the same rows again."""
    keyless = duplicates is None or not schema.primary_key()
    expected = "absent: the table has a key, under which an equal file brings the rows that are there"
    require(keyless, "duplicates", expected, duplicates)


def check_precedence(schema: type[dy.Schema], precedence: Precedence | None) -> None:
    """Refuse an order of rows that never meet, or one by a column that has no order."""
    keyed = precedence is None or bool(schema.primary_key())
    require(keyed, "precedence", "absent: the table has no key, so that all rows stay", precedence)
    if not isinstance(precedence, ByColumn):
        return
    column = schema.columns().get(precedence.column)
    in_order = isinstance(column, dy.Date | dy.Datetime | dy.Decimal) or (column is not None and _is_whole(column))
    expected = "ByColumn(…) with a column of the schema that holds dates, moments, whole numbers or decimals"
    require(in_order, "precedence", expected, precedence)
    key = precedence.column in schema.primary_key()
    require(
        not key,
        "precedence",
        "ByColumn(…) with a column that is no key: within a key it is always the same",
        precedence,
    )


def _is_whole(column: dy.Column) -> bool:
    return isinstance(column, INTEGER.declared)
