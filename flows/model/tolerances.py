"""What was let pass in a file because its declaration says so: counted, and shown to people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.errors import plain

TEXT_CHARS = 200
"""Characters that a tolerance keeps of what stood in the file."""


@dataclass(frozen=True)
class Tolerance:
    """One thing that was let pass in a file.

    Args:
        kind: what it was, such as `footer`, `encoding`, `ignored column`.
        text: the same in words, with the first place where it was: "footer line 501 left out".
        count: how many lines, cells or values.
        raw: what stood there first, shortened; None where there is nothing to show.
    """

    kind: str
    text: str
    count: int = 1
    raw: str | None = None

    @property
    def words(self) -> str:
        """It in a line."""
        return plain(self.text if self.raw is None else f"{self.text}: {self.raw[:TEXT_CHARS]!r}")


def write_tolerances(tolerated: Sequence[Tolerance]) -> str | None:
    """The tolerances of a file as JSON; None where there are none."""
    return json.dumps([asdict(each) for each in tolerated]) if tolerated else None


def read_tolerances(text: str | None) -> tuple[Tolerance, ...]:
    """The same again."""
    found: Iterable[dict[str, Any]] = json.loads(text) if text else ()
    return tuple(Tolerance(**each) for each in found)
