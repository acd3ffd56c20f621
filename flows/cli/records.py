"""What the ledger and the quarantine of a state directory hold, with or without a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from unicodedata import normalize

from flows.errors import QueryError
from flows.model.files import shown
from flows.model.findings import Finding
from flows.model.lifecycle import State as VersionState
from flows.settings import Settings
from flows.store.derived import overruled_versions
from flows.store.history import FileRow, file_rows
from flows.store.ledger import Ledger
from flows.store.ledger_file import open_ledger
from flows.store.quarantine import Quarantine
from flows.store.state_directory import StateDirectory
from flows.store.trust import require_trusted


def list_files(
    settings: Settings, dataset: str | None, states: tuple[str, ...], *, history: bool, limit: int
) -> list[dict[str, Any]]:
    """File versions, the newest first; `first_finding` in words.

    Raises:
        QueryError: there is no dataset, or no state, of a name that is given.
    """
    unknown = sorted(set(states) - set(VersionState))
    if unknown:
        raise QueryError(
            "There is no such state of a version", next_step=f"use one of {', '.join(VersionState)}", got=unknown[0]
        )
    with ledger_of(settings) as ledger:
        require_known_dataset(ledger, dataset)
        rows = file_rows(ledger, dataset=dataset, states=states, current_only=not (history or states), limit=limit)
    return [_file(row) for row in rows]


def list_findings(settings: Settings, file: str | None, dataset: str | None) -> list[dict[str, Any]]:
    """The findings of the named file's last version that has some, or of all that is refused now, or would be; of a
    named file also what was let pass in it, as a row of its own.

    A file is named by its path in the landing directory, in full or by its end, or by a path that leads there.

    Raises:
        QueryError: no file of that name has findings, or there is no such dataset.
    """
    with ledger_of(settings) as ledger:
        require_known_dataset(ledger, dataset)
        rows = [
            row
            for row in file_rows(ledger, dataset=dataset, current_only=file is None, limit=100_000)
            if row.findings or (file is not None and row.tolerated)
        ]
        ruled_out = overruled_versions(ledger, dataset)
    if file is not None:
        rows = _named(rows, shown(os.fsencode(file)))
    kept = Quarantine(StateDirectory(settings.state).quarantine)
    return [
        {"dataset": row.dataset, "file": row.file, "version": row.version, **asdict(finding)}
        for row in rows
        for finding in (
            *(ruled_out[row.version].findings if row.version in ruled_out else kept.findings(row.dataset, row.version)),
            *([Finding("let pass", expected=row.tolerated)] if file is not None and row.tolerated else []),
        )
    ]


def require_known_dataset(ledger: Ledger, dataset: str | None) -> None:
    """Refuse the name of a dataset that the ledger does not have.

    Raises:
        QueryError: there is none of that name.
    """
    known = ledger.dataset_names()
    if dataset is not None and known and dataset not in known:
        raise QueryError("There is no dataset of that name", next_step=f"use one of {', '.join(known)}", got=dataset)


def _named(rows: list[FileRow], file: str) -> list[FileRow]:
    """The newest version of the file that a name means, composed or not; of each where it may mean several."""
    named, wanted = [(row, normalize("NFC", row.file)) for row in rows], normalize("NFC", file)
    exact = [row for row, name in named if name == wanted]
    ends = [row for row, name in named if f"/{wanted}".endswith(f"/{name}") or f"/{name}".endswith(f"/{wanted}")]
    newest: dict[tuple[str, str], FileRow] = {}
    for row in exact or ends:
        newest.setdefault((row.dataset, row.file), row)
    if not newest:
        raise QueryError("No file of that name has findings", next_step="see cubefeed files", got=file)
    return list(newest.values())


@contextmanager
def ledger_of(settings: Settings) -> Iterator[Ledger]:
    """The ledger of a state directory, for as long as it is looked at."""
    state = StateDirectory(settings.state)
    require_trusted(state.root)
    ledger = open_ledger(state.ledger, create=False, lost=state.remembers)
    try:
        yield ledger
    finally:
        ledger.close()


def _file(row: FileRow) -> dict[str, Any]:
    return {**asdict(row), "first_finding": row.first_finding.words if row.first_finding else None}
