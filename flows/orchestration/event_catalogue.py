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
_SESSION = {"engine": "`duckdb` or `atoti`", "url": "the live page"}

EVENTS: Mapping[EventName, EventKind] = {
    EventName.FILE_LOADED: EventKind("files were loaded, once per batch", _FILES),
    EventName.FILE_QUARANTINED: EventKind("files were refused, once per batch", _FILES),
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
