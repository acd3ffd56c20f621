"""The names of Cubefeed's events in Prefect, and what each carries: others build automations on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

RESOURCE = "cubefeed.dataset."
"""An event's resource is this and the dataset's name."""


class EventName(StrEnum):
    """All events. A name stays as it is: automations of users match it."""

    FILE_LOADED = "cubefeed.file.loaded"
    FILE_QUARANTINED = "cubefeed.file.quarantined"
    DAY_ARRIVED = "cubefeed.day.arrived"
    DAY_LATE = "cubefeed.day.late"
    DAY_CLOSED = "cubefeed.day.closed"
    DAY_RESTATED = "cubefeed.day.restated"
    SESSION_STARTED = "cubefeed.session.started"
    SESSION_STOPPED = "cubefeed.session.stopped"
    SESSION_DEGRADED = "cubefeed.session.degraded"
    SESSION_RECOVERED = "cubefeed.session.recovered"


@dataclass(frozen=True)
class EventKind:
    """What an event says.

    Args:
        when: when it is emitted.
        payload: each field of its payload, and what that holds.
    """

    when: str
    payload: Mapping[str, str]


_FILES = {
    "count": "how many files",
    "rows": "how many rows of them are in the cube",
    "files": "their names, the first 200",
    "first": "the first of them in a line, with its first finding",
}
_DAY = {
    "business_day": "the day, as in 2021-05-03",
    "state": "the last word of the event's name",
    "at_utc": "when that was",
    "rows": "how many rows came with it; of a closed day, how many are in the cube",
}
_SESSION = {"engine": "`duckdb` or `atoti`", "url": "the live page"}

EVENTS: Mapping[EventName, EventKind] = {
    EventName.FILE_LOADED: EventKind("files were loaded, once per batch", _FILES),
    EventName.FILE_QUARANTINED: EventKind("files were refused, once per batch", _FILES),
    EventName.DAY_ARRIVED: EventKind(
        "rows of a business day are in the cube for the first time, or a file has said that it has none; of days that "
        "come together, the last 31",
        _DAY
        | {
            "said_by": "`rows`; or a file without rows, by its `path`, or as the day `expected` when it came",
            "late_utc": "when it was found late; null where it was not",
        },
    ),
    EventName.DAY_LATE: EventKind("the time of a business day has passed, and nothing of it has come", _DAY),
    EventName.DAY_CLOSED: EventKind(
        "close-day has found nothing to complain of", _DAY | {"run": "the run that closed it; null outside of Prefect"}
    ),
    EventName.DAY_RESTATED: EventKind(
        "totals of a closed day are others now",
        _DAY
        | {
            "closed_utc": "when it was closed",
            "changes": "the totals that are others: `measure`, `before`, `after`; none where they are as they were",
        },
    ),
    EventName.SESSION_STARTED: EventKind("the session is open, and what waited is loaded", _SESSION),
    EventName.SESSION_STOPPED: EventKind("the session ends in order, or by a failure that it could name", _SESSION),
    EventName.SESSION_DEGRADED: EventKind("the dataset cannot load now, and is tried again", {"why": "the reason"}),
    EventName.SESSION_RECOVERED: EventKind("the dataset loads again", {"why": "what had been the reason"}),
}


def markdown_table() -> str:
    """The events as `deployments/README.md` has them."""
    rows = [
        f"| `{name}` | {kind.when} | {'; '.join(f'`{field}`: {what}' for field, what in kind.payload.items())} |"
        for name, kind in EVENTS.items()
    ]
    return "\n".join(["| event | when | payload |", "|---|---|---|", *rows]) + "\n"
