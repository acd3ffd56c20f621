"""Names that are looked up, and the nearest one of those that there are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from flows.errors import QueryError


def named[T](what: str, name: str, known: Mapping[str, T], table: str | None = None) -> T:
    """The one of that name; raises QueryError naming the nearest one."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    raise QueryError(
        f"There is no {what} of that name",
        next_step="".join(f"did you mean {name}? " for name in near) + f"The {what}s are: {', '.join(known)}",
        got=name,
        table=table,
    )
