"""The first groups of an order, in the language of the embedded engine."""

from __future__ import annotations

from flows.model.query import First, Order, Query
from flows.model.tables import Table
from flows.model.types import FLOAT


def first_groups(table: Table, query: Query, first: First) -> str:
    """The clause that leaves out all but those; none where floats decide, whose sums come as limbs."""
    kinds = {name: table.level(name).type for name in query.levels}
    kinds |= {each.name: table.type_of_measure(each.name) for each in first.order if each.name not in kinds}
    if any(kind.sums == FLOAT.sums for kind in kinds.values()):
        return ""
    place = {name: at for at, name in enumerate((*query.levels, *query.measures), start=1)}
    keys = []
    for each in (*first.order, *(Order(level) for level in query.levels)):
        nulls = "LAST" if each.descending or each.name not in query.levels else "FIRST"
        keys.append(f"{place[each.name]} {'DESC' if each.descending else 'ASC'} NULLS {nulls}")
    return f" ORDER BY {', '.join(keys)} LIMIT {first.groups}"
