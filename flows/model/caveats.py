"""What an answer says of itself: the commit that it is of, and what is known to be missing or wrong in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

SHOWN_DAYS = 10


class CaveatKind(StrEnum):
    """What can be wrong with an answer."""

    REFUSED = "refused"
    STALE = "stale"
    SKIPPED = "skipped"
    WAITING = "waiting"
    DEGRADED = "degraded"
    INCOMPLETE = "incomplete"
    LATE = "late"
    RESTATED = "restated"
    KEPT = "kept"
    UNMATCHED = "unmatched"
    RESTORED = "restored"


@dataclass(frozen=True)
class Caveat:
    """Something that is known to be missing, old or doubtful in what was asked.

    Args:
        kind: what.
        dataset: whose.
        count: of how many files, days or rows.
        text: the same in words, without the dataset.
        command: what shows more of it.
        days: the business days that it is about, the last 10 at most; of files none.
    """

    kind: CaveatKind
    dataset: str
    count: int
    text: str
    command: str
    days: tuple[date, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The caveat in JSON types."""
        return asdict(self) | {"kind": self.kind.value, "days": [day.isoformat() for day in self.days]}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Caveat:
        """The caveat that `as_json` made."""
        days = tuple(map(date.fromisoformat, facts["days"]))
        return cls(**{**facts, "kind": CaveatKind(facts["kind"]), "days": days})


@dataclass(frozen=True)
class AsOf:
    """How new an answer is: all of this commit is in it, and what was committed while it was made may be.

    Args:
        commit: the number of the last commit of what was asked; 0 before the first.
        at_utc: when that was in the cube.
        newest_file: the file that was loaded last.
    """

    commit: int = 0
    at_utc: str | None = None
    newest_file: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The same in JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class AnswerContext:
    """What is said with an answer, in whatever form it goes out; without caveats it is complete and current."""

    as_of: AsOf = field(default_factory=AsOf)
    caveats: tuple[Caveat, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same in JSON types: `as_of`, and `caveats`, which are empty where there are none."""
        return {"as_of": self.as_of.as_json(), "caveats": [caveat.as_json() for caveat in self.caveats]}

    @classmethod
    def of_all(cls, contexts: Sequence[AnswerContext]) -> AnswerContext:
        """What is said with an answer that is made of several ones, at least one."""
        as_of = max((each.as_of for each in contexts), key=lambda each: each.commit)
        return cls(as_of, tuple(dict.fromkeys(caveat for each in contexts for caveat in each.caveats)))

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> AnswerContext:
        """What `as_json` made."""
        return cls(AsOf(**facts["as_of"]), tuple(map(Caveat.from_json, facts["caveats"])))
