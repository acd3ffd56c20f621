"""A part of an expression, ready to be computed: what it is, its values, and where there are none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

import polars as pl

MOST = 10**38 - 1
"""The largest number of units that a decimal of polars, Parquet and DuckDB holds."""


class Kind(Enum):
    """What the values of a part are."""

    NUMBER = "an exact number"
    RATIO = "a quotient"
    FLOAT = "a float"
    TEXT = "a text"
    TRUTH = "a truth value"
    DAY = "a day"
    CLOCK = "a date and time without a zone"
    MOMENT = "a moment of a time zone"
    SPAN = "a span of time"
    NOTHING = "no value"


class Refused(Exception):
    """An expression that cannot be declared.

    Args:
        got: what of it.
        expected: what to write instead.
    """

    def __init__(self, got: str, expected: str) -> None:
        super().__init__(got)
        self.got = got
        self.expected = expected


@dataclass(frozen=True)
class Term:
    """A part of an expression.

    Args:
        kind: what its values are.
        value: them. Exact numbers are whole units of 10 ** -scale, in 128 bits; moments are in microseconds.
        scale: how many digits a unit stands behind the point.
        bound: the most units that there can be, with either sign.
        failed: where the value could not be computed; None where that cannot be.
        constant: the value of a literal, as Python has it.
        ratio: of a quotient the two numbers, the second one null where it was zero.
        zone: of moments their time zone.
    """

    kind: Kind
    value: pl.Expr
    scale: int = 0
    bound: int = 0
    failed: pl.Expr | None = None
    constant: object = None
    ratio: tuple[Term, Term] | None = None
    zone: str | None = None


NOTHING = Term(Kind.NOTHING, pl.lit(None))


@dataclass
class Sheet:
    """The steps of a computation. Each is a column of its own, so that nothing is computed twice.

    Args:
        taken: names that no step may have.
        steps: name → what it is computed from: columns, and steps before it.
    """

    taken: Collection[str]
    steps: dict[str, pl.Expr] = field(default_factory=dict)

    def keep(self, value: pl.Expr) -> pl.Expr:
        """The values of a step, computed once."""
        name = f"_step_{len(self.steps)}"
        while name in self.taken:
            name = f"_{name}"
        self.steps[name] = value
        return pl.col(name)

    def name_of(self, value: pl.Expr) -> str:
        """The name of the step that has these values."""
        name = value.meta.output_name()
        return name if name in self.steps else self.name_of(self.keep(value))

    def flag(self, where: pl.Expr) -> pl.Expr:
        """Where something is so; not where it is not known, since a value is null there."""
        return self.keep(where.fill_null(False))

    def failed(self, *flags: pl.Expr | None) -> pl.Expr | None:
        """Where any of the flags is set."""
        given = [flag for flag in flags if flag is not None]
        return given[0] if len(given) == 1 else self.keep(pl.any_horizontal(given)) if given else None

    def term(
        self, kind: Kind, value: pl.Expr, *of: Term, failed: pl.Expr | None = None, zone: str | None = None
    ) -> Term:
        """A term that is computed from others, and fails where they do."""
        return Term(kind, self.keep(value), failed=self.failed(failed, *(each.failed for each in of)), zone=zone)


def no_meaning(what: str, *terms: Term, expected: str) -> Refused:
    """What to raise where an operation has no meaning for these kinds."""
    return Refused(f"{what} of {' and '.join(each.kind.value for each in terms)}", expected)
