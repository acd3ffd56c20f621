"""What commands show of a state directory with or without a live process, and what they do to it without one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from flows.errors import QueryError, RequestFailed, StateError
from flows.model.files import shown
from flows.model.lifecycle import State as VersionState
from flows.settings import Settings
from flows.store.history import FileRow, file_rows
from flows.store.ledger import Ledger
from flows.store.ledger_file import open_ledger
from flows.store.quarantine import Quarantine
from flows.store.state import State
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
    with _ledger(settings) as ledger:
        _require_known(ledger, dataset)
        rows = file_rows(ledger, dataset=dataset, states=states, current_only=not (history or states), limit=limit)
    return [_file(row) for row in rows]


def list_findings(settings: Settings, file: str | None, dataset: str | None) -> list[dict[str, Any]]:
    """The findings of the named file's last version that has some, or of all that is refused now.

    A file is named by its path in the landing directory, in full or by its end, or by a path that leads there.

    Raises:
        QueryError: no file of that name has findings, or there is no such dataset.
    """
    with _ledger(settings) as ledger:
        _require_known(ledger, dataset)
        rows = [
            row for row in file_rows(ledger, dataset=dataset, current_only=file is None, limit=100_000) if row.findings
        ]
    if file is not None:
        rows = _named(rows, shown(os.fsencode(file)))
    kept = Quarantine(State(settings.state).quarantine)
    return [
        {"dataset": row.dataset, "file": row.file, "version": row.version, **asdict(finding)}
        for row in rows
        for finding in kept.findings(row.dataset, row.version)
    ]


def _require_known(ledger: Ledger, dataset: str | None) -> None:
    known = ledger.dataset_names()
    if dataset is not None and known and dataset not in known:
        raise QueryError("There is no dataset of that name", next_step=f"use one of {', '.join(known)}", got=dataset)


def _named(rows: list[FileRow], file: str) -> list[FileRow]:
    """The newest version of the file that a name means; of each where it may mean several."""
    exact = [row for row in rows if row.file == file]
    ends = [row for row in rows if f"/{file}".endswith(f"/{row.file}") or f"/{row.file}".endswith(f"/{file}")]
    newest: dict[tuple[str, str], FileRow] = {}
    for row in exact or ends:
        newest.setdefault((row.dataset, row.file), row)
    if not newest:
        raise QueryError("No file of that name has findings", next_step="see cubefeed files", got=file)
    return list(newest.values())


def only_dataset(settings: Settings) -> str:
    """The one dataset of the live process.

    Raises:
        NotRunning: nothing is running.
        QueryError: there are several.
    """
    names = State(settings.state).require_owner().datasets
    if len(names) != 1:
        raise QueryError("There are several datasets", next_step="name one with --dataset", got=", ".join(names))
    return names[0]


def dataset_called(settings: Settings, name: str) -> tuple[Settings, str]:
    """The settings under which a dataset is declared that a person names, by its name or as path/to/file.py:NAME, and
    its name.

    Raises:
        DeclarationError: it is not found, or declared wrongly.
    """
    from flows.datasets import find_dataset

    return (replace(settings, datasets=name), find_dataset(name).name) if ".py:" in name else (settings, name)


def restore_ledger_here(settings: Settings) -> dict[str, Any]:
    """Restore the ledger of a state directory that nothing runs on. Returns what was found.

    Raises:
        StateError: there is nothing to make it from.
    """
    from flows.datasets import load_datasets
    from flows.store.restore import restore_ledger

    tables = [dataset.table for dataset in load_datasets(settings)]
    state = State(settings.state)
    if not state.ledger.exists() and not state.remembers:
        raise StateError(
            "There is no ledger here, and nothing to make one from", next_step="check --state", state=state.root
        )
    state.create()
    with state.owned():
        return asdict(restore_ledger(state, tables))


def accept_landing_here(settings: Settings, name: str, *, dry_run: bool) -> dict[str, Any]:
    """Believe a landing directory as it is now, where nothing runs on the state directory; the next session finds that
    the known files which are missing from it are gone. Returns these, as an outcome of a request names them.

    Raises:
        QueryError: there is no such dataset.
        RequestFailed: the directory cannot be seen, or is empty: that is for a session to hear, which acts on it.
        LandingHangs: it does not answer.
    """
    from flows.datasets import load_datasets
    from flows.ingest.bootstrap import open_monitor
    from flows.ingest.request_handlers import NAMED, require_seen

    dataset = next((each for each in load_datasets(settings) if each.name == name), None)
    state = State(settings.state)
    with _ledger(settings) as ledger, state.owned():
        _require_known(ledger, name)
        if dataset is None:
            raise QueryError("No declaration has that name", next_step="name its file in CUBEFEED_DATASETS", got=name)
        monitor = open_monitor(dataset, ledger, settle_s=0, observer="polling", wake=lambda: None)
        try:
            listing = monitor.call(monitor.inbox.rescan)
            require_seen(dataset, listing)
            if not listing.files:
                raise RequestFailed(
                    "The landing directory is empty, as an unmounted one is",
                    next_step=f"start a session, then cubefeed landing accept {name}",
                    landing=dataset.directory,
                )
            gone = monitor.inbox.list_missing(listing if dry_run else monitor.call(monitor.inbox.accept))
        finally:
            monitor.close()
    why = "it leaves when the next session starts"
    named = [{"file": shown(path), "state": "missing", "reason": why} for path in sorted(gone)[:NAMED]]
    return {"dataset": name, "files": named, "file_count": len(gone)}


@contextmanager
def _ledger(settings: Settings) -> Iterator[Ledger]:
    state = State(settings.state)
    require_trusted(state.root)
    ledger = open_ledger(state.ledger, create=False, lost=state.remembers)
    try:
        yield ledger
    finally:
        ledger.close()


def _file(row: FileRow) -> dict[str, Any]:
    return {**asdict(row), "first_finding": row.first_finding.words if row.first_finding else None}
