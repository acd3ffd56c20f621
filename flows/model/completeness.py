"""When a file is complete: how long it rests, what accompanies it, how many rows it has."""

from __future__ import annotations

from dataclasses import dataclass

from flows.model.declaration import require


@dataclass(frozen=True, kw_only=True)
class Completeness:
    """What a file has to show before it counts as complete.

    Args:
        settle_s: seconds without a change after which it does; None leaves it to the observer.
        marker: suffix of a marker file; `sales.csv` waits for `sales.csv.done` when it is `.done`.
        manifest: suffix of a JSON file beside each file: `{"rows": 7, "sha256": "…"}`, either or both.
        rows: fewest and most data rows that a file may have.
    """

    settle_s: float | None = None
    marker: str | None = None
    manifest: str | None = None
    rows: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        positive = self.settle_s is None or self.settle_s >= 0
        require(positive, "completeness.settle_s", "0 or more seconds", self.settle_s)
        _check_suffix("marker", self.marker)
        _check_suffix("manifest", self.manifest)
        _check_rows(self.rows)

    @property
    def companions(self) -> tuple[str, ...]:
        """Suffixes of the files that lie beside each file."""
        return tuple(suffix for suffix in (self.marker, self.manifest) if suffix)


def _check_suffix(name: str, suffix: str | None) -> None:
    fits = suffix is None or (isinstance(suffix, str) and len(suffix) > 1 and "/" not in suffix)  # type: ignore[redundant-expr]  # authors' files are not type-checked
    require(fits, f"completeness.{name}", "a suffix such as .done", suffix)


def _check_rows(rows: tuple[int, int] | None) -> None:
    pair = isinstance(rows, tuple) and len(rows) == 2
    fits = rows is None or (pair and 0 <= rows[0] <= rows[1])
    require(fits, "completeness.rows", "(fewest, most) with 0 <= fewest <= most", rows)
