"""The facts of a business day, as the owner finds them and reports show them. No numbers are computed later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from flows.model.business_day import BusinessDay
from flows.model.totals import JsonValue, Number, Value, difference, from_json, to_json

Came = Literal["received", "late", "corrected", "refused", "duplicate"]


_VALUES = ("value", "day_before", "week_before")


@dataclass(frozen=True)
class Total:
    """A measure on a date, and what it was before; None without rows, words where it does not fit."""

    date: str
    measure: str
    value: Value
    day_before: Value
    week_before: Value

    @property
    def day_change(self) -> Number | None:
        return difference(self.value, self.day_before)

    @property
    def week_change(self) -> Number | None:
        return difference(self.value, self.week_before)

    def as_json(self) -> dict[str, JsonValue]:
        """The total in JSON types."""
        values = {name: to_json(getattr(self, name)) for name in _VALUES}
        return {"date": self.date, "measure": self.measure, **values}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Total:
        """The total that `as_json` made."""
        return cls(facts["date"], facts["measure"], *(from_json(facts[name]) for name in _VALUES))


@dataclass(frozen=True)
class DayFile:
    """One file version of a day.

    Args:
        file: its name.
        came: as what it came.
        state: the version's state.
        rows: rows that were accepted.
        refused: rows that were not.
        why: the reason and the first finding, in words; what it is late for, if it is.
        detected_utc: when it was found.
    """

    file: str
    came: Came
    state: str
    rows: int
    refused: int
    why: str
    detected_utc: str


@dataclass(frozen=True)
class Run:
    """A Prefect run and its address."""

    what: str
    url: str


@dataclass(frozen=True)
class DayReport:
    """All that a report says.

    Args:
        dataset: the dataset.
        day: the business day.
        level: the Date column that holds the days; None where there is none.
        day_before: the business day before; None where the calendar begins with the day.
        week_before: the same weekday of the week before; None where there is none.
        since_utc: files that came after this,
        until_utc: and until this belong to the day, besides those that hold rows of it.
        due: whether the day's rows had to be there by now; None where none are expected.
        totals: by date, the last date first, then by measure.
        counts: as what files came → how many.
        files: the files, those that need attention first.
        more_files: how many are counted but not named.
        loaded_utc: when rows of the day were last loaded.
        stale: how many files show other bytes than the rows in the cube.
        waiting: how many files wait.
        rows: rows in the cube.
        missing: rows that the ledger has and the cube has not.
        extra: the other way round.
        complaints: what is not as it should be.
        state: what is known of the business day; None where the dataset has none.
        closed_by: the Prefect run that closed the day.
        runs: where to look further.
        formats: measure → how its numbers are written.
        unmatched: joined table → rows in the cube that have no match in it.
    """

    dataset: str
    day: str
    level: str | None
    day_before: str | None
    week_before: str | None
    since_utc: str
    until_utc: str
    due: bool | None
    totals: tuple[Total, ...]
    counts: Mapping[str, int]
    files: tuple[DayFile, ...]
    more_files: int
    loaded_utc: str | None
    stale: int
    waiting: int
    rows: int
    missing: int
    extra: int
    complaints: tuple[str, ...]
    state: BusinessDay | None = None
    closed_by: str | None = None
    runs: tuple[Run, ...] = field(default=())
    formats: Mapping[str, str] = field(default_factory=dict)
    unmatched: Mapping[str, int] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether the cube equals the ledger."""
        return not self.missing and not self.extra

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(total.measure for total in self.totals))

    @property
    def of_the_day(self) -> tuple[Total, ...]:
        """The totals of the day itself."""
        return tuple(total for total in self.totals if total.date == self.day)

    def as_json(self) -> dict[str, Any]:
        """The report in JSON types."""
        state = self.state.as_json() if self.state is not None else None
        return {**asdict(self), "totals": [total.as_json() for total in self.totals], "state": state}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> DayReport:
        """The report that `as_json` made."""
        known = {each.name: facts[each.name] for each in fields(cls) if each.name in facts}
        return cls(
            **{
                **known,
                "totals": tuple(Total.from_json(total) for total in facts["totals"]),
                "files": tuple(DayFile(**file) for file in facts["files"]),
                "complaints": tuple(facts["complaints"]),
                "state": BusinessDay.from_json(facts["state"]) if facts.get("state") else None,
                "runs": tuple(Run(**run) for run in facts.get("runs", ())),
            }
        )
