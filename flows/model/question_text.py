"""Orders and tops as people write them: `-Revenue.SUM`, `10`, `3 per Country`."""

from __future__ import annotations

import re
from collections.abc import Collection

from flows.errors import QueryError
from flows.model.condition_values import unquoted
from flows.model.query import Order
from flows.model.question import Top

_TOP = re.compile(r"\s*([0-9]{1,9})(?:\s+per\s+(\S.*?))?\s*", re.IGNORECASE | re.DOTALL)


def parse_order(text: str, known: Collection[str]) -> Order:
    """What to sort by: a name, from its greatest down where a `-` stands before it.

    Args:
        text: what is written.
        known: the names that there are; one of them may begin with a `-` itself.
    """
    if text in known or not text.startswith("-"):
        return Order(text)
    return Order(text[1:].strip(), descending=True)


def parse_top(text: str) -> Top:
    """How many groups, and for each member of which level.

    Raises:
        QueryError: it has another form.
    """
    found = _TOP.fullmatch(text)
    if found is None:
        raise QueryError(
            "top cannot be used", next_step="write for example 10, or 3 per Country", got=text, field="top"
        )
    return Top(int(found[1]), None if found[2] is None else unquoted(found[2]))
