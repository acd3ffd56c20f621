"""Which column tells rows apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from flows.errors import QueryError
from flows.inference.columns import Column
from flows.inference.evidence import Decision, Wishes, share
from flows.inference.names import ending_in
from flows.model.tables import FILE

_KEYS = frozenset(("Int64", "String", "Date", "Datetime"))
_NAMED = ending_in("id|nr|no|number|nummer|key|code")
_MANY_ROWS = 50
"""So many rows say that a column is a key whatever it is called."""


@dataclass(frozen=True)
class Key:
    """The key of a table.

    Args:
        columns: the texts of their headers; none where rows have no key.
        decision: how it was found.
    """

    columns: tuple[str, ...]
    decision: Decision


NO_KEY = Key((), Decision("key", "none", ""))
"""That of a table whose key is not looked for yet."""


def find_key(
    frame: pl.DataFrame, names: Mapping[str, str], columns: Sequence[Column], wishes: Wishes, *, apart: bool
) -> Key:
    """The first column that is named like a key, or is the first of all where there are many rows, or the same ones
    twice, and whose value no two different rows share. A key by chance would have later rows replace others.

    Args:
        frame: the cells of all files.
        names: the texts of the headers → the columns of the frame.
        columns: what they hold.
        wishes: what is decided already.
        apart: whether equal rows of two files are different ones, since their paths give them other values.

    Raises:
        QueryError: a key is wanted of a column that there is not.
    """
    unknown = [each for each in wishes.keys if each not in names]
    if unknown:
        raise QueryError(
            "There is no column of that name", next_step=f"name one of {', '.join(names)} after --key", got=unknown[0]
        )
    rows = frame.select(*names.values(), *([FILE] if apart else [])).unique(maintain_order=True)
    if wishes.keys:
        return Key(wishes.keys, Decision("key", ", ".join(wishes.keys), _repeated(rows, names, wishes.keys)))
    if wishes.keyless:
        return Key((), Decision("key", "none", "as it was asked for"))
    likely = [
        each for place, each in enumerate(columns)
        if each.kind in _KEYS and not each.nullable and (place == 0 or _NAMED.search(each.text))
    ]  # fmt: skip
    for each in likely:
        sure = rows.height >= _MANY_ROWS or rows.height < frame.height or _NAMED.search(each.text)
        if sure and rows[names[each.text]].n_unique() == rows.height > 1:
            evidence = f"{share(rows.height, rows.height)} rows, each with another one"
            return Key((each.text,), Decision("key", each.text, evidence, "by chance, if rows are few", "--no-key"))
    told = "; ".join(_repeated(rows, names, (each.text,)) for each in likely) or "no column looks like one"
    return Key((), Decision("key", "none", told, "rows are all kept", "--key"))


def _repeated(rows: pl.DataFrame, names: Mapping[str, str], key: Sequence[str]) -> str:
    """How many different rows have a key that others have too."""
    columns = [names[each] for each in key]
    again = int(rows.select(pl.struct(columns).is_duplicated().sum()).item())
    told = f"{', '.join(key)} repeats with other values in {share(again, rows.height)} rows"
    return told if again else f"{share(rows.height, rows.height)} rows, each with another {', '.join(key)}"
