"""A business day as people see it: expected, come, late, closed, and restated where it was corrected after that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, assert_never

from flows.model.totals import JsonValue, Value, from_json, is_same, to_json


class DayState(StrEnum):
    """What a business day is."""

    EXPECTED = "expected"
    ARRIVED = "arrived"
    LATE = "late"
    CLOSED = "closed"
    RESTATED = "restated"


@dataclass(frozen=True)
class DayChange:
    """A business day has become something else.

    Args:
        dataset: whose day.
        day: the day.
        state: what it is now.
        at_utc: since when.
        facts: what there is to say of that, in JSON types.
    """

    dataset: str
    day: date
    state: DayState
    at_utc: datetime
    facts: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The change in JSON types."""
        at_utc = self.at_utc.isoformat(timespec="milliseconds")
        return {"business_day": self.day.isoformat(), "state": self.state.value, "at_utc": at_utc, **self.facts}


SaidBy = Literal["rows", "path", "expected"]
"""What says that a day has come: rows of it; or a file without rows, by its path, or as the day that was expected when
the file came."""


@dataclass(frozen=True)
class TotalChange:
    """What a total of a closed day was, and what it is now."""

    measure: str
    before: Value
    after: Value

    def as_json(self) -> dict[str, JsonValue]:
        """The change in JSON types."""
        return {"measure": self.measure, "before": to_json(self.before), "after": to_json(self.after)}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> TotalChange:
        """The change that `as_json` made."""
        return cls(facts["measure"], from_json(facts["before"]), from_json(facts["after"]))


@dataclass(frozen=True)
class BusinessDay:
    """What is known of a day of a dataset. Times are UTC, as the ledger writes them.

    Args:
        dataset: whose day.
        day: the day.
        state: what it is.
        arrived_utc: when its first rows were in the cube, or a file has said that there are none.
        rows: how many came then; once it was closed, how many are in the cube.
        said_by: what has said that it has come.
        version: the file version that has said so, where that has no rows.
        late_utc: when it was found to be late.
        checked_utc: when it was last looked at to be closed, whatever that found.
        closed_utc: when it was closed.
        closed_by: the Prefect run that did so.
        restated_utc: when its totals were last found to be others than those with which it was closed.
        totals: those with which it was closed: measure → value.
        changes: where it is restated, the totals that are others now.
    """

    dataset: str
    day: date
    state: DayState = DayState.EXPECTED
    arrived_utc: str | None = None
    rows: int | None = None
    said_by: SaidBy | None = None
    version: int | None = None
    late_utc: str | None = None
    checked_utc: str | None = None
    closed_utc: str | None = None
    closed_by: str | None = None
    restated_utc: str | None = None
    totals: Mapping[str, Value] | None = None
    changes: tuple[TotalChange, ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and perhaps restated since."""
        return self.state in (DayState.CLOSED, DayState.RESTATED)

    @property
    def has_come(self) -> bool:
        """Whether its data has come, or it was closed without any."""
        return self.arrived_utc is not None or self.is_closed

    @property
    def since_utc(self) -> str | None:
        """Since when it is what it is; None while it is only expected."""
        match self.state:
            case DayState.EXPECTED:
                return None
            case DayState.ARRIVED:
                return self.arrived_utc
            case DayState.LATE:
                return self.late_utc
            case DayState.CLOSED:
                return self.closed_utc
            case DayState.RESTATED:
                return self.restated_utc
            case _:
                assert_never(self.state)

    @property
    def change(self) -> DayChange | None:
        """What it has become, to be told; None while it is only expected."""
        if self.since_utc is None:
            return None
        return DayChange(self.dataset, self.day, self.state, datetime.fromisoformat(self.since_utc), self._facts())

    def _facts(self) -> dict[str, Any]:
        rows = self.rows or 0
        match self.state:
            case DayState.EXPECTED | DayState.LATE:
                return {"rows": rows}
            case DayState.ARRIVED:
                return {"rows": rows, "said_by": self.said_by, "late_utc": self.late_utc}
            case DayState.CLOSED:
                return {"rows": rows, "run": self.closed_by}
            case DayState.RESTATED:
                changes = [change.as_json() for change in self.changes]
                return {"rows": rows, "closed_utc": self.closed_utc, "changes": changes}
            case _:
                assert_never(self.state)

    def as_json(self) -> dict[str, Any]:
        """What people are shown of it, in JSON types; the totals at the close are left out."""
        facts = asdict(replace(self, totals=None)) | {"day": self.day.isoformat(), "state": self.state.value}
        facts["changes"] = [change.as_json() for change in self.changes]
        return {name: value for name, value in facts.items() if name not in ("totals", "version", "checked_utc")}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> BusinessDay:
        """The day that `as_json` has shown."""
        day, changes = date.fromisoformat(facts["day"]), tuple(map(TotalChange.from_json, facts["changes"]))
        return cls(**{**facts, "day": day, "state": DayState(facts["state"]), "changes": changes})

    def arrived(self, rows: int, at_utc: str, *, said_by: SaidBy = "rows", version: int | None = None) -> BusinessDay:
        """The same once rows of it came, or a file that says that there are none; as it is where that is nothing new.

        What a day that was closed becomes, its totals say.
        """
        is_new = self.state in (DayState.EXPECTED, DayState.LATE)
        has_rows_after_all = self.state is DayState.ARRIVED and not self.rows and rows > 0
        if not is_new and not has_rows_after_all:
            return self
        facts = {"arrived_utc": at_utc, "rows": rows, "said_by": said_by, "version": version}
        return replace(self, state=DayState.ARRIVED, **facts)  # type: ignore[arg-type]  # a mapping of several types

    def taken_back(self) -> BusinessDay:
        """The same where the file has left that had said that it has no rows; one that was closed stays so."""
        if self.state is not DayState.ARRIVED or self.version is None:
            return self
        state = DayState.EXPECTED if self.late_utc is None else DayState.LATE
        return replace(self, state=state, arrived_utc=None, rows=None, said_by=None, version=None)

    def late(self, at_utc: str) -> BusinessDay:
        """The same once its time has passed; as it is where it has come, or was found late before."""
        return replace(self, state=DayState.LATE, late_utc=at_utc) if self.state is DayState.EXPECTED else self

    def checked(self, at_utc: str) -> BusinessDay:
        """The same once a close has looked at it."""
        return replace(self, checked_utc=at_utc)

    def closed(self, totals: Mapping[str, Value], rows: int | None, at_utc: str, *, run: str | None) -> BusinessDay:
        """The same once it was closed with these totals; one that is closed with them stays as it is."""
        if self.state is DayState.CLOSED:
            return self
        return replace(
            self,
            state=DayState.CLOSED,
            rows=rows,
            closed_utc=at_utc,
            closed_by=run,
            totals=totals,
            changes=(),
        )

    def compared(self, totals: Mapping[str, Value], rows: int | None, at_utc: str) -> BusinessDay:
        """The same with what its totals are now: restated where they are others than those with which it was closed.

        Measures that were not among them, or are not any more, say nothing: the declaration is another one.
        """
        before = self.totals or {}
        both = [name for name in before if name in totals]
        changes = tuple(
            TotalChange(name, before[name], totals[name]) for name in both if not is_same(before[name], totals[name])
        )
        if not self.is_closed or changes == self.changes:
            return self
        return replace(self, state=DayState.RESTATED, rows=rows, restated_utc=at_utc, changes=changes)
