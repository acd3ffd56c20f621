"""A schema's rules, applied to a batch of files as if each file were alone."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cache

import dataframely as dy
import polars as pl

from flows.model.duplicates import repeated, row_hash
from flows.model.finding_frame import SHOWN
from flows.model.tables import FILE, LINE, READ, ROW
from flows.validation.casts import TypedRows
from flows.validation.cost import Cost

PRIMARY_KEY = "primary_key"


@dataclass(frozen=True)
class Rule:
    """One rule of a schema.

    Args:
        flag: the column of the filter's details that says whether a row keeps it.
        name: its short name, such as `min`.
        column: the column it belongs to; None for keys and the schema's own rules.
        reads: the columns it looks at.
        expected: what the rule asks for, in words.
        rank: its place among the findings of one line.
        row_wise: whether it looks at one row at a time.
    """

    flag: str
    name: str
    column: str | None
    reads: frozenset[str]
    expected: str
    rank: int
    row_wise: bool


@dataclass(frozen=True)
class Checks:
    """A schema made ready for batches: `_file` is part of its key, and its rules are known one by one.

    Args:
        schema: with all rules.
        unkeyed: the same without its key, for batches in which no key occurs twice: to check that as a rule takes
            longer and more memory than all other rules together.
        rules: of the schema as it was declared.
        row_wise: whether each of them looks at one row at a time.
    """

    schema: type[dy.Schema]
    unkeyed: type[dy.Schema]
    rules: tuple[Rule, ...]
    row_wise: bool

    def filter(self, frame: pl.DataFrame, cost: Cost) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Good rows, and failing ones with one flag per rule, in the order of the frame; no flags where none fails.

        Raises:
            TooCostly: so many fail that what is wrong with them would take more memory than there is room for.
        """
        parts = [frame] if self.row_wise else frame.partition_by(FILE, maintain_order=True)
        keys = self.schema.primary_key()
        alone = not keys or repeated(frame.select(row_hash(keys)).to_series()).is_empty()
        schema = self.unkeyed if alone else self.schema
        results = [schema.filter(part) for part in parts or [frame]]
        cost.check_bad_rows(sum(len(result.failure) for result in results))
        good = pl.concat([result.result for result in results])
        failing = [result.failure.details() for result in results if len(result.failure)]
        return good, pl.concat(failing) if failing else frame.clear()


@cache
def checks_of(schema: type[dy.Schema], *, keys_repeat: bool = False) -> Checks:
    """The schema's rules for a batch of files; keys are unique per file, unless they may repeat.

    Rules that look at other rows too (`unique`, aggregates, windows) cannot see a batch: such a schema is
    filtered file by file.
    """
    keyed = bool(schema.primary_key())
    extra = {
        FILE: dy.UInt32(primary_key=keyed),
        LINE: dy.UInt32(),
        ROW: dy.UInt32(),
        READ: dy.Bool(check={"all": lambda read: read}),
    }
    derived: type[dy.Schema] = type(schema.__name__, (schema,), extra)
    attributes = _attributes(derived)
    unkeyed = type(schema.__name__, (schema,), {attributes[n]: _without_key(c) for n, c in derived.columns().items()})
    chosen = unkeyed if keys_repeat else derived
    rules = tuple(rule for rule in _rules(chosen, schema) if rule.column not in extra)
    return Checks(chosen, unkeyed, rules, all(rule.row_wise for rule in rules))


def expressions(checks: Checks) -> list[tuple[Rule, pl.Expr]]:
    """The rules that are an expression over the rows, each with it."""
    found = checks.unkeyed._validation_rules(with_cast=False)  # as in `_rules`
    return [(rule, found[rule.flag].expr) for rule in checks.rules if rule.flag in found]


def broken(rule: Rule, failing: pl.DataFrame, typed: TypedRows) -> pl.DataFrame:
    """The failing rows that break the rule, and do so not only because a cell they need could not be read."""
    if rule.flag not in failing.columns:  # the key, where none occurs twice
        return failing.clear()
    rows = failing.filter(pl.col(rule.flag) == "invalid")
    if rule.name == PRIMARY_KEY:
        return rows.drop_nulls(rule.reads)
    flags = (typed.unread, typed.without)
    unread = [each[name].gather(rows[ROW]) for each in flags for name in rule.reads if name in each]
    return rows.filter(~pl.any_horizontal(pl.lit(flags) for flags in unread)) if unread else rows


def sharing_a_key(schema: type[dy.Schema], rows: pl.DataFrame) -> pl.Series:
    """Positions of rows whose key another row of the same file has."""
    keys = rows.select(row_hash([FILE, *schema.primary_key()])).to_series()
    twice = repeated(keys)
    return rows[ROW].clear() if twice.is_empty() else rows[ROW].filter(keys.is_in(twice.implode()))


def refused_for_their_key(failing: pl.DataFrame) -> pl.Series:
    """Positions of the failing rows whose key another row of the same file has."""
    if PRIMARY_KEY not in failing.columns:
        return pl.Series(ROW, [], pl.UInt32)
    return failing.filter(pl.col(PRIMARY_KEY) == "invalid")[ROW]


def repeats(rows: pl.Series, typed: TypedRows, text: pl.DataFrame, *, last_stays: bool = False) -> pl.Series:
    """Those of the positions whose row says, cell for cell, what an earlier one says of the same file; or, where the
    last one stays since lines decide between rows, what a later one does."""
    spelled = [
        text[name].zip_with(flags, pl.Series([None], dtype=pl.String)).gather(rows).alias(f"_text_{position}")
        for position, (name, flags) in enumerate(typed.unread.items())
        if name in text.columns  # a derived one says what the others do
    ]
    cells = typed.frame.drop(LINE, ROW, READ)[rows].with_columns(spelled)
    whole = pl.struct(pl.all())
    stays = whole.is_last_distinct() if last_stays else whole.is_first_distinct()
    return rows.filter(~cells.select(stays).to_series())


def _attributes(schema: type[dy.Schema]) -> dict[str, str]:
    """Column → the attribute by which the schema declares it, which has another name where there is an alias."""
    declared = [pair for each in reversed(schema.__mro__) for pair in vars(each).items()]
    return {column.alias or name: name for name, column in declared if isinstance(column, dy.Column)}


def _without_key(column: dy.Column) -> dy.Column:
    other = copy(column)
    other.primary_key = False
    return other


def _rules(derived: type[dy.Schema], schema: type[dy.Schema]) -> list[Rule]:
    columns = derived.columns()
    owners = {
        f"{name}|{rule}": (rule, name)
        for name, column in columns.items()
        for rule in column.validation_rules(pl.col(name))
    }
    order = {name: position for position, name in enumerate(columns)}
    rules = []
    # dataframely has no public way to a rule's expression; its version is pinned
    for flag, rule in derived._validation_rules(with_cast=False).items():
        short, owner = owners.get(flag, (flag, None))
        is_key = flag == PRIMARY_KEY
        rules.append(
            Rule(
                flag=flag,
                name=short.removeprefix("check__"),
                column=owner,
                reads=frozenset(schema.primary_key() if is_key else rule.expr.meta.root_names()),
                expected=_expected(columns[owner], short) if owner else _expected_of_table(flag, schema),
                rank=order[owner] if owner else len(order),
                row_wise=is_key or _looks_at_one_row(rule.expr),
            )
        )
    return rules


def _expected(column: dy.Column, rule: str) -> str:
    if rule == "nullability":
        return "a value"
    value = getattr(column, rule, None)
    return f"{rule}={value}"[:SHOWN] if value is not None else f"the column's rule {rule}"


def _expected_of_table(rule: str, schema: type[dy.Schema]) -> str:
    if rule == PRIMARY_KEY:
        return f"one row per {', '.join(schema.primary_key())} in a file"
    return f"the schema's rule {rule}"


def _looks_at_one_row(expr: pl.Expr) -> bool:
    """Whether each node of the expression is row by row; a node's own answer leaves out those below."""
    try:
        return expr.meta.is_row_separable() and all(_looks_at_one_row(part) for part in expr.meta.pop())
    except pl.exceptions.PolarsError:  # a Python function inside: nobody knows what it looks at
        return False
