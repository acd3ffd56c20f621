"""How the line above the rows of a file names their columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from flows.model.declaration import require

By = Literal["order", "name", "position"]
Extra = Literal["refuse", "ignore"]
Missing = Literal["refuse", "null"]
Preamble = int | Literal["header"]


@dataclass(frozen=True)
class Header:
    """What a file's header has to be.

    Args:
        by: `order`: the declared names in the declared order. `name`: the names in any order. `position`: any line with
            as many cells, whose texts are not compared.
        extra: what to do with a file that has other columns besides, where `by="name"`: `refuse` it, or `ignore` them,
            which is counted.
        missing: what to do with a file that lacks a column, where `by="name"`: `refuse` it, or take `null` for its
            values; a column that may not be null is never left out.
        aliases: other texts for a column: text in the file → the column's name.
        ignore_case: whether upper and lower case are the same in names.
        strip: whether blanks around names are left out.
    """

    by: By = "order"
    extra: Extra = "refuse"
    missing: Missing = "refuse"
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    ignore_case: bool = False
    strip: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("by", By), ("extra", Extra), ("missing", Missing)):
            choices = get_args(kind)
            got = getattr(self, name)
            require(got in choices, f"format.header.{name}", f"one of {', '.join(choices)}", got)
        by_name = self.by == "name" or (self.extra, self.missing) == ("refuse", "refuse")
        require(by_name, "format.header.by", '"name", so that columns may be extra or missing', self.by)

    def spelled(self, name: str) -> str:
        """A name as it is compared: letters with marks are the same in one piece and in two."""
        name = unicodedata.normalize("NFC", name.strip() if self.strip else name)
        return name.casefold() if self.ignore_case else name


def check_header(header: Header | None, preamble: Preamble, unit: Literal["lines", "rows"]) -> None:
    """Refuse a header that is none, and what stands above it where that cannot be found.

    Raises:
        DeclarationError: with the option.
    """
    require(isinstance(header, Header | None), "format.header", "Header(…) or None", header)
    whole = isinstance(preamble, int) and preamble >= 0
    require(whole or preamble == "header", "format.preamble", f'a number of {unit}, or "header"', preamble)
    searched = preamble == "header" and (header is None or header.by == "position")
    require(not searched, "format.preamble", f"a number of {unit} where no header names the columns", preamble)
