"""How the tables stand that are joined to one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class ReferenceState:
    """How a joined table stands, for those who read what it says of the rows of another one.

    Args:
        name: what its levels are called by: `Product`, and behind it `Product.Supplier`.
        dataset: whose table it is.
        ready: whether it is complete; until then, rows have no match that may have one.
        degraded: why its dataset cannot load now, so that it may be old.
        unmatched: how many rows have no match in it, though they have one in what lies before it; None where that is
            not counted.
    """

    name: str
    dataset: str
    ready: bool
    degraded: str | None
    unmatched: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The same in JSON types, but for its name."""
        return {key: value for key, value in asdict(self).items() if key != "name"}
