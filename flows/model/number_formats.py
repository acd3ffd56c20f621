"""How the numbers of a measure are written for people: `€ {:,.2f}` as `€ 1,234.50`, `{:.1%}` of 0.123 as `12.3 %`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import isfinite
from typing import TYPE_CHECKING, Self

from flows.model.declaration import require

if TYPE_CHECKING:
    from flows.model.tables import Table  # not loaded by commands that only write numbers
    from flows.model.totals import Number

_FORM = re.compile(r"([^{}]*)\{:(,?)(?:\.([0-9]|1[0-9]|20)([f%])|d?)\}([^{}]*)")
_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
"""Digits for all of a float that is as large as one can be."""
_KNOWN = "a text with one number in it, such as '€ {:,.2f}', '{:.1%}' or '{:,} pcs'"


@dataclass(frozen=True)
class NumberFormat:
    """A text with a number in it.

    Args:
        prefix: what stands before the number,
        suffix: and behind it.
        thousands: whether its thousands are set apart by commas.
        decimals: how many digits stand behind the point, the last one rounded.
        percent: whether it is written as so many of a hundred.
    """

    prefix: str = ""
    suffix: str = ""
    thousands: bool = False
    decimals: int = 0
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """The format that a text writes.

        Raises:
            ValueError: it writes none.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(text)
        prefix, comma, decimals, kind, suffix = found.groups()
        return cls(prefix, suffix, bool(comma), int(decimals or 0), kind == "%")

    def write(self, number: Number) -> str:
        """A number for people."""
        if isinstance(number, float) and not isfinite(number):
            return f"{self.prefix}{number}{self.suffix}"
        shown = _EXACT.multiply(Decimal(number), 100 if self.percent else 1)
        digits = f"{_EXACT.quantize(shown, Decimal(1).scaleb(-self.decimals)):z{',' * self.thousands}f}"
        return f"{self.prefix}{digits}{' %' * self.percent}{self.suffix}"


def check_number_formats(formats: object, table: Table) -> None:
    """Refuse formats of measures that there are not, or that are no numbers, and texts that are no formats."""
    require(isinstance(formats, Mapping), "number_formats", "a mapping of measures to formats", formats)
    assert isinstance(formats, Mapping)
    for name, text in formats.items():
        near = difflib.get_close_matches(str(name), table.measure_names, n=1, cutoff=0.4)
        meant = "".join(f"; did you mean {each}?" for each in near)
        require(name in table.measure_names, "number_formats", f"of measures that there are{meant}", name)
        field, kind = f"number_formats[{name!r}]", table.type_of_measure(name)
        require(isinstance(text, str) and _FORM.fullmatch(text) is not None, field, _KNOWN, text)
        require(kind.numeric, field, f"of a measure of numbers; the values of {name} are of kind {kind.kind}", text)
