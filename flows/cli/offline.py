"""What commands do to a state directory on which no session runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.cli.records import ledger_of, require_known_dataset
from flows.errors import QueryError, RequestFailed, StateError
from flows.model.files import shown
from flows.settings import Settings
from flows.store.state_directory import StateDirectory


def restore_ledger_offline(settings: Settings) -> dict[str, Any]:
    """Restore the ledger of a state directory that nothing runs on. Returns what was found.

    Raises:
        StateError: there is nothing to make it from.
    """
    from flows.datasets import load_datasets
    from flows.store.restore import restore_ledger

    tables = [dataset.table for dataset in load_datasets(settings)]
    state = StateDirectory(settings.state)
    if not state.ledger.exists() and not state.remembers:
        raise StateError(
            "There is no ledger here, and nothing to make one from", next_step="check --state", state=state.root
        )
    state.create()
    with state.owned():
        return asdict(restore_ledger(state, tables))


def check_declarations(settings: Settings) -> list[dict[str, Any]]:
    """What the declarations would do to what is loaded, beside a session or without one."""
    from flows.datasets import load_datasets
    from flows.ingest.declaration_check import check_declaration
    from flows.store.segments import Segments

    with ledger_of(settings) as ledger:
        segments = Segments(StateDirectory(settings.state).segments)
        found = []
        for dataset in load_datasets(settings):
            with TemporaryDirectory(prefix="cubefeed-check-") as scratch:
                effects = check_declaration(dataset, ledger, segments, Path(scratch))
            found += [{"dataset": dataset.name, **asdict(effect)} for effect in effects]
        return found


def accept_landing_offline(settings: Settings, name: str, *, dry_run: bool) -> dict[str, Any]:
    """Believe a landing directory as it is now, where nothing runs on the state directory; the next session finds that
    the known files which are missing from it are gone. Returns these, as an outcome of a request names them.

    Raises:
        QueryError: there is no such dataset.
        RequestFailed: the directory cannot be seen, or is empty: that is for a session, which acts on it.
        LandingHangs: it does not answer.
    """
    from flows.datasets import load_datasets
    from flows.ingest.bootstrap import open_monitor
    from flows.ingest.request_answers import NAMED
    from flows.ingest.request_work import require_seen

    dataset = next((each for each in load_datasets(settings) if each.name == name), None)
    state = StateDirectory(settings.state)
    with ledger_of(settings) as ledger, state.owned():
        require_known_dataset(ledger, name)
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
