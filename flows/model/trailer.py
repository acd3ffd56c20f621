"""A line below the rows of a file that says what the file has to hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flows.model.declaration import require, wrong

ROWS = "rows"
"""The group that holds the number of rows."""


@dataclass(frozen=True)
class Trailer:
    r"""A line below the rows, each of whose named groups is checked.

    Args:
        pattern: regular expression that all of the line has to match. The group `rows` is the number of rows, any other
            one the sum of the column of its name: `r"TOTAL;(?P<rows>\d+);(?P<Amount>[\d.,]+)"`. A file without such a
            line, or with several, is refused.
    """

    pattern: str

    def __post_init__(self) -> None:
        require(bool(pattern_of("format.footer", self.pattern).groupindex), "format.footer", "a Trailer with a named "
                "group such as (?P<rows>\\d+)", self.pattern)  # fmt: skip


def pattern_of(name: str, pattern: str) -> re.Pattern[str]:
    """A regular expression, ready to be used.

    Raises:
        DeclarationError: it is none.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise wrong(name, f"a regular expression ({error})", pattern) from None
