"""A line below the rows of a file that says what the file has to hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from flows.model.declaration import declared_words, require, wrong

ROWS = "rows"
"""The group that holds the number of rows."""


@dataclass(frozen=True, repr=False)
class Trailer:
    r"""A line below the rows, each of whose named groups is checked.

        Trailer(r"TOTAL;(?P<rows>\d+);(?P<Amount>[\d.,]+)")
        Trailer(r"Sum: (?P<total>.+)", sums={"total": "Amount (EUR)"})

    Args:
        pattern: regular expression that all of the line has to match. The group `rows` is the number of rows, any other
            one the sum of a column of the file, written as its cells are: it has to be that of all rows, to the last
            digit. A file without such a line, or with several, is refused.
        sums: group → column, where a column's name cannot be that of a group, or is `rows`.
    """

    pattern: str
    sums: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        groups = pattern_of("format.footer", self.pattern).groupindex
        require(bool(groups), "format.footer", "a Trailer with a named group such as (?P<rows>\\d+)", self.pattern)
        unknown = sorted(set(self.sums) - set(groups))
        require(not unknown, "format.footer", "a Trailer whose sums name groups of its pattern", unknown)

    @cached_property
    def columns(self) -> dict[str, str]:
        """Group → the column whose sum it is."""
        groups = re.compile(self.pattern).groupindex
        return {group: self.sums.get(group, group) for group in groups if group in self.sums or group != ROWS}

    def __repr__(self) -> str:
        return declared_words(self)


type FooterLine = str | Trailer
"""What may stand below the rows: a regular expression, or a line that is checked."""


def check_footer(footer: tuple[FooterLine, ...]) -> None:
    """Refuse what cannot stand below the rows.

    Raises:
        DeclarationError: with the option.
    """
    require(isinstance(footer, tuple), "format.footer", 'a tuple such as ("TOTAL.*",)', footer)
    for line in footer:
        if not isinstance(line, Trailer):
            pattern_of("format.footer", line)


def trailers_of(footer: tuple[FooterLine, ...]) -> tuple[Trailer, ...]:
    """What is checked of what stands below the rows."""
    return tuple(line for line in footer if isinstance(line, Trailer))


def pattern_of(name: str, pattern: str) -> re.Pattern[str]:
    """A regular expression, ready to be used.

    Raises:
        DeclarationError: it is none.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise wrong(name, f"a regular expression ({error})", pattern) from None
